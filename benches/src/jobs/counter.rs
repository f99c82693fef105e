//! A counter a key.

use crate::{
    engine::{
        Engine,
        gress::{Settings, same},
        raw_rocksdb::{self, Change, Memory},
    },
    measure::{Sample, measure},
    workload::Workload,
};
use gress_runtime::{StateKey, prelude::*};
use hashbrown::HashMap;

/// 16 hexadecimal digits.
pub(crate) fn text(key: u64) -> String {
    let mut text = String::with_capacity(16);
    text.extend((0..16).rev().map(|digit| char::from(b"0123456789abcdef"[(key >> (4 * digit)) as usize & 15])));
    text
}

/// Makes the key of a number.
pub(crate) trait KeyOf<K>: Fn(u64) -> K + Copy + Send + Sync + 'static {}
impl<K, F: Fn(u64) -> K + Copy + Send + Sync + 'static> KeyOf<K> for F {}

/// Counts by what `key_of` makes of the keys, in so many tasks.
pub(super) fn run<K: StateKey + RawKey, F: KeyOf<K>>(
    engine: Engine,
    workload: &Workload,
    parallelism: usize,
    key_of: F,
) -> Result<Option<Sample>> {
    if engine == Engine::Plain {
        return plain(workload, key_of).map(Some);
    }
    if let Some(settings) = Settings::of(engine) {
        return count_with(Settings { parallelism, ..settings }, workload, key_of).map(Some);
    }
    let events = workload.events.min(raw_rocksdb::EVENTS);
    let change = Counting::of(workload, key_of);
    raw_rocksdb::run(engine, Memory::ENOUGH, events, &change, |raw| {
        same("raw RocksDB counted", raw.sum(|_, value| raw_rocksdb::number(value))?, events)
    })
}

fn plain<K: StateKey>(workload: &Workload, key_of: impl KeyOf<K>) -> Result<Sample> {
    measure(workload.events, || {
        let mut counts: HashMap<K, u64, foldhash::fast::FixedState> = HashMap::default();
        for index in 0..workload.events {
            *counts.entry(key_of(workload.key(index))).or_insert(0) += 1;
        }
        same("the plain loop counted", counts.values().sum(), workload.events)?;
        Ok(0)
    })
}

struct Count<K> {
    seen: ValueState<K, u64>,
}

impl<K: StateKey> Process<K, u64> for Count<K> {
    type Out = u64;
    #[inline]
    fn on_event(&mut self, key: &Key<K>, _: Event<u64>, _: &mut Output<u64>) -> Result<()> {
        *self.seen.entry(key)?.or_insert(0) += 1;
        Ok(())
    }
}

/// Counts in a job with these settings, from as many source partitions as there are keyed tasks.
pub(crate) fn count_with<K: StateKey>(
    settings: Settings,
    workload: &Workload,
    key_of: impl KeyOf<K>,
) -> Result<Sample> {
    let partitions = settings.parallelism as u64;
    let each = workload.events / partitions;
    let keys = workload.clone();
    settings.run(each * partitions, |job| {
        let source = Generate::new(settings.parallelism, each, move |partition, index| {
            keys.key(index * partitions + partition as u64)
        });
        job.source("keys", source)
            .key_by(move |key| key_of(*key))
            .process("count", |state| Count { seen: state.value("seen") })
            .sink("nowhere", Discard);
    })
}

/// A key of raw RocksDB.
pub(crate) trait RawKey {
    fn append(&self, into: &mut Vec<u8>);
}

impl RawKey for u64 {
    fn append(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.to_be_bytes());
    }
}

impl RawKey for String {
    fn append(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.as_bytes());
    }
}

/// Counters in raw RocksDB.
pub(super) struct Counting<'w, F> {
    workload: &'w Workload,
    key_of: F,
}

impl<'w, F> Counting<'w, F> {
    pub(super) fn of(workload: &'w Workload, key_of: F) -> Self {
        Counting { workload, key_of }
    }
}

impl<K: RawKey, F: Fn(u64) -> K> Change for Counting<'_, F> {
    fn key(&self, index: u64, into: &mut Vec<u8>) {
        (self.key_of)(self.workload.key(index)).append(into);
    }

    fn apply(&self, _: u64, value: &mut Vec<u8>) -> Result<()> {
        raw_rocksdb::count(value)
    }
}
