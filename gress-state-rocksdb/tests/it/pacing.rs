//! What keeps writes from holding up reads: the log that is synced in the background, and the limit on the rate of flushes.

use crate::config;
use gress_core::ErrorKind;
use gress_state::{KeyValueState, testing::Scratch};
use gress_state_rocksdb::{RocksDbBackend, RocksDbConfig, RocksDbFactory};
use std::{sync::mpsc, time::Duration};

fn state(settings: &[(&str, &str)], scratch: &Scratch) -> KeyValueState {
    let config = RocksDbConfig { path: Some(scratch.path().to_path_buf()), ..config(settings) };
    RocksDbBackend::open(config).expect("the state can be opened")
}

fn syncs(state: &KeyValueState) -> u64 {
    let count = state.property("rocksdb.wal.synced").expect("a property can be read");
    count.and_then(|count| count.parse().ok()).expect("it is a number")
}

/// Waits until `done`; after a minute it was not.
fn wait_until(done: impl Fn() -> bool) -> bool {
    let (_never, wait) = mpsc::channel::<()>();
    (0..6_000).any(|_| done() || wait.recv_timeout(Duration::from_millis(10)).is_ok())
}

#[test]
fn a_log_that_grows_is_synced_in_the_background_where_no_write_syncs_it() {
    let scratch = [(); 4].map(|()| Scratch::new());
    let synced = state(&[("wal_sync_interval_ms", "1")], &scratch[0]);
    let preset = state(&[("preset", "low-latency")], &scratch[1]);
    let off = state(&[("wal_sync_interval_ms", "0")], &scratch[2]);
    let no_log = state(&[("durability", "checkpoint"), ("wal_sync_interval_ms", "1")], &scratch[3]);
    for round in 1..=3_u64 {
        for state in [&synced, &preset, &off, &no_log] {
            state.put(b"key", &round.to_be_bytes()).expect("a value can be put");
        }
        assert!(wait_until(|| syncs(&synced) >= round && syncs(&preset) >= round), "round {round}");
    }
    assert_eq!((syncs(&off), syncs(&no_log)), (0, 0));
    // Nobody syncs what has not grown: of the last round one sync may still come, and no more.
    let before = syncs(&synced);
    for state in [&off, &preset] {
        state.put(b"key", b"more").expect("a value can be put");
    }
    let of_preset = syncs(&preset);
    assert!(wait_until(|| syncs(&preset) > of_preset));
    assert!(syncs(&synced) <= before + 1);
    for state in [synced, preset, off, no_log] {
        state.close().expect("the state can be closed");
    }
}

#[test]
fn a_state_whose_log_is_synced_lets_its_directory_go_when_it_is_dropped() {
    let scratch = Scratch::new();
    for round in 0..40_u64 {
        let state = state(&[("wal_sync_interval_ms", "1")], &scratch);
        let found = state.get(b"round").expect("a value can be read");
        assert_eq!(found, (round > 0).then(|| (round - 1).to_be_bytes().to_vec()));
        state.put(b"round", &round.to_be_bytes()).expect("a value can be put");
    }
}

/// How often a flush of 1 MiB had to wait for the limiter.
fn waits(settings: &[(&str, &str)]) -> u64 {
    let scratch = Scratch::new();
    let state = state(settings, &scratch);
    state.put(b"key", &vec![7; 1 << 20]).expect("a value can be put");
    state.flush().expect("the state can be flushed");
    let statistics = state.property("rocksdb.options-statistics").expect("a property can be read");
    let statistics = statistics.expect("RocksDB has statistics");
    let drains = statistics.lines().find_map(|line| line.strip_prefix("rocksdb.number.rate_limiter.drains COUNT : "));
    let drains = drains.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{statistics}"));
    state.close().expect("the state can be closed");
    drains
}

#[test]
fn a_flush_waits_for_the_limiter_where_there_is_one() {
    let none = ("compression", "none");
    assert!(waits(&[none, ("rate_limiter_bytes_per_second", "8MiB")]) > 0);
    assert_eq!(waits(&[none, ("rate_limiter_bytes_per_second", "0")]), 0);
    assert_eq!(waits(&[none, ("preset", "low-latency"), ("rate_limiter_bytes_per_second", "0")]), 0);
    assert!(waits(&[none, ("preset", "low-latency")]) > 0);
}

#[test]
fn rates_and_intervals_that_cannot_work_are_refused() {
    for (key, value, valid) in
        [("rate_limiter_bytes_per_second", "1023KiB", "1048576"), ("wal_sync_interval_ms", "60001", "60000")]
    {
        let error = RocksDbFactory::new(config(&[(key, value)]), 1).expect_err("it cannot work");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(key) && error.to_string().contains(valid), "{error}");
    }
    let both = [("rate_limiter_bytes_per_second", "64MiB"), ("bytes_per_sync", "0")];
    let error = RocksDbFactory::new(config(&both), 1).expect_err("RocksDB would change the second");
    assert!(error.to_string().contains("contradicts `bytes_per_sync: 0"), "{error}");
}
