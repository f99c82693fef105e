//! Deletes that are covered before a scan meets them.

use crate::{apply, factory, number, open, store};
use gress_state::{
    KeyRange, StateStore,
    testing::{Entry, Scratch},
};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

/// More deletes in one place than writers leave as they are.
const MANY: u32 = 12_000;
/// Entries of a run that is not ingested as a file.
const SMALL: usize = 5_000;
const IN_MEMORY: &str = "rocksdb.num-entries-active-mem-table";

fn key(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

fn put_all(store: &dyn StateStore) {
    let all: Vec<u32> = (0..MANY).collect();
    all.chunks(SMALL).for_each(|keys| apply(store, keys.iter().map(|n| Entry::put(key(*n), "value"))));
}

/// The keys that are there.
fn scan(store: &dyn StateStore) -> Vec<u32> {
    let mut keys = Vec::new();
    let mut row = |key: &[u8], _: &[u8]| keys.push(u32::from_be_bytes(key.try_into().expect("a key has 4 bytes")));
    store.scan(KeyRange { lower: b"", upper: None }, usize::MAX, &mut row).expect("a range can be scanned");
    keys
}

#[test]
fn many_deletes_with_nothing_between_are_covered_at_once_however_they_come() {
    for keys_a_run in [1, 100, MANY] {
        let (factory, scratch) = (factory(&[]), Scratch::new());
        let backend = open(&factory, &scratch);
        let store = store(&*backend, "state");
        put_all(&*store);
        scan(&*store);
        let all: Vec<u32> = (0..MANY).collect();
        all.chunks(keys_a_run as usize).for_each(|keys| apply(&*store, keys.iter().map(|n| Entry::delete(key(*n)))));
        // The range delete, and what was deleted after it.
        assert!(number(&*backend, IN_MEMORY) <= 2_001, "runs of {keys_a_run}");
        assert!(scan(&*store).is_empty());
        apply(&*store, [Entry::put(key(7), "again")]);
        assert_eq!(scan(&*store), [7]);
    }
}

#[test]
fn what_lies_between_many_deletes_stays_and_they_are_not_covered() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    put_all(&*store);
    scan(&*store);
    apply(&*store, (0..MANY).filter(|n| *n != MANY / 2).map(|n| Entry::delete(key(n))));
    assert!(number(&*backend, IN_MEMORY) > u64::from(MANY), "all is in the write buffer that it was in");
    assert_eq!(scan(&*store), [MANY / 2]);
}

#[test]
fn few_deletes_are_covered_once_scans_have_met_them_often() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    put_all(&*store);
    scan(&*store);
    apply(&*store, (0..2_000).map(|n| Entry::delete(key(n))));
    let scans = (0..9).take_while(|_| {
        assert_eq!(scan(&*store).len(), 10_000);
        number(&*backend, IN_MEMORY) > 1
    });
    assert_eq!(scans.count(), 4, "the fifth scan has met 10,000");
}

#[test]
fn a_range_delete_over_many_entries_in_memory_goes_to_another_write_buffer() {
    for ranges in [1, 12] {
        let (factory, scratch) = (factory(&[]), Scratch::new());
        let backend = open(&factory, &scratch);
        let store = store(&*backend, "state");
        put_all(&*store);
        scan(&*store);
        let bounds = (0..ranges).map(|n| (key(n * MANY / ranges), key((n + 1) * MANY / ranges)));
        bounds.for_each(|(start, end)| apply(&*store, [Entry::delete_range(start, end)]));
        assert!(number(&*backend, IN_MEMORY) <= 3, "{ranges} ranges");
        assert!(scan(&*store).is_empty());
    }
}

#[test]
fn what_others_put_between_deletes_at_the_same_time_stays() {
    const ROUNDS: u32 = 200;
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let (store, round) = (store(&*backend, "state"), AtomicU32::new(0));
    scan(&*store);
    thread::scope(|scope| {
        scope.spawn(|| {
            for at in 0..ROUNDS {
                // Even ones, in a place of their own: a look gives up where the same keys were deleted again and again.
                apply(&*store, (0..MANY).map(|n| Entry::delete(key(2 * (at * MANY + n)))));
                round.store(at + 1, Ordering::Relaxed);
            }
        });
        loop {
            let at = round.load(Ordering::Relaxed);
            if at == ROUNDS {
                break;
            }
            let odd = key(2 * (at * MANY + MANY / 2) + 1);
            apply(&*store, [Entry::put(odd, "value")]);
            let is_there = || store.get(&odd, &mut |_| {}).expect("a store can be read");
            // For long enough that a range delete may come in between.
            assert!((0..20).all(|_| is_there()), "it was put in round {at}, and nobody has deleted it");
            apply(&*store, [Entry::delete(odd)]);
            // And gone for long enough that a look may find nothing.
            assert!((0..20).all(|_| !is_there()));
        }
    });
    assert!(scan(&*store).is_empty());
}

#[test]
fn a_store_that_was_never_scanned_is_spared_it() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    put_all(&*store);
    apply(&*store, (0..MANY).map(|n| Entry::delete(key(n))));
    assert_eq!(number(&*backend, "rocksdb.num-deletes-active-mem-table"), u64::from(MANY));
}
