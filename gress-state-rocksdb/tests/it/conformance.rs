//! The suites that every backend runs, for each preset.

use crate::{config, factory};
use gress_state::testing::{backend_conformance, key_value, key_value_conformance};
use gress_state_rocksdb::RocksDbFactory;

/// As a task's store, and as a key-value state in each durability.
fn conforms(settings: &[(&str, &str)], durability: &str) {
    backend_conformance(&factory(settings));
    key_value_conformance(&key_values(settings, durability));
}

fn key_values(settings: &[(&str, &str)], durability: &str) -> RocksDbFactory {
    let settings = [settings, &[("durability", durability)]].concat();
    RocksDbFactory::for_key_values(config(&settings)).expect("the config is valid")
}

#[test]
fn balanced_conforms() {
    conforms(&[], "wal");
}

#[test]
fn low_latency_conforms() {
    conforms(&[("preset", "low-latency")], "checkpoint");
}

#[test]
fn high_throughput_conforms() {
    conforms(&[("preset", "high-throughput")], "wal");
}

#[test]
fn large_state_conforms() {
    conforms(&[("preset", "large-state")], "checkpoint");
}

#[test]
fn a_tiny_database_that_flushes_and_splits_all_the_time_conforms() {
    let tiny = [
        ("write_buffer_size", "65536"),
        ("target_file_size_base", "65536"),
        ("max_bytes_for_level_base", "262144"),
        ("block_cache_size", "0"),
        ("bloom_bits_per_key", "0"),
    ];
    conforms(&tiny, "wal");
}

#[test]
fn a_database_that_syncs_every_write_conforms() {
    key_value::random_operations_match_a_sorted_map_of_deadlines(&key_values(&[], "wal_sync"));
}
