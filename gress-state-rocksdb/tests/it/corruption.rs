//! Corrupted files of checkpoints: every file is compared before RocksDB opens any.

use crate::config;
use gress_state::testing::{CheckpointOfKeyValues, corrupt};
use gress_state_rocksdb::RocksDbFactory;

#[test]
fn a_thousand_corruptions_of_key_value_checkpoints_are_named_or_do_no_harm() {
    let factory =
        RocksDbFactory::for_key_values(config(&[("write_buffer_size", "1MiB")])).expect("the config is valid");
    let figures = corrupt(&CheckpointOfKeyValues { factory: &factory }, 0..1_000);
    println!("key-value checkpoints of RocksDB: {figures}");
    figures.assert_sound();
    assert!(figures.detected > 700, "{figures}");
}
