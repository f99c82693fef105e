//! What a process leaves behind that ended in the middle of something.

use gress_state::testing::Scratch;
use gress_state_rocksdb::{RocksDbBackend, RocksDbConfig};
use std::fs;

/// RocksDB links a file of a large run into its levels and then removes the name that it was written under. Between the
/// two, both names stand for one file, and the next large run must not be written over it.
#[test]
fn a_large_run_spares_the_files_that_an_interrupted_one_has_left_linked() {
    let scratch = Scratch::new();
    let open = || RocksDbBackend::open(RocksDbConfig::balanced(scratch.path())).expect("the state can be opened");
    let many = |first: u32| (first..first + 20_000).map(|n| (n.to_be_bytes(), n.to_string()));

    let state = open();
    state.batch_put(many(0)).expect("a large batch can be written");
    state.close().expect("the state can be closed");
    let incoming = scratch.path().join("incoming");
    let _ = fs::create_dir(&incoming);
    let mut tables = 0;
    for entry in fs::read_dir(scratch.path()).expect("the directory can be read") {
        let path = entry.expect("the directory can be read").path();
        if path.extension().is_some_and(|extension| extension == "sst") {
            fs::hard_link(path, incoming.join(format!("{tables}.sst"))).expect("the file system has links");
            tables += 1;
        }
    }
    assert!(tables > 0, "a large batch has become a file");

    let state = open();
    state.batch_put(many(1_000_000)).expect("a large batch can be written");
    state.close().expect("the state can be closed");
    // Opened anew, so that nothing is in a cache.
    let state = open();
    for (key, value) in many(0).chain(many(1_000_000)) {
        assert_eq!(state.get(&key).expect("the key can be read"), Some(value.into_bytes()));
    }
    state.close().expect("the state can be closed");
}
