//! Backends and stores: opening, sharing, closing.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    Entries, Entry, Scratch,
    conformance::{apply, assert_holds, get, open, with_backend},
};
use crate::{
    backend::{BackendFactory, Reading},
    store::KeyRange,
};
use gress_core::{Error, ErrorKind, StateName};
use std::collections::BTreeMap;

pub fn opening_a_name_twice_gives_the_same_content(factory: &dyn BackendFactory) {
    with_backend(factory, |backend| {
        let first = open(backend, "state");
        apply(&*first, [Entry::put("a", "1")]);
        let second = open(backend, "state");
        assert_eq!(get(&*second, b"a"), Some(b"1".to_vec()));
        apply(&*second, [Entry::put("a", "2")]);
        assert_eq!(get(&*first, b"a"), Some(b"2".to_vec()));
        drop((first, second));
        assert_eq!(get(&*open(backend, "state"), b"a"), Some(b"2".to_vec()));
    });
}

pub fn two_stores_do_not_see_each_other(factory: &dyn BackendFactory) {
    with_backend(factory, |backend| {
        // Names that are prefixes of each other, and the same state of two operators.
        let names = [("a", "s"), ("a", "st"), ("aa", "s"), ("b", "s")].map(|(o, s)| StateName::new(o, s));
        let stores = names.each_ref().map(|name| backend.open_store(name).expect("a store can be opened"));
        for (store, name) in stores.iter().zip(&names) {
            apply(&**store, [Entry::put("key", name.as_str())]);
        }
        apply(&*stores[1], [Entry::delete_range("", "z")]);
        for (index, (store, name)) in stores.iter().zip(&names).enumerate() {
            let wanted = (index != 1).then(|| name.as_str().as_bytes().to_vec());
            assert_eq!(get(&**store, b"key"), wanted, "{name}");
        }
    });
}

pub fn two_backends_do_not_see_each_other(factory: &dyn BackendFactory) {
    with_backend(factory, |one| {
        with_backend(factory, |other| {
            apply(&*open(one, "state"), [Entry::put("a", "1")]);
            assert_holds(&*open(other, "state"), &BTreeMap::new());
        });
        assert_eq!(get(&*open(one, "state"), b"a"), Some(b"1".to_vec()), "closing one leaves the other");
    });
}

pub fn a_store_may_move_to_another_thread(factory: &dyn BackendFactory) {
    with_backend(factory, |backend| {
        let store = open(backend, "state");
        let store = std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                apply(&*store, [Entry::put("a", "1")]);
                store
            });
            writer.join().expect("the thread ends well")
        });
        assert_eq!(get(&*store, b"a"), Some(b"1".to_vec()));
    });
}

pub fn a_dropped_backend_leaves_its_stores_usable(factory: &dyn BackendFactory) {
    let scratch = Scratch::new();
    let backend = factory.open(scratch.path()).expect("an empty directory can be opened");
    let store = open(&*backend, "state");
    drop(backend);
    apply(&*store, [Entry::put("a", "1")]);
    assert_eq!(get(&*store, b"a"), Some(b"1".to_vec()));
}

pub fn close_may_be_called_twice_and_later_calls_say_closed(factory: &dyn BackendFactory) {
    let scratch = Scratch::new();
    let backend = factory.open(scratch.path()).expect("an empty directory can be opened");
    let store = open(&*backend, "state");
    apply(&*store, [Entry::put("a", "1")]);
    backend.close().expect("a backend can be closed");
    backend.close().expect("a second close does nothing");

    let unread = &mut |_: &[u8]| panic!("a closed store reads nothing");
    let range = KeyRange { lower: b"", upper: None };
    let errors: [(&str, Option<Error>); 9] = [
        ("open_store", backend.open_store(&StateName::new("operator", "state")).err()),
        ("flush", backend.flush().err()),
        ("compact", backend.compact().err()),
        ("stats", backend.stats().err()),
        ("property", backend.property("any").err()),
        ("get", store.get(b"a", unread).err()),
        ("multi_get", store.multi_get(&[b"a"], &mut |_, _| panic!("a closed store reads nothing")).err()),
        ("scan", store.scan(range, 1, &mut |_, _| panic!("a closed store reads nothing")).err()),
        ("apply_run", store.apply_run(&mut Entries::new([Entry::put("b", "2")])).err()),
    ];
    for (method, error) in errors {
        assert_eq!(error.map(|e| e.kind()), Some(ErrorKind::Closed), "{method}");
    }
}

pub fn stats_rise_with_entries_and_unknown_properties_are_none(factory: &dyn BackendFactory) {
    with_backend(factory, |backend| {
        let empty = backend.stats().expect("an empty backend has stats");
        assert_eq!(empty.entries, 0);
        let stores = [open(backend, "one"), open(backend, "two")];
        for store in &stores {
            apply(&**store, (0..1_000_u32).map(|n| Entry::put(n.to_be_bytes(), [7; 100])));
        }
        let full = backend.stats().expect("a full backend has stats");
        assert_eq!(full.entries, 2_000, "nothing was written twice, so an estimate is exact");
        assert!(full.memory_bytes + full.disk_bytes > empty.memory_bytes + empty.disk_bytes);
        assert_eq!(backend.property("no.such.property").expect("any name can be asked for"), None);
    });
}

pub fn readings_have_names_that_metrics_can_have_and_end_with_close(factory: &dyn BackendFactory) {
    let scratch = Scratch::new();
    let backend = factory.open(scratch.path()).expect("an empty directory can be opened");
    apply(&*open(&*backend, "one"), (0..1_000_u32).map(|n| Entry::put(n.to_be_bytes(), [7; 100])));
    let names = || -> Vec<&'static str> {
        let readings = backend.readings().expect("an open backend can be asked");
        readings
            .iter()
            .map(|reading| match reading {
                Reading::Level(name, value) => {
                    assert!(value.is_finite() && !name.ends_with("_total"), "{name} = {value}");
                    *name
                }
                Reading::Total(name, _) => {
                    assert!(name.ends_with("_total"), "{name}");
                    *name
                }
            })
            .collect()
    };
    let first = names();
    let allowed = |c: char| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit();
    assert!(first.iter().all(|name| name.starts_with(factory.name()) && name.chars().all(allowed)), "{first:?}");
    let mut unique = first.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), first.len(), "no name stands twice");
    backend.flush().expect("an open backend can be flushed");
    assert!(names().iter().all(|name| first.contains(name)), "names do not change");
    backend.close().expect("a backend can be closed");
    if let Err(error) = backend.readings() {
        assert_eq!(error.kind(), ErrorKind::Closed);
    } else {
        assert_eq!(first, [""; 0], "only a backend that tells nothing has nothing to refuse");
    }
}
