//! Counters that take four times the memory they may have.

use super::counter;
use crate::{
    engine::{
        Engine,
        gress::{Settings, same},
        raw_rocksdb::{self, Memory},
    },
    measure::Sample,
    workload::Workload,
};
use gress_core::ByteSize;
use gress_runtime::Result;

/// What an engine is told to keep to: `state.memory` of a job, block cache and write buffers of raw RocksDB.
const BUDGET: ByteSize = ByteSize::mib(64);
/// What its process has: what [`crate::command`] `large` allows a peak to be.
pub(super) const LIMIT: ByteSize = ByteSize(BUDGET.0 / 100 * 115 + (64 << 20));
/// Bytes that a counter takes in a table of live values, about.
const COUNTER_BYTES: u64 = 48;
/// Counters of four times the budget.
pub(super) const KEYS: u64 = 4 * BUDGET.0 / COUNTER_BYTES;
/// Each counter is counted twice on average: half of the reads find nothing, if all keys are alike.
pub(super) const EVENTS: u64 = 2 * KEYS;

/// Whether an engine can keep a part of its state on disk.
pub(super) fn runs_on(engine: Engine) -> bool {
    matches!(engine, Engine::GressRocksDb | Engine::RawRocksDb | Engine::RawRocksDbBatched)
}

pub(super) fn run(engine: Engine, workload: &Workload) -> Result<Option<Sample>> {
    match engine {
        Engine::GressRocksDb => counter::count_with(Settings::durable(BUDGET), workload, |key| key).map(Some),
        Engine::RawRocksDb | Engine::RawRocksDbBatched => {
            let memory = Memory { block_cache: BUDGET.0 / 2, write_buffers: Some(BUDGET.0 / 2) };
            let change = counter::Counting::of(workload, |key| key);
            raw_rocksdb::run(engine, memory, workload.events, &change, |raw| {
                same("raw RocksDB counted", raw.sum(|_, value| raw_rocksdb::number(value))?, workload.events)
            })
        }
        _ => Ok(None),
    }
}
