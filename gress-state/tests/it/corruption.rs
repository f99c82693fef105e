//! Corrupted files from outside.

use gress_state::testing::{CheckpointsOfATask, corrupt};

#[test]
fn a_thousand_corruptions_of_checkpoints_are_named_or_do_no_harm() {
    let figures = corrupt(&CheckpointsOfATask, 0..1_000);
    println!("checkpoints: {figures}");
    figures.assert_sound();
    assert!(figures.detected > 300 && figures.gone > 0, "{figures}");
}
