//! Corrupted files from outside.

use gress_state::{
    memory::MemoryFactory,
    testing::{CheckpointOfKeyValues, CheckpointsOfATask, SnapshotOfKeyValues, corrupt},
};

#[test]
fn a_thousand_corruptions_of_checkpoints_are_named_or_do_no_harm() {
    let figures = corrupt(&CheckpointsOfATask, 0..1_000);
    println!("checkpoints: {figures}");
    figures.assert_sound();
    assert!(figures.detected > 300 && figures.gone > 0, "{figures}");
}

#[test]
fn a_thousand_corruptions_of_snapshots_change_nothing_or_do_no_harm() {
    let figures = corrupt(&SnapshotOfKeyValues, 0..1_000);
    println!("snapshots of key-value states: {figures}");
    figures.assert_sound();
    assert!(figures.detected > 700, "{figures}");
}

#[test]
fn a_thousand_corruptions_of_key_value_checkpoints_are_named_or_do_no_harm() {
    let figures = corrupt(&CheckpointOfKeyValues { factory: &MemoryFactory }, 0..1_000);
    println!("key-value checkpoints: {figures}");
    figures.assert_sound();
    assert!(figures.detected > 700, "{figures}");
}
