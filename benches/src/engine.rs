//! The engines that count.

mod gress;
mod plain;
mod raw_rocksdb;

pub(crate) use gress::{Durability, count as count_in_job};

use crate::{measure::Sample, workload::Workload};
use gress_core::ByteSize;
use gress_runtime::Result;

/// `state.memory` of the job on RocksDB: a million counters fit, and what a checkpoint of all of them takes beside them.
pub(crate) const MEMORY: ByteSize = ByteSize(1 << 30);

/// Something that counts events by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A loop over a hash map.
    Plain,
    /// A job on memory, without checkpoints.
    GressMemory,
    /// A job on RocksDB, with a checkpoint each second and [`MEMORY`] of memory.
    GressRocksDb,
    /// A get and a put for each event, without log.
    RawRocksDb,
}

impl Engine {
    /// All engines; ratios are to the first.
    pub(crate) const ALL: [Engine; 4] = [Engine::Plain, Engine::GressMemory, Engine::GressRocksDb, Engine::RawRocksDb];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Plain => "plain hashbrown loop",
            Engine::GressMemory => "Gress on memory, no checkpoints",
            Engine::GressRocksDb => "Gress on RocksDB, a checkpoint each second",
            Engine::RawRocksDb => "raw RocksDB get + put, WAL off",
        }
    }

    /// Counts all events of the workload, or as many as a slow engine can.
    pub(crate) fn run(self, workload: &Workload) -> Result<Sample> {
        match self {
            Engine::Plain => plain::count(workload),
            Engine::GressMemory => gress::count(workload, Durability::None, None),
            Engine::GressRocksDb => gress::count(workload, Durability::CheckpointEachSecond, Some(MEMORY)),
            Engine::RawRocksDb => raw_rocksdb::count(&workload.shorter(2_000_000)),
        }
    }
}

/// Checks that an engine has counted every event.
fn check(engine: &str, counted: u64, workload: &Workload) -> Result<()> {
    match counted == workload.events {
        true => Ok(()),
        false => {
            Err(gress_runtime::Error::operator(format!("{engine} counted {counted} of {} events", workload.events)))
        }
    }
}
