//! The suite that every backend runs, for each preset.

use crate::factory;
use gress_state::testing::backend_conformance;

#[test]
fn balanced_conforms() {
    backend_conformance(&factory(&[]));
}

#[test]
fn low_latency_conforms() {
    backend_conformance(&factory(&[("preset", "low-latency")]));
}

#[test]
fn high_throughput_conforms() {
    backend_conformance(&factory(&[("preset", "high-throughput")]));
}

#[test]
fn large_state_conforms() {
    backend_conformance(&factory(&[("preset", "large-state")]));
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
    backend_conformance(&factory(&tiny));
}
