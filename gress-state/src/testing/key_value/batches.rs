//! Many keys at once.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::place::{ALL, all, at_a_place, range, refused, text};
use crate::{
    backend::BackendFactory,
    key_value::{Batch, KEY_BYTES_MAX, KeyAndValue},
    store::KeyRange,
};
use gress_core::ErrorKind;
use std::collections::BTreeMap;

pub fn batch_get_answers_in_the_order_of_the_request(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.batch_put([("a", "1"), ("b", "2"), ("c", "")])?;
        let some = |value: &str| Some(value.as_bytes().to_vec());
        let found = state.batch_get(["c", "a", "x", "a", "", "b", "x", "a"])?;
        assert_eq!(found, [some(""), some("1"), None, some("1"), None, some("2"), None, some("1")]);
        assert_eq!(state.batch_get::<&str>([])?, []);
        let key = |n: u32| (n.wrapping_mul(2_654_435_761)).to_be_bytes();
        state.batch_put((0..5_000).map(|n| (key(n), n.to_string())))?;
        for (n, found) in state.batch_get((0..6_000).map(key))?.into_iter().enumerate() {
            assert_eq!(found, (n < 5_000).then(|| n.to_string().into_bytes()));
        }
        state.close()
    });
}

pub fn of_several_values_of_a_key_the_last_one_counts(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.batch_put([("b", "1"), ("a", "1"), ("b", "2"), ("c", "1"), ("b", "3"), ("a", "2")])?;
        assert_eq!(text(&state)?, ["a=2", "b=3", "c=1"]);
        state.batch_put((0..30_000_u32).map(|n| ((n % 10_000).to_be_bytes(), n.to_string())))?;
        for (key, value) in state.iter(KeyRange { lower: b"", upper: Some(&[0, 0, 0x27, 0x10]) }).flatten() {
            let n = u32::from_be_bytes(key.try_into().expect("the key has 4 bytes"));
            assert_eq!(value, (n + 20_000).to_string().into_bytes());
        }
        state.batch_delete(["a", "c", "a", "never there"])?;
        assert_eq!(state.batch_get(["a", "b", "c"])?, [None, Some(b"3".to_vec()), None]);
        state.close()
    });
}

pub fn a_batch_with_one_bad_entry_writes_nothing(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"a", b"1")?;
        let bad = vec![1; KEY_BYTES_MAX + 1];
        for entries in [1_usize, 20_000] {
            let good = (0..entries).map(|n| (n.to_be_bytes().to_vec(), "x"));
            let all = good.chain([(bad.clone(), "x")]);
            refused(state.batch_put(all.clone()), ErrorKind::Argument);
            refused(state.batch_delete([b"a".to_vec(), bad.clone()]), ErrorKind::Argument);
            let mut batch = Batch::default();
            batch.delete(b"a").delete_range(ALL);
            for (key, value) in all {
                batch.put(&key, value.as_bytes());
            }
            refused(state.write(&batch), ErrorKind::Argument);
            assert_eq!(text(&state)?, ["a=1"]);
        }
        state.close()
    });
}

pub fn a_mixed_batch_counts_in_its_order(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.batch_put([("a", "0"), ("b", "0"), ("c", "0"), ("d", "0"), ("e", "0")])?;
        let mut batch = Batch::default();
        // A put before the range goes with it, one after it stays, also at its very start.
        batch.put(b"b", b"1").put(b"bb", b"1").delete_range(range(b"b", b"d")).put(b"bc", b"2").put(b"b", b"2");
        // Of one key the last change counts.
        batch.put(b"d", b"1").delete(b"d").delete(b"e").put(b"e", b"3");
        // A later range takes what an earlier one spared, and the end of a range does not belong to it.
        batch.put(b"x", b"1").put(b"y", b"1").delete_range(range(b"x", b"y"));
        // Two ranges without a key.
        batch.delete_range(range(b"a", b"a")).delete_range(range(b"z", b"a"));
        assert_eq!((batch.len(), batch.is_empty()), (14, false));
        state.write(&batch)?;
        assert_eq!(text(&state)?, ["a=0", "b=2", "bc=2", "e=3", "y=1"]);
        batch.clear();
        batch.put(b"a", b"9").delete_range(ALL).put(b"n", b"1");
        state.write(&batch)?;
        assert_eq!(text(&state)?, ["n=1"]);
        // Written again, it does the same again.
        state.put(b"m", b"1")?;
        state.write(&batch)?;
        assert_eq!(text(&state)?, ["n=1"]);
        state.close()
    });
}

pub fn an_empty_batch_changes_nothing(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"a", b"1")?;
        state.write(&Batch::default())?;
        state.batch_put::<&str, &str>([])?;
        state.batch_delete::<&str>([])?;
        assert_eq!(text(&state)?, ["a=1"]);
        state.close()
    });
}

pub fn a_large_batch_is_applied_like_a_small_one(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let key = |n: u32| n.to_be_bytes().to_vec();
        let mut wanted = BTreeMap::new();
        for round in 0..3_u32 {
            let mut batch = Batch::default();
            for n in (0..15_000).filter(|n| n % (round + 1) == 0) {
                batch.put(&key(n), format!("{round}.{n}").as_bytes());
                wanted.insert(key(n), format!("{round}.{n}").into_bytes());
            }
            let (start, end) = (key(round * 4_000), key(round * 4_000 + 9_000));
            batch.delete_range(range(&start, &end));
            wanted.retain(|key, _| *key < start || end <= *key);
            for n in (0..15_000).filter(|n| n % 7 == round) {
                batch.delete(&key(n));
                wanted.remove(&key(n));
            }
            for n in (0..15_000).filter(|n| n % 11 == round) {
                batch.put(&key(n), b"late");
                wanted.insert(key(n), b"late".to_vec());
            }
            state.write(&batch)?;
            let wanted: Vec<KeyAndValue> = wanted.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            assert!(all(&state)? == wanted, "round {round}");
        }
        state.close()
    });
}

/// A backend that writes large runs as files has none to write here.
pub fn a_large_batch_of_empty_ranges_changes_nothing(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"m", b"1")?;
        let mut batch = Batch::default();
        for _ in 0..20_000 {
            batch.delete_range(range(b"z", b"a"));
        }
        state.write(&batch)?;
        state.put(b"n", b"1")?;
        assert_eq!(text(&state)?, ["m=1", "n=1"]);
        state.close()
    });
}
