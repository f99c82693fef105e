//! Moments of a backend that outlive it: snapshots, copies, and what may expire in between.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    Entries, Entry, Scratch,
    conformance::{Rows, apply, assert_holds, get, open, with_backend, with_store},
};
use crate::{
    backend::{BackendFactory, StateBackend},
    run::FileSummary,
    store::StateStore,
    ttl::{Expiry, Stamp},
};
use gress_core::{Error, ErrorKind, Result, StateName};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

fn key(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

fn rows(store: &dyn StateStore) -> Rows {
    let mut rows = Rows::new();
    let mut row = |key: &[u8], value: &[u8]| -> Result<()> {
        rows.push((key.to_vec(), value.to_vec()));
        Ok(())
    };
    store.snapshot(&mut row).expect("a snapshot can be read");
    rows
}

/// Each run writes its number to all keys, so that two numbers in one snapshot are two moments.
pub fn a_snapshot_is_of_one_moment_while_a_writer_goes_on(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        assert_eq!(rows(store), Rows::new());
        let write = |round: u32| apply(store, (0..4_000).map(|n| Entry::put(key(n), round.to_string())));
        write(0);
        let is_done = &AtomicBool::new(false);
        thread::scope(|scope| {
            let writer = scope.spawn(move || {
                (1..40).for_each(|round| {
                    write(round);
                    apply(store, [Entry::delete_range(key(4_000), key(9_000)), Entry::put(key(4_000 + round), "x")]);
                });
                is_done.store(true, Ordering::Release);
            });
            while !is_done.load(Ordering::Acquire) {
                let rows = rows(store);
                let round = rows[0].1.clone();
                assert!(rows.is_sorted_by(|a, b| a.0 < b.0), "keys ascend");
                assert!(rows[..4_000].iter().all(|(_, value)| *value == round), "all entries are of one moment");
                assert!(rows.len() <= 4_001, "of a run that deletes and puts there is all or nothing");
            }
            writer.join().expect("the writer does not panic");
        });
        assert_eq!(rows(store).len(), 4_001);
    });
}

pub fn a_row_that_fails_ends_a_snapshot_and_nothing_else(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, (0..2_000).map(|n| Entry::put(key(n), "x")));
        let mut seen = 0;
        let failed = store.snapshot(&mut |_, _| {
            seen += 1;
            if seen == 1_000 { Err(Error::argument("enough")) } else { Ok(()) }
        });
        assert_eq!(failed.map_err(|e| (e.kind(), e.to_string())), Err((ErrorKind::Argument, "enough".into())));
        assert_eq!(seen, 1_000);
        apply(store, [Entry::put("z", "")]);
        assert_eq!(rows(store).len(), 2_001);
    });
}

pub fn a_copy_lists_its_files_and_opens_as_often_as_one_likes(factory: &dyn BackendFactory) {
    with_backend(factory, |backend| {
        let (one, two) = (open(backend, "one"), open(backend, "two"));
        apply(&*one, (0..15_000).map(|n| Entry::put(key(n), "old")));
        apply(&*two, [Entry::put("a", "old")]);
        backend.flush().expect("a backend can be flushed");
        apply(&*one, [Entry::delete(key(3)), Entry::put(key(4), "newer")]);
        let scratch = Scratch::new();
        let copy = scratch.path().join("copy");
        let files = backend.checkpoint(&copy).expect("a backend can be copied");
        let listed: BTreeMap<String, FileSummary> = files.iter().map(|f| (f.name.clone(), f.summary)).collect();
        assert_eq!(listed.len(), files.len(), "each file is listed once");
        let summaries = || -> BTreeMap<String, FileSummary> {
            let entries = std::fs::read_dir(&copy).expect("the copy can be read").flatten();
            let named = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
            named.map(|(name, path)| (name, FileSummary::of_file(&path).expect("a file can be read"))).collect()
        };
        assert_eq!(listed, summaries(), "what is listed is what is there");

        apply(&*one, [Entry::delete_range(key(0), key(9_000))]);
        apply(&*two, [Entry::put("a", "new")]);
        backend.compact().expect("a backend can be compacted");
        let mut wanted: BTreeMap<_, _> = (0..15_000).map(|n| (key(n).to_vec(), b"old".to_vec())).collect();
        wanted.remove(&key(3)[..]);
        wanted.insert(key(4).to_vec(), b"newer".to_vec());
        for nth in 0..2 {
            let copied = open_copy(factory, &copy, &scratch.path().join(format!("opened-{nth}")));
            let (one, two) = (open(&*copied, "one"), open(&*copied, "two"));
            assert_holds(&*one, &wanted);
            assert_eq!(get(&*two, b"a"), Some(b"old".to_vec()));
            apply(&*one, [Entry::delete_range("", [0xff; 9])]);
            copied.compact().expect("an opened copy can be compacted");
            assert_holds(&*one, &BTreeMap::new());
            copied.close().expect("an opened copy can be closed");
        }
        assert_eq!(listed, summaries(), "neither the backend nor what was opened changes a copy");
        assert_eq!(get(&*two, b"a"), Some(b"new".to_vec()));
        backend.checkpoint(&copy).expect_err("a copy is not written over another one");
        assert_eq!(listed, summaries());
    });
}

fn open_copy(factory: &dyn BackendFactory, copy: &Path, directory: &Path) -> Box<dyn StateBackend> {
    std::fs::create_dir(directory).expect("the scratch directory is writable");
    factory.open_copy(copy, directory).expect("a copy can be opened")
}

pub fn a_closed_backend_gives_neither_snapshots_nor_copies(factory: &dyn BackendFactory) {
    let scratch = Scratch::new();
    let backend = factory.open(scratch.path()).expect("an empty directory can be opened");
    let store = open(&*backend, "state");
    apply(&*store, [Entry::put("a", "1")]);
    backend.close().expect("a backend can be closed");
    let snapshot = store.snapshot(&mut |_, _| panic!("a closed store reads nothing"));
    let expiring = backend.open_expiring_store(&StateName::new("operator", "state"), Arc::default());
    let copy = scratch.path().join("copy");
    let errors = [snapshot.err(), expiring.err(), backend.checkpoint(&copy).err()];
    for error in errors {
        assert_eq!(error.map(|e| e.kind()), Some(ErrorKind::Closed));
    }
}

/// A backend need not remove anything. What it removes must be what the expiry gives free.
pub fn an_expiring_store_keeps_all_that_is_not_removable(factory: &dyn BackendFactory) {
    with_backend(factory, |backend| {
        let expiry = Arc::new(Expiry::new(Some(100), 50));
        let store = backend.open_expiring_store(&StateName::new("operator", "state"), expiry.clone());
        let store = store.expect("an expiring store can be opened");
        let other = open(backend, "other");
        let stored = |n: u32| {
            let mut value = Vec::new();
            match n % 4 {
                0 => Stamp::None.encode(&mut value),
                1 => Stamp::Updated(i64::from(n)).encode(&mut value),
                2 => Stamp::Expires(i64::from(n)).encode(&mut value),
                // No stamp at all: for a reader to report.
                _ => value.push(9),
            }
            value.extend_from_slice(b"value");
            value
        };
        let mut wanted = BTreeMap::new();
        for n in 0..400 {
            apply(&*store, [Entry::put(key(n), stored(n))]);
            apply(&*other, [Entry::put(key(n), stored(n))]);
            wanted.insert(key(n).to_vec(), stored(n));
        }
        for now in [-1, 49, 120, 150, 399, i64::MAX] {
            expiry.advance(now);
            backend.flush().expect("a backend can be flushed");
            backend.compact().expect("a backend can be compacted");
            // Writes give some backends the chance to clean.
            for n in 0..50 {
                store.apply_run(&mut Entries::new([Entry::put([7, n], [0])])).expect("a run can be applied");
            }
            for (key, value) in &wanted {
                let found = get(&*store, key);
                let may_go = expiry.is_removable(value);
                assert!(found.as_ref() == Some(value) || (may_go && found.is_none()), "{key:?} at {now}: {found:?}");
            }
            assert_holds(&*other, &wanted);
        }
    });
}
