//! Reads of single keys and of many keys at once.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    Entry,
    conformance::{apply, assert_holds, get, with_store},
};
use crate::backend::BackendFactory;

pub fn a_value_that_was_put_is_read_and_an_absent_key_is_not(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        assert_eq!(get(store, b"a"), None);
        apply(store, [Entry::put("a", "1")]);
        assert_eq!(get(store, b"a"), Some(b"1".to_vec()));
        assert_eq!(get(store, b"b"), None);
    });
}

pub fn a_newer_run_hides_an_older_one(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, [Entry::put("a", "old"), Entry::put("b", "kept")]);
        apply(store, [Entry::put("a", "new, and longer")]);
        assert_holds(store, &[("a", "new, and longer"), ("b", "kept")].map(owned).into());
    });
}

pub fn a_deleted_key_has_no_value(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, [Entry::put("a", "1"), Entry::put("b", "2")]);
        apply(store, [Entry::delete("a"), Entry::delete("never there")]);
        assert_holds(store, &[("b", "2")].map(owned).into());
        apply(store, [Entry::put("a", "3")]);
        assert_holds(store, &[("a", "3"), ("b", "2")].map(owned).into());
    });
}

pub fn an_empty_value_is_a_value(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, [Entry::put("a", "")]);
        assert_eq!(get(store, b"a"), Some(Vec::new()));
        assert_holds(store, &[("a", "")].map(owned).into());
    });
}

/// The empty key is a prefix of all.
pub fn keys_that_are_prefixes_of_others_are_keys_of_their_own(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        let all = [("", "0"), ("a", "1"), ("a\0", "2"), ("a\0\0", "3"), ("aa", "4")];
        apply(store, all.map(|(key, value)| Entry::put(key, value)));
        assert_holds(store, &all.map(owned).into());
        apply(store, [Entry::delete("a"), Entry::delete("")]);
        assert_holds(store, &[all[2], all[3], all[4]].map(owned).into());
    });
}

pub fn keys_of_lowest_and_highest_bytes_are_ordinary(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        let keys: [&[u8]; 7] = [&[0], &[0, 0], &[0, 0xff], &[0x7f], &[0xff], &[0xff, 0], &[0xff, 0xff, 0xff]];
        apply(store, keys.map(|key| Entry::put(key, key)));
        assert_holds(store, &keys.map(|key| (key.to_vec(), key.to_vec())).into());
    });
}

pub fn a_key_of_64_kib_and_a_value_of_1_mib_come_back(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        let (key, value) = (vec![7; 64 << 10], vec![9; 1 << 20]);
        let longer = [key.as_slice(), &[0]].concat();
        apply(store, [Entry::put(&key, &value), Entry::put(&longer, "next")]);
        assert_holds(store, &[(key, value), (longer, b"next".to_vec())].into());
    });
}

pub fn multi_get_answers_each_index_once(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        let key = |n: u32| n.to_be_bytes();
        apply(store, (0..3_000).step_by(2).map(|n| Entry::put(key(n), n.to_string())));
        apply(store, (0..3_000).step_by(100).map(|n| Entry::delete(key(n))));
        let keys: Vec<_> = (0..3_000).map(key).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_slice()).collect();
        let mut answers = vec![None; keys.len()];
        let answer = |value: Option<&[u8]>| value.map(<[u8]>::to_vec);
        store
            .multi_get(&keys, &mut |index, value| {
                assert!(answers[index].replace(answer(value)).is_none(), "index {index} is answered twice");
            })
            .expect("many keys can be read");
        for (n, given) in answers.into_iter().enumerate() {
            let wanted = (n % 2 == 0 && n % 100 != 0).then(|| n.to_string().into_bytes());
            assert_eq!(given, Some(wanted), "index {n}");
        }
        store.multi_get(&[], &mut |_, _| panic!("no key was asked for")).expect("no keys can be read");
    });
}

fn owned((key, value): (&str, &str)) -> (Vec<u8>, Vec<u8>) {
    (key.into(), value.into())
}
