//! Measurements behind three choices of the backend: `cargo run --release -p gress-state-rocksdb --example measure`.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]

use gress_core::StateName;
use gress_state::{
    BackendFactory, StateBackend, StateStore,
    testing::{Entries, Entry, Random, Scratch},
};
use gress_state_rocksdb::{RocksDbConfig, RocksDbFactory};
use std::time::{Duration, Instant};

fn main() {
    measure_batches_against_files();
    measure_absent_keys_without_the_last_levels_filter();
    measure_index_and_filter_in_one_piece_and_in_parts();
}

/// A factory of these keys and values, for one database.
fn factory(settings: &[(&str, &str)]) -> RocksDbFactory {
    let mut config = RocksDbConfig::default();
    for (key, value) in settings {
        config.set(key, value).expect("the setting is valid");
    }
    RocksDbFactory::new(config, 1).expect("the config is valid")
}

fn open(factory: &dyn BackendFactory, scratch: &Scratch) -> Box<dyn StateBackend> {
    factory.open(scratch.path()).expect("the directory can be opened")
}

fn store(backend: &dyn StateBackend, state: &str) -> Box<dyn StateStore> {
    backend.open_store(&StateName::new("operator", state)).expect("a store can be opened")
}

fn apply(store: &dyn StateStore, entries: impl IntoIterator<Item = Entry>) {
    store.apply_run(&mut Entries::new(entries)).expect("a run can be applied");
}

fn has(store: &dyn StateStore, key: &[u8]) -> bool {
    store.get(key, &mut |_| ()).expect("a key can be read")
}

/// The size from which a run is applied as a file: rounds of `entries` random keys, with one flush per 64 MiB.
fn measure_batches_against_files() {
    for entries in [1_000, 5_000, 9_999, 10_001, 20_000, 50_000] {
        let (factory, scratch) = (factory(&[]), Scratch::new());
        let backend = open(&factory, &scratch);
        let store = store(&*backend, "state");
        let mut random = Random::new(1);
        let rounds = 1_000_000 / entries;
        let mut spent = Duration::ZERO;
        for _ in 0..rounds {
            let keys: std::collections::BTreeSet<u64> = (0..entries).map(|_| random.next_u64() % 5_000_000).collect();
            let run = keys.iter().map(|key| Entry::put(key.to_be_bytes(), [7; 32])).collect::<Vec<_>>();
            let mut run = Entries::new(run);
            let start = Instant::now();
            store.apply_run(&mut run).expect("a run can be applied");
            spent += start.elapsed();
        }
        let start = Instant::now();
        backend.flush().expect("the database can be flushed");
        let flush = start.elapsed();
        let per_entry = (spent + flush).as_nanos() / (rounds * entries) as u128;
        let start = Instant::now();
        for _ in 0..100_000 {
            has(&*store, &(random.next_u64() % 5_000_000).to_be_bytes());
        }
        let get = start.elapsed().as_nanos() / 100_000;
        report(&format!("{entries} entries a run: {per_entry} ns an entry, {get} ns a get afterwards"));
    }
}

/// What `optimize_filters_for_hits` costs: reads of absent keys once all lies in the last level.
fn measure_absent_keys_without_the_last_levels_filter() {
    for preset in ["low-latency", "large-state"] {
        for for_hits in ["true", "false"] {
            point_reads(&[("preset", preset), ("optimize_filters_for_hits", for_hits)]);
        }
    }
}

/// What an index and filter in one piece cost where they do not fit into a shard of the cache, and what parts cost where
/// all fits.
fn measure_index_and_filter_in_one_piece_and_in_parts() {
    for (preset, cache) in [("low-latency", "512MiB"), ("balanced", "128MiB"), ("balanced", "16MiB")] {
        for parts in ["false", "true"] {
            point_reads(&[("preset", preset), ("block_cache_size", cache), ("partition_index_and_filters", parts)]);
        }
    }
}

/// Single reads of present and of absent keys, after 2,000,000 entries of 68 bytes were compacted.
fn point_reads(settings: &[(&str, &str)]) {
    let (factory, scratch) = (factory(settings), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    let value = |n: u32| [n.to_be_bytes(); 16].concat();
    apply(&*store, (0..2_000_000_u32).map(|n| Entry::put((2 * n).to_be_bytes(), value(n))));
    backend.compact().expect("the database can be compacted");
    let mut random = Random::new(1);
    let mut time = |odd: u32| {
        let start = Instant::now();
        for _ in 0..100_000 {
            let key = 2 * (random.next_u64() % 2_000_000) as u32 + odd;
            assert_eq!(has(&*store, &key.to_be_bytes()), odd == 0);
        }
        start.elapsed().as_nanos() / 100_000
    };
    let (_warm, present, absent) = (time(0), time(0), time(1));
    let settings: Vec<String> = settings.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    report(&format!("{}: {present} ns a present key, {absent} ns an absent one", settings.join(", ")));
}

#[expect(clippy::print_stdout, reason = "a measurement is read by whoever runs it")]
fn report(line: &str) {
    println!("{line}");
}
