//! What deletes have emptied costs a scan nothing, also the first one, and nothing else is ever taken for empty.

use crate::{apply, factory, number, open, store};
use gress_state::{
    KeyRange, StateBackend, StateStore,
    testing::{Entry, Random, Scratch},
};
use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

/// Keys of which all are deleted.
const MANY: u32 = 12_000;
/// Entries of a run that is not ingested as a file.
const SMALL: usize = 5_000;
/// Entries that a scan goes over, of deletes since the last look: up to 128, and as many entries that they delete.
const SINCE_THE_LAST_LOOK: u64 = 300;

fn key(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

fn number_of(key: &[u8]) -> u32 {
    u32::from_be_bytes(key.try_into().expect("a key has 4 bytes"))
}

fn put(store: &dyn StateStore, keys: impl IntoIterator<Item = u32>) {
    let keys: Vec<u32> = keys.into_iter().collect();
    keys.chunks(SMALL).for_each(|keys| apply(store, keys.iter().map(|n| Entry::put(key(*n), "value"))));
}

fn delete_one_by_one(store: &dyn StateStore, keys: impl IntoIterator<Item = u32>) {
    keys.into_iter().for_each(|n| apply(store, [Entry::delete(key(n))]));
}

/// The keys that are there.
fn scan(store: &dyn StateStore) -> Vec<u32> {
    scan_from(store, b"", None)
}

fn scan_from(store: &dyn StateStore, lower: &[u8], upper: Option<&[u8]>) -> Vec<u32> {
    let mut keys = Vec::new();
    let mut row = |key: &[u8], _: &[u8]| keys.push(number_of(key));
    store.scan(KeyRange { lower, upper }, usize::MAX, &mut row).expect("a range can be scanned");
    keys
}

/// What a scan of all gives, and how many entries it goes over beside those.
fn scan_and_skipped(backend: &dyn StateBackend, store: &dyn StateStore) -> (Vec<u32>, u64) {
    let skipped = || number(backend, "rocksdb.number.iter.skip");
    let before = skipped();
    let keys = scan(store);
    (keys, skipped() - before)
}

fn shuffled(count: u32) -> Vec<u32> {
    let (mut keys, mut random) = ((0..count).collect::<Vec<_>>(), Random::new(28));
    (1..keys.len()).for_each(|n| keys.swap(n, random.below(n + 1)));
    keys
}

#[test]
fn the_first_scan_goes_over_few_of_many_deletes_however_they_come() {
    let ascending: Vec<u32> = (0..MANY).collect();
    let descending: Vec<u32> = ascending.iter().rev().copied().collect();
    for (keys, keys_a_run) in
        [(&ascending, 1), (&ascending, 100), (&ascending, MANY), (&descending, 1), (&descending, 7)]
    {
        for (is_flushed, is_scanned) in [(false, true), (true, true), (false, false)] {
            let (factory, scratch) = (factory(&[]), Scratch::new());
            let backend = open(&factory, &scratch);
            let store = store(&*backend, "state");
            put(&*store, 0..MANY);
            if is_flushed {
                backend.flush().expect("the database can be flushed");
            }
            if is_scanned {
                scan(&*store);
            }
            keys.chunks(keys_a_run as usize).for_each(|keys| {
                let mut keys = keys.to_vec();
                keys.sort_unstable();
                apply(&*store, keys.iter().map(|n| Entry::delete(key(*n))));
            });
            let (found, skipped) = scan_and_skipped(&*backend, &*store);
            assert!(found.is_empty());
            assert!(skipped <= SINCE_THE_LAST_LOOK, "{skipped} of runs of {keys_a_run}, flushed: {is_flushed}");
            put(&*store, [7]);
            assert_eq!(scan(&*store), [7]);
        }
    }
}

#[test]
fn what_lies_between_many_deletes_is_found_by_going_around_them() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    put(&*store, 0..MANY);
    delete_one_by_one(&*store, (0..MANY).filter(|n| *n != MANY / 2 && *n != MANY - 1));
    let (found, skipped) = scan_and_skipped(&*backend, &*store);
    assert_eq!(found, [MANY / 2, MANY - 1]);
    assert!(skipped <= SINCE_THE_LAST_LOOK, "{skipped}");
}

#[test]
fn a_deleted_range_is_known_at_once() {
    for (ranges, is_flushed) in [(1, false), (12, false), (1_000, false), (1, true)] {
        let (factory, scratch) = (factory(&[]), Scratch::new());
        let backend = open(&factory, &scratch);
        let store = store(&*backend, "state");
        put(&*store, 0..MANY);
        if is_flushed {
            backend.flush().expect("the database can be flushed");
        }
        let bounds = (0..ranges).map(|n| (key(n * MANY / ranges), key((n + 1) * MANY / ranges)));
        bounds.for_each(|(start, end)| apply(&*store, [Entry::delete_range(start, end)]));
        let (found, skipped) = scan_and_skipped(&*backend, &*store);
        assert!(found.is_empty());
        assert!(skipped <= SINCE_THE_LAST_LOOK, "{skipped} of {ranges} ranges");
    }
}

#[test]
fn a_scan_that_has_met_many_deletes_spares_the_next_one_that() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    put(&*store, 0..MANY);
    // In an order in which no look finds much.
    delete_one_by_one(&*store, shuffled(MANY));
    let (found, first) = scan_and_skipped(&*backend, &*store);
    assert!(found.is_empty());
    let (found, second) = scan_and_skipped(&*backend, &*store);
    assert!(found.is_empty());
    assert!(first > u64::from(MANY) && second == 0, "{first}, then {second}");
}

#[test]
fn of_very_many_deletes_in_no_order_the_first_scan_goes_over_a_part() {
    const VERY_MANY: u32 = 100_000;
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    put(&*store, 0..VERY_MANY);
    delete_one_by_one(&*store, shuffled(VERY_MANY));
    let (found, skipped) = scan_and_skipped(&*backend, &*store);
    assert!(found.is_empty());
    assert!(skipped <= u64::from(VERY_MANY) / 2, "{skipped} of twice as many entries as deletes");
}

#[test]
fn what_is_put_while_a_scan_goes_over_deletes_is_found_by_the_next_one() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    put(&*store, 0..MANY);
    delete_one_by_one(&*store, shuffled(MANY).into_iter().filter(|n| *n != 0));
    let (mut keys, again) = (Vec::new(), MANY / 2);
    let mut row = |key: &[u8], _: &[u8]| {
        keys.push(number_of(key));
        thread::scope(|scope| scope.spawn(|| put(&*store, [again])).join().expect("another thread can write"));
    };
    store.scan(KeyRange { lower: b"", upper: None }, 9, &mut row).expect("a range can be scanned");
    assert_eq!(keys, [0]);
    assert_eq!(scan(&*store), [0, again]);
}

#[test]
fn what_is_deleted_while_a_scan_runs_is_still_given_by_it() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    put(&*store, 0..MANY);
    delete_one_by_one(&*store, 1..1_000);
    let mut keys = Vec::new();
    let mut row = |key: &[u8], _: &[u8]| {
        if keys.is_empty() {
            let later = || apply(&*store, [Entry::delete_range(key_of(2_000), key_of(MANY))]);
            thread::scope(|scope| scope.spawn(later).join().expect("another thread can write"));
        }
        keys.push(number_of(key));
    };
    store.scan(KeyRange { lower: b"", upper: None }, usize::MAX, &mut row).expect("a range can be scanned");
    assert!(keys.into_iter().eq([0].into_iter().chain(1_000..MANY)));
    assert!(scan(&*store).into_iter().eq([0].into_iter().chain(1_000..2_000)));
}

fn key_of(n: u32) -> Vec<u8> {
    key(n).to_vec()
}

#[test]
fn whatever_puts_into_an_emptied_range_is_found() {
    type Fill = fn(&dyn StateStore) -> Vec<u32>;
    let fills: [(&str, Fill); 5] = [
        ("one", |store| {
            put(store, [MANY / 2]);
            vec![MANY / 2]
        }),
        ("a batch", |store| {
            put(store, (0..MANY).step_by(100));
            (0..MANY).step_by(100).collect()
        }),
        ("a batch that deletes around it", |store| {
            let entries = [Entry::delete_range(key(0), key(MANY)), Entry::put(key(5), "value"), Entry::delete(key(6))];
            apply(store, entries);
            vec![5]
        }),
        ("a run that comes as a file", |store| {
            apply(store, (100..100 + 2 * MANY).map(|n| Entry::put(key(n), "value")));
            (100..100 + 2 * MANY).collect()
        }),
        ("a run that comes as a file and deletes around it", |store| {
            let range = Entry::delete_range(key(0), key(4 * MANY));
            apply(store, [range].into_iter().chain((100..100 + 2 * MANY).map(|n| Entry::put(key(n), "value"))));
            (100..100 + 2 * MANY).collect()
        }),
    ];
    for (name, fill) in fills {
        for by_range in [false, true] {
            let (factory, scratch) = (factory(&[]), Scratch::new());
            let backend = open(&factory, &scratch);
            let store = store(&*backend, "state");
            put(&*store, 0..MANY);
            match by_range {
                true => apply(&*store, [Entry::delete_range(key(0), key(MANY))]),
                false => apply(&*store, (0..MANY).map(|n| Entry::delete(key(n)))),
            }
            assert!(scan(&*store).is_empty());
            let filled = fill(&*store);
            assert_eq!(scan(&*store), filled, "{name}");
            assert_eq!(
                scan_from(&*store, &key(MANY / 2), None).len(),
                filled.iter().filter(|n| **n >= MANY / 2).count()
            );
            let limited = filled.first().map_or(Vec::new(), |n| scan_from(&*store, b"", Some(&key(*n))));
            assert!(limited.is_empty(), "{name}");
        }
    }
}

#[test]
fn a_scan_goes_on_from_the_key_that_it_gives_behind_what_was_deleted() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    put(&*store, 0..MANY);
    let left = [0, 1, MANY / 3, MANY / 2, MANY - 1];
    delete_one_by_one(&*store, (0..MANY).filter(|n| !left.contains(n)));
    for limit in 1..7 {
        let (mut keys, mut next) = (Vec::new(), Some(Vec::new()));
        while let Some(lower) = next {
            let before = keys.len();
            let mut row = |key: &[u8], _: &[u8]| keys.push(number_of(key));
            next =
                store.scan(KeyRange { lower: &lower, upper: None }, limit, &mut row).expect("a range can be scanned");
            assert!(next.is_none() || keys.len() == before + limit);
            assert!(next.as_deref().is_none_or(|next| left.contains(&number_of(next))));
        }
        assert_eq!(keys, left, "limit {limit}");
    }
}

/// A thread that empties stretches, so that looks find them; one that scans, and learns; and two each of which puts keys of
/// its own between, and must find each until it deletes it again.
#[test]
fn what_is_put_between_deletes_at_the_same_time_is_there_until_it_is_deleted() {
    const ROUNDS: u32 = 60;
    const STRETCH: u32 = 600;
    /// Of all keys, one in so many is the emptying thread's.
    const EACH: u32 = 8;
    /// Where the stretches end. Beyond, each putting thread has a place for ranges.
    const RANGES: u32 = 4 * STRETCH * EACH;
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let (store, round, is_over) = (store(&*backend, "state"), AtomicU32::new(0), AtomicBool::default());
    let store = &*store;
    // Four stretches, which are used in turn: each has been emptied, and is emptied again.
    let base = |round: u32| round % 4 * STRETCH * EACH;
    let is_found = |n: u32| scan_from(store, &key(n.saturating_sub(40)), Some(&key(n + 40))).contains(&n);
    thread::scope(|scope| {
        let putter = |own: u32| {
            let (round, is_over, is_found) = (&round, &is_over, &is_found);
            move || {
                let mut random = Random::new(own.into());
                let mut below = move |end: u32| u32::try_from(random.below(end as usize)).expect("it is below `end`");
                while !is_over.load(Ordering::Relaxed) {
                    let n = match below(16) {
                        0 => {
                            let place = RANGES + 100 * own;
                            put(store, place..place + 100);
                            apply(store, [Entry::delete_range(key(place), key(place + 100))]);
                            place + below(90)
                        }
                        _ => base(round.load(Ordering::Relaxed)) + EACH * below(STRETCH) + own,
                    };
                    match below(3) {
                        0 => put(store, [n, n + EACH]),
                        _ => put(store, [n]),
                    }
                    assert!((0..3).all(|_| is_found(n)), "{n} was put, and nobody has deleted it");
                    assert!(scan(store).contains(&n), "{n} was put, and nobody has deleted it");
                    apply(store, [Entry::delete(key(n)), Entry::delete(key(n + EACH))]);
                    assert!(!is_found(n), "{n} was deleted");
                }
            }
        };
        scope.spawn(putter(1));
        scope.spawn(putter(5));
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                scan(store);
            }
        });
        for at in 0..ROUNDS {
            let mine = (0..STRETCH).map(|n| base(at) + EACH * n);
            put(store, mine.clone());
            round.store(at, Ordering::Relaxed);
            match at % 2 {
                0 => delete_one_by_one(store, mine),
                _ => apply(store, mine.map(|n| Entry::delete(key(n)))),
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(scan(store).is_empty());
}
