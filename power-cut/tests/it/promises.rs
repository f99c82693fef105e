//! What each durability mode promises holds over a hundred power cuts.

use gress_power_cut::folder;
use gress_power_cut::key_value::KeyValue;
use gress_power_cut::plain::PlainRocksDb;
use gress_power_cut::report::Report;
use gress_power_cut::store::Engine;
use gress_power_cut::trial;
use gress_state_rocksdb::Durability;

const CUTS: u64 = 100;

fn report(engine: &dyn Engine, durability: Durability) -> Report {
    let scratch = folder::scratch(None).expect("a folder can be made");
    let report = trial::run(engine, durability, CUTS, 7, scratch.path()).expect("the store works while there is power");
    assert_eq!(report.broken(), 0, "{report}\n{:#?}", report.notes);
    assert_eq!(report.cuts, CUTS);
    assert!(report.in_open > 10 && report.in_write > 10, "cuts fall everywhere: {report}");
    assert!(report.loss.bytes_lost > 0 && report.loss.names_undone > 0, "the disk forgets: {report}");
    assert!(report.checkpoints > 5 && report.rare_writes > 20 && report.again_in_open > 2, "{report}");
    report
}

/// Of Gress's key-value state, and of RocksDB alone.
fn reports(durability: Durability) -> [Report; 2] {
    let plain = PlainRocksDb { verify_logs: true };
    [&KeyValue as &dyn Engine, &plain].map(|engine| report(engine, durability))
}

#[test]
fn with_a_synced_log_no_acknowledged_write_is_lost() {
    for report in reports(Durability::WalSync) {
        assert_eq!(report.rolled_back, 0, "{report}");
    }
}

#[test]
fn with_a_log_that_is_not_synced_the_first_writes_survive_and_a_kill_loses_none() {
    for report in reports(Durability::Wal) {
        assert!(report.rolled_back > 0, "a power cut loses the last ones: {report}");
    }
}

#[test]
fn without_a_log_checkpoints_survive_and_what_was_flushed_if_the_store_opens_at_all() {
    let [gress, plain] = reports(Durability::Checkpoint);
    assert!(gress.replaced > 10 && plain.replaced == 0, "Gress refuses what a crash left behind: {gress}\n{plain}");
    assert!(plain.rolled_back > 0, "kill and power cut lose the last ones: {plain}");
}
