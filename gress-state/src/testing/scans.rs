//! Reads of ranges.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    Entry,
    conformance::{Rows, apply, scan_all, with_store},
};
use crate::{backend::BackendFactory, store::KeyRange};

pub fn a_scan_gives_the_entries_of_its_range_in_order(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, ["a", "b", "b\0", "c", "d"].map(|key| Entry::put(key, key)));
        let cases: [(&str, Option<&str>, &[&str]); 6] = [
            ("", None, &["a", "b", "b\0", "c", "d"]),
            ("b", Some("c"), &["b", "b\0"]),
            ("b\0", None, &["b\0", "c", "d"]),
            ("aa", Some("bb"), &["b", "b\0"]),
            ("c", Some("c\0"), &["c"]),
            ("e", None, &[]),
        ];
        for (lower, upper, keys) in cases {
            let range = KeyRange { lower: lower.as_bytes(), upper: upper.map(str::as_bytes) };
            let wanted: Rows = keys.iter().map(|key| ((*key).into(), (*key).into())).collect();
            assert_eq!(scan_all(store, range, 100).0, wanted, "{lower:?}..{upper:?}");
        }
    });
}

pub fn a_scan_goes_on_from_the_key_it_returned(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        let key = |n: u16| n.to_be_bytes();
        apply(store, (0..1_000).map(|n| Entry::put(key(n), n.to_string())));
        let (lower, upper) = (key(100), key(900));
        let range = KeyRange { lower: &lower, upper: Some(&upper) };
        let wanted: Rows = (100..900_u16).map(|n| (key(n).to_vec(), n.to_string().into_bytes())).collect();
        for limit in [1, 7, 799, 800, 5_000] {
            assert_eq!(scan_all(store, range, limit).0, wanted, "in slices of {limit}");
        }
    });
}

/// So that a caller never asks in vain.
pub fn a_scan_that_gave_the_last_entry_is_exhausted(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, ["a", "b", "c", "d"].map(|key| Entry::put(key, key)));
        let all = KeyRange { lower: b"", upper: None };
        let (rows, scans) = scan_all(store, all, 2);
        assert_eq!((rows.len(), scans), (4, 2));
        // What lies after the range does not count.
        let (rows, scans) = scan_all(store, KeyRange { lower: b"", upper: Some(b"c") }, 2);
        assert_eq!((rows.len(), scans), (2, 1));
    });
}

pub fn an_empty_or_inverted_range_has_no_entries(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        apply(store, ["", "a", "b"].map(|key| Entry::put(key, key)));
        for (lower, upper) in [("a", "a"), ("b", "a"), ("", ""), ("a", "")] {
            let range = KeyRange { lower: lower.as_bytes(), upper: Some(upper.as_bytes()) };
            assert_eq!(scan_all(store, range, 10), (Rows::new(), 1), "{lower:?}..{upper:?}");
        }
    });
}

pub fn a_scan_never_gives_what_was_deleted(factory: &dyn BackendFactory) {
    with_store(factory, |store| {
        let key = |n: u32| n.to_be_bytes();
        apply(store, (0..500).map(|n| Entry::put(key(n), "x")));
        apply(store, (0..500).filter(|n| n % 5 != 0).map(|n| Entry::delete(key(n))));
        apply(store, [Entry::delete_range(key(0), key(250))]);
        let (rows, _) = scan_all(store, KeyRange { lower: b"", upper: None }, 3);
        let keys: Vec<Vec<u8>> = rows.into_iter().map(|(key, _)| key).collect();
        let wanted: Vec<Vec<u8>> = (250..500).step_by(5).map(|n| key(n).to_vec()).collect();
        assert_eq!(keys, wanted);
    });
}
