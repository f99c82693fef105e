//! A sorted map a key, with 100 counters.

use crate::{
    engine::{
        Engine,
        gress::{Settings, same},
        raw_rocksdb::{self, Change, Memory},
    },
    measure::{Sample, measure},
    workload::{Workload, below},
};
use gress_runtime::prelude::*;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Counters of a key.
const COUNTERS: u64 = 100;

pub(super) fn run(engine: Engine, workload: &Workload) -> Result<Option<Sample>> {
    if engine == Engine::Plain {
        return plain(workload).map(Some);
    }
    if let Some(settings) = Settings::of(engine) {
        return gress(settings, workload).map(Some);
    }
    let change = Counting { workload };
    let events = workload.events.min(raw_rocksdb::EVENTS);
    raw_rocksdb::run(engine, Memory::ENOUGH, events, &change, |raw| {
        same("raw RocksDB counted", raw.sum(|_, value| raw_rocksdb::number(value))?, events)
    })
}

/// Which of a key's counters event `index` counts.
#[inline]
fn counter(index: u64) -> u64 {
    below(!index, COUNTERS)
}

fn plain(workload: &Workload) -> Result<Sample> {
    measure(workload.events, || {
        let mut maps: HashMap<u64, BTreeMap<u64, u64>, foldhash::fast::FixedState> = HashMap::default();
        for index in 0..workload.events {
            *maps.entry(workload.key(index)).or_default().entry(counter(index)).or_insert(0) += 1;
        }
        let counted = maps.values().flat_map(BTreeMap::values).sum();
        same("the plain loop counted", counted, workload.events)?;
        Ok(0)
    })
}

struct Count {
    seen: MapState<u64, u64, u64>,
}

impl Process<u64, u64> for Count {
    type Out = u64;
    #[inline]
    fn on_event(&mut self, key: &Key<u64>, event: Event<u64>, _: &mut Output<u64>) -> Result<()> {
        *self.seen.entry(key, &counter(event.value))?.or_insert(0) += 1;
        Ok(())
    }
}

fn gress(settings: Settings, workload: &Workload) -> Result<Sample> {
    let keys = workload.clone();
    settings.run(workload.events, |job| {
        job.source("events", Generate::new(1, workload.events, |_, index| index))
            .key_by(move |index| keys.key(*index))
            .process("count", |state| Count { seen: state.map("seen") })
            .sink("nowhere", Discard);
    })
}

/// One key for each counter.
struct Counting<'w> {
    workload: &'w Workload,
}

impl Change for Counting<'_> {
    fn key(&self, index: u64, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.workload.key(index).to_be_bytes());
        into.extend_from_slice(&counter(index).to_be_bytes());
    }

    fn apply(&self, _: u64, value: &mut Vec<u8>) -> Result<()> {
        raw_rocksdb::count(value)
    }
}
