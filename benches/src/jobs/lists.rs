//! A list a key, to which each event appends its number.

use crate::{
    engine::{
        Engine,
        gress::{Settings, same},
        raw_rocksdb::{self, Change, Memory},
    },
    measure::{Sample, measure},
    workload::Workload,
};
use gress_runtime::prelude::*;
use hashbrown::HashMap;

pub(super) fn run(engine: Engine, workload: &Workload) -> Result<Option<Sample>> {
    if engine == Engine::Plain {
        return plain(workload).map(Some);
    }
    if let Some(settings) = Settings::of(engine) {
        return gress(settings, workload).map(Some);
    }
    let change = Appending { workload: workload.smaller(raw_rocksdb::EVENTS) };
    let events = change.workload.events;
    raw_rocksdb::run(engine, Memory::ENOUGH, events, &change, |raw| {
        same("raw RocksDB has items", raw.sum(|_, value| Ok(value.len() as u64 / 8))?, events)
    })
}

fn plain(workload: &Workload) -> Result<Sample> {
    measure(workload.events, || {
        let mut lists: HashMap<u64, Vec<u64>, foldhash::fast::FixedState> = HashMap::default();
        for index in 0..workload.events {
            lists.entry(workload.key(index)).or_default().push(index);
        }
        same("the plain loop has items", lists.values().map(|list| list.len() as u64).sum(), workload.events)?;
        Ok(0)
    })
}

struct Append {
    items: ListState<u64, u64>,
}

impl Process<u64, u64> for Append {
    type Out = u64;
    #[inline]
    fn on_event(&mut self, key: &Key<u64>, event: Event<u64>, _: &mut Output<u64>) -> Result<()> {
        self.items.add(key, &event.value)
    }
}

fn gress(settings: Settings, workload: &Workload) -> Result<Sample> {
    let keys = workload.clone();
    settings.run(workload.events, |job| {
        job.source("events", Generate::new(1, workload.events, |_, index| index))
            .key_by(move |index| keys.key(*index))
            .process("append", |state| Append { items: state.list("items") })
            .sink("nowhere", Discard);
    })
}

/// All items of a key in one value.
struct Appending {
    workload: Workload,
}

impl Change for Appending {
    fn key(&self, index: u64, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.workload.key(index).to_be_bytes());
    }

    fn apply(&self, index: u64, value: &mut Vec<u8>) -> Result<()> {
        value.extend_from_slice(&index.to_le_bytes());
        Ok(())
    }
}
