//! Scans of ranges where most was deleted.

use crate::{apply, factory, number, open, store};
use gress_state::{
    KeyRange, StateBackend, StateStore,
    testing::{Entry, Random, Scratch},
};
use std::{thread, time::Duration};

/// More deletes in one place than a scan goes over in silence.
const MANY: u32 = 12_000;
/// Entries of a run that is not ingested as a file.
const SMALL: usize = 5_000;

fn key(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

/// Three entries with many deleted ones between them, in an order in which none who deletes finds a place empty.
fn fill(store: &dyn StateStore) {
    let all: Vec<u32> = (0..2 * MANY + 3).collect();
    all.chunks(SMALL).for_each(|keys| apply(store, keys.iter().map(|n| Entry::put(key(*n), "value"))));
    let mut deleted: Vec<u32> = all.into_iter().filter(|n| n % (MANY + 1) != 0).collect();
    let mut random = Random::new(7);
    (1..deleted.len()).for_each(|n| deleted.swap(n, random.below(n + 1)));
    for keys in deleted.chunks_mut(SMALL) {
        keys.sort_unstable();
        apply(store, keys.iter().map(|n| Entry::delete(key(*n))));
    }
}

/// The keys that a scan gives, and the key to go on from.
fn scan(store: &dyn StateStore, limit: usize) -> (Vec<u32>, Option<u32>) {
    let number = |key: &[u8]| u32::from_be_bytes(key.try_into().expect("a key has 4 bytes"));
    let mut keys = Vec::new();
    let range = KeyRange { lower: &key(0), upper: Some(&key(u32::MAX)) };
    let next = store.scan(range, limit, &mut |key, _| keys.push(number(key))).expect("a range can be scanned");
    (keys, next.as_deref().map(number))
}

#[test]
fn a_scan_gives_each_entry_once_however_many_deleted_ones_lie_between() {
    let (first, second, third) = (0, MANY + 1, 2 * MANY + 2);
    for (limit, keys, next) in [
        (1, vec![first], Some(second)),
        (2, vec![first, second], Some(third)),
        (3, vec![first, second, third], None),
        (9, vec![first, second, third], None),
    ] {
        let (factory, scratch) = (factory(&[]), Scratch::new());
        let backend = open(&factory, &scratch);
        let store = store(&*backend, "state");
        fill(&*store);
        assert_eq!(scan(&*store, limit), (keys, next), "limit {limit}");
    }
}

#[test]
fn a_scan_that_begins_anew_behind_many_deletes_is_still_of_one_moment() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    fill(&*store);
    let mut keys = Vec::new();
    let range = KeyRange { lower: &key(0), upper: None };
    let mut row = |found: &[u8], _: &[u8]| {
        if keys.is_empty() {
            let later = || apply(&*store, [Entry::put(key(MANY), "later"), Entry::delete(key(2 * MANY + 2))]);
            thread::scope(|scope| scope.spawn(later).join().expect("another thread can write"));
        }
        keys.push(found.to_vec());
    };
    store.scan(range, 9, &mut row).expect("a range can be scanned");
    assert_eq!(keys, [0, MANY + 1, 2 * MANY + 2].map(key));
}

#[test]
fn a_scan_that_meets_many_deletes_in_memory_has_them_flushed() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    fill(&*store);
    assert!(number(&*backend, "rocksdb.num-deletes-active-mem-table") >= u64::from(2 * MANY));
    scan(&*store, 9);
    // One is of the column family that is empty.
    assert!(number(&*backend, "rocksdb.num-deletes-active-mem-table") <= 1);
}

#[test]
fn deletes_in_files_vanish_once_scans_meet_them() {
    for at_rest in [false, true] {
        let (factory, scratch) = (factory(&[]), Scratch::new());
        let backend = open(&factory, &scratch);
        let store = store(&*backend, "state");
        fill(&*store);
        if at_rest {
            // Over entries of the last level.
            backend.compact().expect("the database can be compacted");
            fill(&*store);
        } else {
            backend.flush().expect("the database can be flushed");
            assert_eq!(deletes_in_files(&*backend), u64::from(2 * MANY), "nothing but a scan has them removed");
        }
        for _ in 0..3_000 {
            assert_eq!(scan(&*store, 9).0.len(), 3);
            if deletes_in_files(&*backend) == 0 && number(&*backend, "rocksdb.num-deletes-active-mem-table") <= 1 {
                break;
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        assert_eq!(deletes_in_files(&*backend), 0, "at rest: {at_rest}");
        assert_eq!(scan(&*store, 9).0.len(), 3);
    }
}

/// Deletes in all files of all stores.
fn deletes_in_files(backend: &dyn StateBackend) -> u64 {
    let text = backend.property("rocksdb.aggregated-table-properties").expect("a property can be read");
    let text = text.expect("RocksDB has properties of its tables");
    let fields = text.split("; ").filter_map(|field| field.strip_prefix("# deletions="));
    fields.map(|deletes| deletes.parse::<u64>().expect("deletes are counted")).sum()
}

#[test]
fn a_run_of_deletes_is_written_to_memory_where_puts_would_be_ingested() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    apply(&*store(&*backend, "state"), (0..2 * MANY).map(|n| Entry::delete(key(n))));
    assert_eq!(number(&*backend, "rocksdb.num-deletes-active-mem-table"), u64::from(2 * MANY));
}
