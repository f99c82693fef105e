//! Typed state over RocksDB: the suite of `gress-state`, and RocksDB settings that flush and split all the time.

use crate::factory;
use gress_state::testing::state::{Factory, state_conformance};
use std::sync::Arc;

#[test]
fn typed_state_conforms_over_rocksdb() {
    let factory: Factory = Arc::new(factory(&[]));
    state_conformance(&factory, 100);
}

#[test]
fn typed_state_conforms_over_a_tiny_database_for_large_state() {
    let tiny = [
        ("preset", "large-state"),
        ("write_buffer_size", "65536"),
        ("target_file_size_base", "65536"),
        ("max_bytes_for_level_base", "262144"),
        ("block_cache_size", "0"),
    ];
    let factory: Factory = Arc::new(factory(&tiny));
    state_conformance(&factory, 50);
}
