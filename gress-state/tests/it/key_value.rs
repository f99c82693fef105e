//! The plain key-value state over the memory backend.

use gress_core::Timestamp;
use gress_state::{
    KeyValueOptions, ManualWallClock, Ttl,
    memory::{MemoryBackend, MemoryFactory},
    testing::key_value_conformance,
};
use std::{sync::Arc, time::Duration};

#[test]
fn a_key_value_state_conforms_over_the_memory_backend() {
    key_value_conformance(&MemoryFactory);
}

/// Conformance case 36.
#[test]
fn each_write_cleans_ten_entries_until_all_that_expired_are_gone_and_no_other() {
    for expired in [1_u32, 9, 10, 11, 95, 1_000] {
        let clock = Arc::new(ManualWallClock::default());
        let options = KeyValueOptions::default().ttl(Ttl::after(Duration::from_millis(100))).clock(clock.clone());
        let state = MemoryBackend::open_with(options).expect("memory can be opened");
        let stored = || state.detailed_metrics().expect("memory has stats").stats.entries;
        let bookkeeping = stored();
        state.batch_put((0..expired).map(|n| (n.to_be_bytes(), "expires"))).expect("memory can be written");
        clock.set(Timestamp::from_millis(60));
        state.batch_put((0..20_u32).map(|n| ((n * 100).to_be_bytes(), "lives"))).expect("memory can be written");
        let all = stored() - bookkeeping;
        clock.set(Timestamp::from_millis(100));
        for _ in 0..all.div_ceil(10) {
            state.put(&0_u32.to_be_bytes(), b"lives").expect("memory can be written");
        }
        assert_eq!(stored() - bookkeeping, 20, "of {all} entries");
        assert_eq!(state.iter_prefix(b"").filter(|entry| entry.as_ref().is_ok_and(|(_, v)| v == b"lives")).count(), 20);
    }
}

/// Conformance case 30.
#[test]
fn an_expired_value_that_nothing_has_cleaned_up_is_read_once() {
    let clock = Arc::new(ManualWallClock::default());
    let ttl = Ttl::after(Duration::from_millis(100)).returning_expired();
    let state = MemoryBackend::open_with(KeyValueOptions::default().ttl(ttl).clock(clock.clone()));
    let state = state.expect("memory can be opened");
    state.put(b"a", b"1").expect("memory can be written");
    clock.set(Timestamp::from_millis(120));
    let read = || state.get(b"a").expect("memory can be read");
    assert_eq!([read(), read()], [Some(b"1".to_vec()), None]);
}
