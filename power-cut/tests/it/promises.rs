//! What each durability mode promises holds over a hundred power cuts.

use gress_power_cut::folder;
use gress_power_cut::plain::PlainRocksDb;
use gress_power_cut::report::Report;
use gress_power_cut::trial;
use gress_state_rocksdb::Durability;

const CUTS: u64 = 100;

fn report(durability: Durability) -> Report {
    let scratch = folder::scratch(None).expect("a folder can be made");
    let engine = PlainRocksDb { verify_logs: true };
    let report =
        trial::run(&engine, durability, CUTS, 7, scratch.path()).expect("the store works while there is power");
    assert_eq!(report.broken(), 0, "{report}\n{:#?}", report.notes);
    assert_eq!(report.cuts, CUTS);
    assert!(report.in_open > 10 && report.in_write > 10, "cuts fall everywhere: {report}");
    assert!(report.loss.bytes_lost > 0 && report.loss.names_undone > 0, "the disk forgets: {report}");
    assert!(report.checkpoints > 5, "{report}");
    report
}

#[test]
fn with_a_synced_log_no_acknowledged_write_is_lost() {
    assert_eq!(report(Durability::WalSync).rolled_back, 0);
}

#[test]
fn with_a_log_that_is_not_synced_the_first_writes_survive_and_a_kill_loses_none() {
    assert!(report(Durability::Wal).rolled_back > 0, "a power cut loses the last ones");
}

#[test]
fn without_a_log_flushed_writes_and_checkpoints_survive() {
    assert!(report(Durability::Checkpoint).rolled_back > 0, "kill and power cut lose the last ones");
}
