//! The log that is synced in the background: what was written more than an interval before a power cut is there after it.

use gress_power_cut::folder;
use gress_power_cut::power::{PowerCut, Unsynced};
use gress_state::{KeyValueOptions, KeyValueState};
use gress_state_rocksdb::{RocksDbBackend, RocksDbConfig};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

fn open(power: &PowerCut, folder: &Path, interval_ms: u32) -> KeyValueState {
    let config = RocksDbConfig::balanced(folder).wal_sync_interval_ms(interval_ms);
    RocksDbBackend::open_with_env(config, KeyValueOptions::default(), power.env()).expect("the state opens")
}

fn syncs(state: &KeyValueState) -> u64 {
    let count = state.property("rocksdb.wal.synced").expect("a property can be read");
    count.and_then(|count| count.parse().ok()).expect("it is a number")
}

/// Waits until one sync has begun after now and ended; after a minute it has not.
fn wait_for_a_sync(state: &KeyValueState) -> bool {
    let (_never, wait) = mpsc::channel::<()>();
    // One may be under way that has missed what was written last. It is counted when it begins, so the third begin is the
    // end of the second.
    let wanted = syncs(state) + 3;
    (0..6_000).any(|turn: u32| {
        state.put(b"clock", &turn.to_be_bytes()).expect("a value can be put");
        syncs(state) >= wanted || wait.recv_timeout(Duration::from_millis(10)).is_ok()
    })
}

#[test]
fn a_power_cut_costs_no_more_than_what_was_written_since_the_last_sync() {
    for (interval_ms, survives) in [(1, true), (0, false)] {
        for round in 0..10_u32 {
            let (mut power, folder) = (PowerCut::new(), folder::scratch(None).expect("a folder can be made"));
            let state = open(&power, folder.path(), interval_ms);
            for n in 0..100 * round + 1 {
                state.put(&n.to_be_bytes(), b"value").expect("a value can be put");
            }
            assert!(!survives || wait_for_a_sync(&state));
            power.cut();
            drop(state);
            power.restore_power(Unsynced::Lost).expect("no file is open");
            let state = open(&power, folder.path(), interval_ms);
            for n in 0..100 * round + 1 {
                let found = state.get(&n.to_be_bytes()).expect("a value can be read");
                assert_eq!(found.is_some(), survives, "{n} of round {round}, interval {interval_ms} ms");
            }
        }
    }
}
