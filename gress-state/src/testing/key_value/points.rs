//! Single keys.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::place::{all, at_a_place, ms, range, refused, snapshot, text};
use crate::{
    backend::BackendFactory,
    key_value::{Batch, KEY_BYTES_MAX, VALUE_BYTES_MAX},
};
use gress_core::ErrorKind;

pub fn a_value_that_was_put_is_read_and_an_absent_key_is_not(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        assert_eq!(state.get(b"a")?, None);
        state.put(b"a", b"1")?;
        assert_eq!(state.get(b"a")?, Some(b"1".to_vec()));
        assert_eq!(state.get_with(b"a", <[u8]>::len)?, Some(1));
        assert!(state.contains_key(b"a")? && !state.contains_key(b"b")?);
        assert_eq!(state.get_with(b"b", |_| panic!("there is nothing to read"))?, None);
        state.close()
    });
}

pub fn a_put_replaces_and_a_delete_removes(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"a", b"old")?;
        state.put(b"b", b"kept")?;
        state.put(b"a", b"new, and longer")?;
        assert_eq!(text(&state)?, ["a=new, and longer", "b=kept"]);
        // 17: what was written to the files and is deleted in memory is gone.
        state.flush()?;
        state.delete(b"a")?;
        state.delete(b"never there")?;
        assert_eq!((state.get(b"a")?, text(&state)?), (None, vec!["b=kept".into()]));
        state.put(b"a", b"back")?;
        state.compact()?;
        assert_eq!(text(&state)?, ["a=back", "b=kept"]);
        state.close()
    });
}

pub fn empty_keys_and_empty_values_are_ordinary(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"", b"of the empty key")?;
        state.put(b"empty", b"")?;
        assert_eq!(state.get(b"")?, Some(b"of the empty key".to_vec()));
        assert_eq!(state.get(b"empty")?, Some(Vec::new()));
        assert_eq!(text(&state)?, ["=of the empty key", "empty="]);
        state.put(b"", b"")?;
        assert_eq!(state.batch_get(["", "empty"])?, [Some(Vec::new()), Some(Vec::new())]);
        state.delete(b"")?;
        assert_eq!(text(&state)?, ["empty="]);
        state.close()
    });
}

/// 14.
pub fn keys_that_are_prefixes_of_others_are_kept_apart(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let keys: [&[u8]; 9] = [b"", b"\0", b"\0\0", b"a", b"a\0", b"a\0\xff", b"aa", b"\xff", b"\xff\xff"];
        for key in keys {
            state.put(key, key)?;
        }
        state.delete(b"a")?;
        state.delete_range(range(b"\0\0", b"\0\0\0"))?;
        for key in keys {
            let is_there = key != b"a" && key != b"\0\0";
            assert_eq!(state.get(key)?, is_there.then(|| key.to_vec()), "{key:?}");
        }
        let wanted = keys.iter().filter(|key| **key != b"a" && **key != b"\0\0");
        assert!(all(&state)?.iter().map(|(key, _)| &**key).eq(wanted.copied()));
        state.close()
    });
}

/// 14.
pub fn a_key_of_64_kib_is_taken_and_a_longer_one_refused_everywhere(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let (longest, too_long) = (vec![0xff; KEY_BYTES_MAX], vec![0xff; KEY_BYTES_MAX + 1]);
        state.put(b"small", b"1")?;
        state.put(&longest, b"2")?;
        assert_eq!(state.get(&longest)?, Some(b"2".to_vec()));
        assert_eq!(state.scan_prefix(&[0xff; 100], 9)?.entries, [(longest.clone(), b"2".to_vec())]);
        let before = snapshot(&state)?;

        let long = too_long.as_slice();
        let batch = |change: &dyn for<'b> Fn(&'b mut Batch) -> &'b mut Batch| {
            let mut batch = Batch::default();
            batch.put(b"beside", b"");
            change(&mut batch);
            state.write(&batch)
        };
        let outcomes = [
            state.get(long).map(drop),
            state.contains_key(long).map(drop),
            state.batch_get([b"small", long]).map(drop),
            state.put(long, b""),
            state.put_with_ttl(long, b"", ms(1)),
            state.delete(long),
            state.delete_range(range(long, b"z")),
            state.batch_put([(&b"beside"[..], b""), (long, b"")]),
            state.batch_put_with_ttl([(&b"beside"[..], b""), (long, b"")], ms(1)),
            state.batch_delete([b"small", long]),
            batch(&|batch| batch.put(long, b"")),
            batch(&|batch| batch.put_with_ttl(long, b"", ms(1))),
            batch(&|batch| batch.delete(long)),
            batch(&|batch| batch.delete_range(range(long, b"z"))),
        ];
        for outcome in outcomes {
            let told = refused(outcome, ErrorKind::Argument);
            assert!(told.contains("65537") && told.contains("65536"), "{told}");
        }
        assert!(snapshot(&state)? == before, "what is refused changes nothing");
        // The longest key is also one that a delete without an end reaches.
        state.delete_range(super::place::ALL)?;
        assert_eq!(state.get(&longest)?, None);
        state.close()
    });
}

pub fn a_value_of_8_mib_comes_back(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let value: Vec<u8> = (0..8_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        state.put(b"large", &value)?;
        state.batch_put([("a", &value[..1 << 20]), ("b", &value[1..])])?;
        state.flush()?;
        assert!(state.get_with(b"large", |read| read == value)?.expect("it was put"));
        assert!(state.get_with(b"b", |read| *read == value[1..])?.expect("it was put"));
        let stream = snapshot(&state)?;
        state.delete_range(super::place::ALL)?;
        state.restore(&stream[..])?;
        assert!(state.get_with(b"large", |read| read == value)?.expect("it was restored"));
        assert!(state.get_with(b"a", |read| *read == value[..1 << 20])?.expect("it was restored"));
        state.close()
    });
}

/// The value is never touched, so that it takes no memory.
pub fn a_value_over_1_gib_is_refused_with_the_limit(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let value = vec![0; VALUE_BYTES_MAX + 1];
        let outcomes = [
            state.put(b"a", &value),
            state.put_with_ttl(b"a", &value, ms(1)),
            state.batch_put([("a", &b"small"[..]), ("b", &value)]),
        ];
        for outcome in outcomes {
            let told = refused(outcome, ErrorKind::Argument);
            assert!(told.contains("1073741825") && told.contains("1073741824"), "{told}");
        }
        assert_eq!(all(&state)?, []);
        state.put(b"a", b"1")?;
        state.close()
    });
}

/// Takes some gigabytes of memory and disk, and so is no part of [`super::key_value_conformance`].
pub fn a_value_of_1_gib_comes_back(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let value = vec![7; VALUE_BYTES_MAX];
        state.put(b"largest", &value)?;
        state.flush()?;
        assert!(state.get_with(b"largest", |read| read == value)?.expect("it was put"));
        drop(value);
        let stream = snapshot(&state)?;
        state.delete(b"largest")?;
        state.restore(&stream[..])?;
        drop(stream);
        let whole = state.get_with(b"largest", |read| read.len() == VALUE_BYTES_MAX && read.iter().all(|b| *b == 7))?;
        assert!(whole.expect("it was restored"));
        state.close()
    });
}
