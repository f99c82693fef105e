//! Ranges of keys.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::place::{ALL, all, at_a_place, range, refused, text};
use crate::{
    backend::BackendFactory,
    key_value::{KeyAndValue, KeyValueState},
    store::KeyRange,
};
use gress_core::{ErrorKind, Result};

pub fn a_range_delete_takes_its_range_and_an_inverted_one_nothing(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.batch_put(["", "a", "b", "b\0", "c", "c\0", "d"].map(|key| (key, "1")))?;
        state.delete_range(range(b"c", b"b"))?;
        state.delete_range(range(b"b", b"b"))?;
        state.delete_range(range(b"a", b""))?;
        assert_eq!(all(&state)?.len(), 7);
        state.delete_range(range(b"b", b"c"))?;
        assert_eq!(text(&state)?, ["=1", "a=1", "c=1", "c\0=1", "d=1"]);
        state.delete_range(KeyRange { lower: b"c\0", upper: None })?;
        assert_eq!(text(&state)?, ["=1", "a=1", "c=1"]);
        state.put(b"cc", b"2")?;
        state.flush()?;
        assert_eq!(text(&state)?, ["=1", "a=1", "c=1", "cc=2"]);
        state.delete_range(ALL)?;
        assert_eq!(all(&state)?, []);
        state.close()
    });
}

pub fn a_scan_gives_limit_entries_and_where_it_goes_on(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let key = |n: u16| n.to_be_bytes().to_vec();
        state.batch_put((0..1_000).map(|n| (key(n), n.to_string())))?;
        let wanted: Vec<KeyAndValue> = (100..900).map(|n| (key(n), n.to_string().into_bytes())).collect();
        for limit in [1, 7, 799, 800, 801, usize::MAX] {
            assert_eq!(in_slices(&state, range(&key(100), &key(900)), limit)?, wanted, "in slices of {limit}");
        }
        // The range was read to its end, although there are later keys.
        assert_eq!(state.scan(range(&key(100), &key(900)), 800)?.next, None);
        assert_eq!(state.scan(ALL, 1)?.next, Some(key(1)));
        for (lower, upper) in [(key(5), key(5)), (key(6), key(5)), (key(1_000), key(2_000))] {
            assert_eq!(state.scan(range(&lower, &upper), 10)?, Default::default());
        }
        refused(state.scan(ALL, 0), ErrorKind::Argument);
        refused(state.scan_prefix(b"", 0), ErrorKind::Argument);
        state.close()
    });
}

/// All entries of `range`, read with this limit.
fn in_slices(state: &KeyValueState, range: KeyRange<'_>, limit: usize) -> Result<Vec<KeyAndValue>> {
    let (mut entries, mut next) = (Vec::new(), Some(range.lower.to_vec()));
    while let Some(lower) = next {
        let mut slice = state.scan(KeyRange { lower: &lower, upper: range.upper }, limit)?;
        assert!(slice.entries.len() <= limit);
        assert!(slice.next.is_none() || slice.entries.len() == limit, "a scan with more to give gives `limit` entries");
        entries.append(&mut slice.entries);
        next = slice.next;
    }
    Ok(entries)
}

pub fn a_scan_by_prefix_gives_the_keys_that_begin_with_it(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let keys: [&[u8]; 9] = [b"", b"a", b"a\0", b"a\xff", b"a\xff\xff", b"b", b"\xfe", b"\xff", b"\xff\xff\x01"];
        state.batch_put(keys.map(|key| (key, key)))?;
        let prefixes: [&[u8]; 8] = [b"", b"a", b"a\xff", b"b", b"c", b"\xff", b"\xff\xff", b"\xff\xff\xff"];
        for prefix in prefixes {
            let begin: Vec<&[u8]> = keys.into_iter().filter(|key| key.starts_with(prefix)).collect();
            let scanned = state.scan_prefix(prefix, 100)?;
            assert!(scanned.entries.iter().map(|(key, _)| &**key).eq(begin.iter().copied()), "{prefix:?}");
            assert_eq!(scanned.next, None);
            let iterated: Vec<KeyAndValue> = state.iter_prefix(prefix).collect::<Result<_>>()?;
            assert_eq!(iterated, scanned.entries);
        }
        state.close()
    });
}

/// 21.
pub fn an_iterator_gives_each_entry_of_its_range_once(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let key = |n: u32| n.to_be_bytes();
        state.batch_put((0..3_000).map(|n| (key(n), "old")))?;
        state.flush()?;
        state.batch_put((0..3_000).step_by(2).map(|n| (key(n), "new")))?;
        state.batch_delete((0..3_000).step_by(3).map(key))?;
        let found: Vec<KeyAndValue> = state.iter(range(&key(10), &key(2_990))).collect::<Result<_>>()?;
        let wanted = (10..2_990_u32).filter(|n| n % 3 != 0);
        let wanted = wanted.map(|n| (key(n).to_vec(), if n % 2 == 0 { b"new".to_vec() } else { b"old".to_vec() }));
        assert!(found.into_iter().eq(wanted));
        assert_eq!(state.iter(range(b"b", b"a")).count(), 0);
        // A writer does not disturb an iterator.
        let mut seen = 0;
        for entry in state.iter(ALL) {
            let (key, _) = entry?;
            state.delete(&key)?;
            seen += 1;
        }
        assert_eq!((seen, all(&state)?.len()), (2_000, 0));
        state.close()
    });
}

/// 28, as far as it is about what is read.
pub fn a_range_that_was_emptied_key_by_key_is_empty(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let key = |n: u32| n.to_be_bytes();
        state.batch_put((0..100_002).map(|n| (key(n), "x")))?;
        for first in (1..100_001).step_by(5_000) {
            state.batch_delete((first..first + 5_000).map(key))?;
        }
        assert_eq!(state.scan(range(&key(1), &key(100_001)), 10)?, Default::default());
        assert_eq!(all(&state)?.len(), 2);
        state.compact()?;
        assert_eq!(all(&state)?.len(), 2);
        state.close()
    });
}
