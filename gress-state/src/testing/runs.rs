//! Runs: puts, deletes and range deletes of any number.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    Entries, Entry,
    conformance::{apply, assert_holds, open, with_backend, with_store},
};
use crate::{
    backend::BackendFactory,
    run::{RunCursor, RunEntry},
};
use gress_core::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

pub fn an_empty_run_changes_nothing(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, []);
        assert_holds(store, &BTreeMap::new());
        apply(store, [Entry::put("a", "1")]);
        apply(store, []);
        assert_holds(store, &map(&["a"], "1"));
    });
}

pub fn a_range_delete_removes_what_was_there_before_the_run(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, ["", "a", "b", "b\0", "c", "c\0", "d"].map(|key| Entry::put(key, "1")));
        apply(store, [Entry::delete_range("b", "c")]);
        assert_holds(store, &map(&["", "a", "c", "c\0", "d"], "1"));
        apply(store, [Entry::delete_range("", "d")]);
        assert_holds(store, &map(&["d"], "1"));
        // A later run may fill the range again.
        apply(store, [Entry::put("b", "1")]);
        assert_holds(store, &map(&["b", "d"], "1"));
    });
}

/// In a large run too, which a backend may apply in another way.
pub fn a_range_delete_spares_the_puts_of_its_own_run(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, ["a", "b", "c"].map(|key| Entry::put(key, "old")));
        apply(store, [Entry::delete_range("a", "z"), Entry::put("a", "new"), Entry::put("m", "new")]);
        assert_holds(store, &map(&["a", "m"], "new"));
    });
    for puts in [10_u32, LARGE] {
        with_backend(factory, |backend| {
            let store = open(backend, "state");
            let key = |n: u32| n.to_be_bytes();
            apply(&*store, (0..1_000).map(|n| Entry::put(key(n * 1_000), "old")));
            let range = Entry::delete_range(key(0), key(u32::MAX));
            let puts: Vec<u32> = (0..puts).map(|n| n * 7).collect();
            apply(&*store, puts.iter().map(|n| Entry::put(key(*n), "new")).chain([range]));
            let wanted = puts.iter().map(|n| (key(*n).to_vec(), b"new".to_vec())).collect();
            assert_holds(&*store, &wanted);
            backend.flush().expect("a backend can be flushed");
            assert_holds(&*store, &wanted);
            backend.compact().expect("a backend can be compacted");
            assert_holds(&*store, &wanted);
        });
    }
}

pub fn range_deletes_may_overlap_and_may_be_empty(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, ["a", "b", "c", "d", "e", "f"].map(|key| Entry::put(key, "1")));
        apply(store, [Entry::delete_range("e", "e"), Entry::delete_range("f", "a")]);
        assert_holds(store, &map(&["a", "b", "c", "d", "e", "f"], "1"));
        let overlapping = [Entry::delete_range("a", "d"), Entry::delete_range("b", "c"), Entry::delete_range("c", "f")];
        apply(store, overlapping.into_iter().chain(["b", "c", "d"].map(|key| Entry::put(key, "1"))));
        assert_holds(store, &map(&["b", "c", "d", "f"], "1"));
    });
}

pub fn a_large_run_is_applied_like_a_small_one(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        let key = |n: u32| n.to_be_bytes().to_vec();
        let mut wanted = BTreeMap::new();
        for round in 0..3_u32 {
            let value = |n: u32| format!("{round}.{n}").into_bytes();
            let mut run = vec![Entry::put("", value(0)), Entry::put([0xff; 9], value(1))];
            wanted.insert(Vec::new(), value(0));
            wanted.insert(vec![0xff; 9], value(1));
            // Old entries that no put of this round touches go by the range.
            let (start, end) = (LARGE * round / 2, LARGE * round / 2 + LARGE / 4);
            run.push(Entry::delete_range(key(start), key(end)));
            wanted.retain(|k, _| *k < key(start) || *k >= key(end));
            for n in (round..LARGE).step_by(1 + round as usize) {
                match n % 11 {
                    0 => {
                        run.push(Entry::delete(key(n)));
                        wanted.remove(&key(n));
                    }
                    _ => {
                        run.push(Entry::put(key(n), value(n)));
                        wanted.insert(key(n), value(n));
                    }
                }
            }
            apply(store, run);
            assert_holds(store, &wanted);
            // A small run between two large ones.
            apply(store, [Entry::put(key(3), "small"), Entry::delete_range(key(4), key(9))]);
            wanted.insert(key(3), b"small".to_vec());
            wanted.retain(|k, _| *k < key(4) || *k >= key(9));
            assert_holds(store, &wanted);
        }
    });
}

/// A backend that writes a large run to several files has to cut what reaches from one into the next.
pub fn range_deletes_of_a_large_run_reach_as_far_as_they_say(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        let key = |n: u32| n.to_be_bytes().to_vec();
        apply(store, (0..LARGE).map(|n| Entry::put(key(n), "old")));
        let mut wanted: BTreeMap<_, _> = (0..LARGE).map(|n| (key(n), b"old".to_vec())).collect();
        // One over almost all, some within it, some that meet and that overlap, one over nothing that is there.
        let ranges =
            [(1, LARGE - 1), (10, 20), (20, 30), (25, LARGE / 2), (LARGE / 2, LARGE / 2 + 1), (LARGE, u32::MAX)];
        // Many and large puts among them, so that files end anywhere; some keys get nothing.
        let puts = (0..LARGE + 100).filter(|n| n % 3 == 1);
        let value = |n: u32| vec![b'v'; 200 + n as usize % 300];
        for (start, end) in ranges {
            wanted.retain(|k, _| *k < key(start) || key(end) <= *k);
        }
        let run = ranges.iter().map(|(start, end)| Entry::delete_range(key(*start), key(*end)));
        let run: Vec<Entry> = run.chain(puts.clone().map(|n| Entry::put(key(n), value(n)))).collect();
        wanted.extend(puts.map(|n| (key(n), value(n))));
        // Twice: the second time everything is hidden by the same again.
        for _ in 0..2 {
            apply(store, run.iter().cloned());
            assert_holds(store, &wanted);
        }
    });
}

pub fn a_large_run_of_empty_ranges_changes_nothing(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, [Entry::put("b", "1")]);
        apply(store, (0..LARGE).map(|n| Entry::delete_range(n.to_be_bytes(), "")));
        assert_holds(store, &map(&["b"], "1"));
    });
}

pub fn flush_and_compact_change_no_content(factory: &dyn BackendFactory) {
    with_backend(factory, |backend| {
        let store = open(backend, "state");
        apply(&*store, ["a", "b", "c"].map(|key| Entry::put(key, "1")));
        backend.flush().expect("a backend can be flushed");
        apply(&*store, [Entry::delete("a"), Entry::put("d", "1")]);
        for _ in 0..2 {
            assert_holds(&*store, &map(&["b", "c", "d"], "1"));
            backend.flush().expect("a backend can be flushed");
            assert_holds(&*store, &map(&["b", "c", "d"], "1"));
            backend.compact().expect("a backend can be compacted");
        }
        assert_holds(&*store, &map(&["b", "c", "d"], "1"));
    });
}

pub fn a_run_that_ends_in_an_error_changes_nothing(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, ["a", "b"].map(|key| Entry::put(key, "1")));
        for entries in [1, LARGE] {
            let bad = (0..entries).map(|n| Entry::put(n.to_be_bytes(), "x"));
            let good = Entries::new(bad.chain([Entry::delete_range("a", "b")]));
            let error = store.apply_run(&mut Failing { good }).expect_err("the cursor fails");
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(error.to_string().contains("torn block"), "{error}");
            assert_holds(store, &map(&["a", "b"], "1"));
        }
    });
}

/// More entries than a backend is likely to apply in one write.
const LARGE: u32 = 25_000;

/// A run whose end is damaged.
struct Failing {
    good: Entries,
}

impl RunCursor for Failing {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        match self.good.next()? {
            Some(entry) => Ok(Some(entry)),
            None => Err(Error::damaged("torn block")),
        }
    }
}

fn map(keys: &[&str], value: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    keys.iter().map(|key| ((*key).into(), value.into())).collect()
}
