//! In which order writes, looks and scans go, each case at the one moment that matters.

use super::*;
use crate::scan::scan;
use gress_state::{run::RunEntry, testing::Scratch};
use rocksdb::Options;
use std::{
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// A database with a column family, and what is known of it.
struct Store {
    db: Db,
    emptied: Emptied,
    scratch: Scratch,
}

/// Deletes that are looked at.
const MANY: u32 = 2_000;

fn key(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

impl Store {
    fn new() -> Self {
        let (scratch, mut options) = (Scratch::new(), Options::default());
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let db = Db::open_cf(&options, scratch.path(), ["state"]).expect("a database can be opened");
        Store { db, emptied: Emptied::default(), scratch }
    }

    /// One whose keys below [`MANY`] were all deleted, which nobody has looked at.
    fn emptied() -> Self {
        let store = Store::new();
        (0..MANY).for_each(|n| store.db.put_cf(store.family(), key(n), "value").unwrap());
        (0..MANY).for_each(|n| store.db.delete_cf(store.family(), key(n)).unwrap());
        store
    }

    fn family(&self) -> &ColumnFamily {
        self.db.cf_handle("state").unwrap()
    }

    /// Looks at all keys below [`MANY`].
    fn look(&self) {
        let mut changes = self.emptied.changes();
        (0..MANY).for_each(|n| changes.add(&RunEntry::Delete { key: &key(n) }, |_, _| 0));
        self.emptied.settle(&self.db, self.family(), &changes);
    }

    fn put(&self, n: u32) {
        self.emptied.put(&key(n), || self.db.put_cf(self.family(), key(n), "value")).unwrap();
    }

    fn knows(&self, n: u32) -> bool {
        self.emptied.known().contains(&key(n))
    }

    fn scan(&self) -> Vec<u32> {
        let mut keys = Vec::new();
        let mut row = |key: &[u8], _: &[u8]| keys.push(u32::from_be_bytes(key.try_into().unwrap()));
        scan(&self.db, self.family(), &self.emptied, KeyRange { lower: b"", upper: None }, 9, &mut row).unwrap();
        keys
    }
}

fn everything() -> Vec<Stretch> {
    vec![Stretch { start: Vec::new(), end: None, deletes: MANY.into() }]
}

/// Whether `what` comes within a time in which it would, if nothing kept it.
fn comes(what: &Receiver<()>) -> bool {
    what.recv_timeout(Duration::from_millis(200)).is_ok()
}

#[test]
fn a_look_finds_what_was_deleted_and_a_put_takes_its_key_out() {
    let store = Store::emptied();
    assert!(!store.knows(7));
    store.look();
    assert!(store.knows(0) && store.knows(7) && store.knows(MANY - 1));
    assert!(!store.knows(MANY), "nothing was ever there");
    assert!(store.scan().is_empty());
    store.put(7);
    assert!(!store.knows(7) && store.knows(6) && store.knows(8));
    assert_eq!(store.scan(), [7]);
}

#[test]
fn a_look_goes_around_what_lies_between() {
    let store = Store::emptied();
    for n in [MANY / 2, MANY, MANY + 7] {
        store.put(n);
    }
    store.look();
    assert!(store.knows(0) && store.knows(MANY / 2 - 1) && store.knows(MANY / 2 + 1) && store.knows(MANY - 1));
    assert!(!store.knows(MANY / 2) && !store.knows(MANY) && !store.knows(MANY + 1));
    assert_eq!(store.scan(), [MANY / 2, MANY, MANY + 7]);
}

#[test]
fn a_look_after_a_look_begins_where_that_one_has_ended() {
    let store = Store::new();
    let (half, all) = (MANY / 2, MANY);
    (0..all).for_each(|n| store.db.put_cf(store.family(), key(n), "value").unwrap());
    for (from, to) in [(0, half), (half, all)] {
        let mut changes = store.emptied.changes();
        for n in from..to {
            store.db.delete_cf(store.family(), key(n)).unwrap();
            changes.add(&RunEntry::Delete { key: &key(n) }, |_, _| 0);
        }
        let before = skipped();
        store.emptied.settle(&store.db, store.family(), &changes);
        let gone_over = skipped() - before;
        assert!(gone_over <= 2 * u64::from(half) + 9, "{gone_over} entries from {from} on");
        assert!(store.knows(0) && store.knows(to - 1) && !store.knows(to));
    }
    let before = skipped();
    assert!(store.scan().is_empty());
    assert_eq!(skipped(), before);
}

#[test]
fn a_key_is_no_longer_known_to_be_empty_before_it_is_put() {
    let store = Store::emptied();
    store.look();
    let write = || {
        assert!(!store.emptied.moment(&store.db).known.contains(&key(7)));
        store.db.put_cf(store.family(), key(7), "value")
    };
    store.emptied.put(&key(7), write).unwrap();
    let mut changes = store.emptied.changes();
    changes.add(&RunEntry::Put { key: &key(9), value: b"value" }, |_, _| 0);
    let write = || {
        assert!(!store.emptied.moment(&store.db).known.contains(&key(9)));
        store.db.put_cf(store.family(), key(9), "value")
    };
    store.emptied.write(&changes, write).unwrap();
    let mut bounds = Bounds::default();
    [key(20), key(30)].iter().for_each(|key| bounds.add(key));
    let write = || {
        assert!((20..=30).all(|n| !store.emptied.moment(&store.db).known.contains(&key(n))));
        store.db.put_cf(store.family(), key(25), "value")
    };
    store.emptied.put_between(&bounds, write).unwrap();
    assert_eq!(store.scan(), [7, 9, 25]);
}

#[test]
fn a_look_waits_for_a_put_that_is_on_its_way() {
    type Put<'a> = &'a (dyn Fn(&Store, &mut dyn FnMut()) + Sync);
    let bounds = || {
        let mut bounds = Bounds::default();
        bounds.add(&key(7));
        bounds
    };
    let visible = |store: &Store, before: &mut dyn FnMut()| {
        before();
        store.db.put_cf(store.family(), key(7), "value")
    };
    let one: Put<'_> = &|store, before| store.emptied.put(&key(7), || visible(store, before)).unwrap();
    let batch: Put<'_> = &|store, before| {
        let mut changes = store.emptied.changes();
        changes.add(&RunEntry::Put { key: &key(7), value: b"value" }, |_, _| 0);
        store.emptied.write(&changes, || visible(store, before)).unwrap();
    };
    let files: Put<'_> = &|store, before| store.emptied.put_between(&bounds(), || visible(store, before)).unwrap();
    for put in [one, batch, files] {
        let store = Store::emptied();
        thread::scope(|scope| {
            let ((begin, begun), (end, ended)) = (channel(), channel());
            let store = &store;
            scope.spawn(move || {
                begun.recv().expect("the put begins");
                store.look();
                end.send(()).expect("somebody waits");
            });
            put(store, &mut || {
                begin.send(()).expect("the other thread looks");
                assert!(!comes(&ended), "nobody can know what is empty now");
            });
            assert!(ended.recv_timeout(Duration::from_secs(60)).is_ok());
        });
        assert_eq!(store.scan(), [7]);
    }
}

#[test]
fn what_a_scan_has_found_counts_unless_something_was_put_since() {
    let store = Store::emptied();
    let before = store.emptied.moment(&store.db);
    store.emptied.learn(&before, everything());
    assert!(store.knows(7));

    let store = Store::emptied();
    let before = store.emptied.moment(&store.db);
    store.put(7);
    store.emptied.learn(&before, everything());
    assert!(!store.knows(7) && !store.knows(8));

    // One that the scan did not see, since it was on its way.
    let store = Store::emptied();
    let mut during = None;
    let write = || {
        during = Some(store.emptied.moment(&store.db));
        store.db.put_cf(store.family(), key(7), "value")
    };
    store.emptied.put(&key(7), write).unwrap();
    store.emptied.learn(&during.unwrap(), everything());
    assert_eq!(store.scan(), [7]);

    // By a batch that deletes a range, too.
    let store = Store::emptied();
    let mut changes = store.emptied.changes();
    changes.add(&RunEntry::DeleteRange { start: &key(0), end: &key(5) }, |_, _| 1_000);
    changes.add(&RunEntry::Put { key: &key(7), value: b"value" }, |_, _| 0);
    let mut during = None;
    let write = || {
        during = Some(store.emptied.moment(&store.db));
        store.db.put_cf(store.family(), key(7), "value")
    };
    store.emptied.write(&changes, write).unwrap();
    store.emptied.learn(&during.unwrap(), everything());
    assert_eq!(store.scan(), [7]);
}

#[test]
fn what_became_known_while_a_batch_was_made_is_forgotten() {
    let store = Store::emptied();
    let mut changes = store.emptied.changes();
    changes.add(&RunEntry::Put { key: &key(7), value: b"value" }, |_, _| 0);
    store.look();
    assert!(store.knows(7));
    store.emptied.write(&changes, || store.db.put_cf(store.family(), key(7), "value")).unwrap();
    assert_eq!(store.scan(), [7]);
}

#[test]
fn a_deleted_range_is_known_but_for_what_its_batch_puts_after_it_and_where_it_was_not_written() {
    let store = Store::emptied();
    let range = RunEntry::DeleteRange { start: &key(0), end: &key(MANY) };
    let mut changes = store.emptied.changes();
    changes.add(&range, |_, _| MANY.into());
    changes.add(&RunEntry::Put { key: &key(7), value: b"value" }, |_, _| 0);
    let no_database = store.scratch.path().join("none");
    let failed = store.emptied.write(&changes, || Db::open(&Options::default(), no_database).map(drop));
    assert!(failed.is_err());
    assert!(!store.knows(6));
    store.emptied.write(&changes, || store.db.put_cf(store.family(), key(7), "value")).unwrap();
    assert!(store.knows(6) && !store.knows(7) && store.knows(8) && !store.knows(MANY));
}

#[test]
fn what_is_known_to_a_scan_is_empty_in_its_snapshot() {
    let store = Store::new();
    store.put(7);
    thread::scope(|scope| {
        let (begin, begun) = channel();
        let ((store, mut known), (end, ended)) = ((&store, store.emptied.known.write().unwrap()), channel());
        scope.spawn(move || {
            begin.send(()).expect("somebody waits");
            let moment = store.emptied.moment(&store.db);
            let is_there = moment.snapshot.get_cf(store.family(), key(7)).unwrap().is_some();
            assert!(!is_there || !moment.known.contains(&key(7)));
            end.send(()).expect("somebody waits");
        });
        begun.recv().expect("the scan begins");
        assert!(!comes(&ended), "what is known is about to change");
        store.db.delete_cf(store.family(), key(7)).unwrap();
        Arc::make_mut(&mut known).add(KeyRange { lower: &key(0), upper: Some(&key(9)) }, 1_000);
        drop(known);
        assert!(ended.recv_timeout(Duration::from_secs(60)).is_ok());
    });
}
