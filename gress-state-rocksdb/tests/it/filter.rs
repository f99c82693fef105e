//! Bloom filters: a preset that advertises one has one that works.

use crate::{apply, factory, has, number, open, store};
use gress_state::testing::{Entry, Scratch};

const USEFUL: &str = "rocksdb.bloom.filter.useful";

fn key(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

/// How often the filter spared a read, of 1,000 reads of absent keys after a flush.
fn useful(settings: &[(&str, &str)]) -> u64 {
    let (factory, scratch) = (factory(settings), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    apply(&*store, (0..2_000).map(|n| Entry::put(key(2 * n), "value")));
    backend.flush().expect("the database can be flushed");
    let before = number(&*backend, USEFUL);
    for n in 0..1_000 {
        assert!(!has(&*store, &key(2 * n + 1)));
    }
    let useful = number(&*backend, USEFUL) - before;
    backend.close().expect("the database can be closed");
    useful
}

#[test]
fn absent_keys_are_answered_by_the_filter_in_every_preset() {
    for preset in ["balanced", "low-latency", "high-throughput", "large-state"] {
        let useful = useful(&[("preset", preset)]);
        assert!(useful > 950, "{preset}: the filter spared {useful} of 1,000 reads");
    }
}

#[test]
fn a_filter_takes_about_10_bits_a_key_in_every_preset() {
    for preset in ["balanced", "low-latency", "high-throughput", "large-state"] {
        let (factory, scratch) = (factory(&[("preset", preset)]), Scratch::new());
        let backend = open(&factory, &scratch);
        apply(&*store(&*backend, "state"), (0..100_000).map(|n| Entry::put(key(n), "value")));
        let text = backend.property("rocksdb.aggregated-table-properties").expect("a property can be read");
        let text = text.expect("RocksDB has properties of its tables");
        let field = text.split("; ").find_map(|field| field.strip_prefix("filter block size="));
        let bytes: u64 = field.and_then(|bytes| bytes.parse().ok()).unwrap_or_else(|| panic!("{text}"));
        assert!((900_000..1_200_000).contains(&(bytes * 8)), "{preset}: {bytes} bytes for 100,000 keys");
    }
}

#[test]
fn no_filter_is_built_where_the_config_says_0_bits() {
    assert_eq!(useful(&[("bloom_bits_per_key", "0")]), 0);
}

#[test]
fn absent_keys_of_an_ingested_run_are_answered_by_the_filter() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    apply(&*store, (0..40_000).map(|n| Entry::put(key(2 * n), "value")));
    assert_eq!(number(&*backend, "rocksdb.num-entries-active-mem-table"), 0, "a large run passes by the buffers");
    let before = number(&*backend, USEFUL);
    (0..1_000).for_each(|n| assert!(!has(&*store, &key(2 * n + 1))));
    assert!(number(&*backend, USEFUL) - before > 950);
}
