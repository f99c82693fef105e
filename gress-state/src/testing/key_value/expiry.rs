//! When an entry is gone.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::place::{ALL, Place, all, at_a_place, ms, text};
use crate::{
    backend::BackendFactory,
    key_value::{Batch, KeyValueState},
    ttl::Ttl,
};
use gress_core::Result;
use std::time::Duration;

/// Of these keys, those that are there at `now`, by every kind of read.
fn there(place: &Place<'_>, state: &KeyValueState, now: i64) -> Result<Vec<String>> {
    place.set(now);
    let keys: Vec<Vec<u8>> = all(state)?.into_iter().map(|(key, _)| key).collect();
    let found = state.batch_get(["a", "b", "c", "d"])?;
    for (key, found) in ["a", "b", "c", "d"].iter().zip(found) {
        let is_there = keys.iter().any(|there| there == key.as_bytes());
        assert_eq!(found.is_some(), is_there, "`batch_get` of {key} at {now} says what an iterator does");
        assert_eq!(state.get(key.as_bytes())?, found, "{key} at {now}");
        assert_eq!(state.contains_key(key.as_bytes())?, is_there, "{key} at {now}");
    }
    Ok(keys.into_iter().map(|key| String::from_utf8_lossy(&key).into_owned()).collect())
}

const NOTHING: [&str; 0] = [];

/// 29.
pub fn an_entry_is_gone_to_the_millisecond(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.expiring(Ttl::after(ms(100)))?;
        state.put(b"a", b"")?;
        place.set(1);
        state.batch_put([("b", "value")])?;
        let mut batch = Batch::default();
        batch.put(b"c", b"\0").put(b"d", b"").delete(b"d");
        place.set(2);
        state.write(&batch)?;
        assert_eq!(there(place, &state, 20)?, ["a", "b", "c"]);
        assert_eq!(there(place, &state, 99)?, ["a", "b", "c"]);
        assert_eq!(there(place, &state, 100)?, ["b", "c"]);
        assert_eq!(there(place, &state, 101)?, ["c"]);
        assert_eq!(there(place, &state, 102)?, NOTHING);
        state.close()?;
        // A time of day before 1970 is one, too.
        place.set(-5);
        let early = place.expiring(Ttl::after(ms(10)))?;
        early.put(b"a", b"")?;
        assert_eq!(there(place, &early, 4)?, ["a"]);
        assert_eq!(there(place, &early, 5)?, NOTHING);
        early.close()
    });
}

/// 29.
pub fn a_write_begins_the_time_anew(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.expiring(Ttl::after(ms(100)))?;
        state.put(b"a", b"1")?;
        place.set(50);
        state.put(b"a", b"2")?;
        assert_eq!(there(place, &state, 120)?, ["a"]);
        place.set(149);
        state.batch_put([("a", "3")])?;
        assert_eq!(there(place, &state, 220)?, ["a"]);
        assert_eq!(there(place, &state, 248)?, ["a"]);
        assert_eq!(there(place, &state, 249)?, NOTHING);
        // What has expired can be written again, and deleted.
        state.put(b"a", b"4")?;
        assert_eq!(there(place, &state, 348)?, ["a"]);
        assert_eq!(there(place, &state, 400)?, NOTHING);
        state.delete(b"a")?;
        state.close()
    });
}

/// 32.
pub fn an_endless_time_never_overflows(factory: &dyn BackendFactory) {
    for length in [Duration::MAX, ms(i64::MAX as u64), ms(i64::MAX as u64 - 1), ms(u64::MAX)] {
        at_a_place(factory, |place| {
            let (state, plain) = (place.expiring(Ttl::after(length))?, place.open()?);
            for start in [0, i64::MAX / 2, i64::MAX - 1] {
                place.set(start);
                state.put(b"a", b"1")?;
                plain.put_with_ttl(b"a", b"1", length)?;
                state.put_with_ttl(b"b", b"1", Duration::MAX)?;
                place.set(i64::MAX - 1);
                let is_endless = start > 0 || length != ms(i64::MAX as u64 - 1);
                assert_eq!(state.contains_key(b"a")?, is_endless, "from {start}, {length:?}");
                assert_eq!(plain.contains_key(b"a")?, is_endless, "from {start}, {length:?}");
                assert!(state.contains_key(b"b")?);
            }
            state.compact()?;
            assert!(state.contains_key(b"a")? && state.contains_key(b"b")?);
            plain.close()?;
            state.close()
        });
    }
}

pub fn a_write_may_give_a_time_of_its_own(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        for state in [place.expiring(Ttl::after(ms(100)).renewed_by_reads())?, place.open()?] {
            place.set(0);
            state.put_with_ttl(b"a", b"short", ms(10))?;
            state.batch_put_with_ttl([("b", "long")], ms(1_000))?;
            let mut batch = Batch::default();
            batch.put_with_ttl(b"c", b"batch", ms(20)).put_with_ttl(b"d", b"", ms(0));
            state.write(&batch)?;
            // Over at once, and renewed by no read.
            assert_eq!(there(place, &state, 0)?, ["a", "b", "c"]);
            assert_eq!(there(place, &state, 9)?, ["a", "b", "c"]);
            assert_eq!(there(place, &state, 10)?, ["b", "c"]);
            assert_eq!(there(place, &state, 20)?, ["b"]);
            assert_eq!(there(place, &state, 999)?, ["b"]);
            assert_eq!(there(place, &state, 1_000)?, NOTHING);
            state.close()?;
        }
        // Beside values that never expire, and in place of them.
        place.set(2_000);
        let state = place.open()?;
        place.set(2_000);
        state.put(b"a", b"stays")?;
        state.put_with_ttl(b"b", b"goes", ms(5))?;
        state.put(b"c", b"stays for now")?;
        state.put_with_ttl(b"c", b"goes", ms(5))?;
        state.put_with_ttl(b"d", b"goes", ms(5))?;
        state.put(b"d", b"stays after all")?;
        assert_eq!(there(place, &state, 2_004)?, ["a", "b", "c", "d"]);
        assert_eq!(there(place, &state, 2_005)?, ["a", "d"]);
        state.compact()?;
        assert_eq!(there(place, &state, i64::MAX)?, ["a", "d"]);
        state.close()
    });
}

/// 31.
pub fn reads_renew_an_entry_where_that_was_asked_for(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.expiring(Ttl::after(ms(100)).renewed_by_reads())?;
        state.batch_put(["a", "b", "c", "d"].map(|key| (key, "1")))?;
        place.set(50);
        assert!(state.get(b"a")?.is_some());
        assert_eq!(state.batch_get(["b", "x"])?, [Some(b"1".to_vec()), None]);
        assert!(state.contains_key(b"c")?);
        // A scan renews nothing.
        assert_eq!(text(&state)?, ["a=1", "b=1", "c=1", "d=1"]);
        place.set(120);
        assert_eq!(text(&state)?, ["a=1", "b=1", "c=1"]);
        assert!(state.get(b"a")?.is_some());
        place.set(150);
        // What has expired is revived by no read.
        assert_eq!(state.batch_get(["a", "b", "c", "d"])?, [Some(b"1".to_vec()), None, None, None]);
        assert_eq!(state.get(b"b")?, None);
        place.set(249);
        assert_eq!(text(&state)?, ["a=1"]);
        place.set(250);
        assert_eq!((state.get(b"a")?, state.get(b"b")?), (None, None));
        state.close()
    });
}

/// 30. It may give none: a backend may have removed it already.
pub fn a_read_gives_an_expired_value_once_where_that_was_asked_for(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.expiring(Ttl::after(ms(100)).returning_expired())?;
        state.batch_put([("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")])?;
        place.set(120);
        // A scan gives none of them, and takes none away.
        assert_eq!(text(&state)?, NOTHING);
        let once = |first: &Option<Vec<u8>>, wanted: &str| {
            assert!(first.as_ref().is_none_or(|value| value == wanted.as_bytes()), "{first:?}, {wanted} was put");
        };
        let found = state.batch_get(["b", "x", "b", "a"])?;
        once(&found[0], "2");
        once(&found[3], "1");
        assert_eq!((&found[1], &found[2]), (&None, &found[0]), "one answer for all of a batch");
        assert_eq!(state.batch_get(["b", "a", "b"])?, [None, None, None]);
        once(&state.get(b"c")?, "3");
        assert_eq!((state.get(b"c")?, state.get(b"a")?), (None, None));
        state.put(b"d", b"new")?;
        let new = Some(b"new".to_vec());
        assert_eq!(
            (state.get(b"d")?, state.get(b"d")?, state.batch_get(["d"])?),
            (new.clone(), new.clone(), vec![new])
        );
        state.close()
    });
}

pub fn a_scan_leaves_out_what_has_expired_and_counts_what_it_gives(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.expiring(Ttl::after(ms(100)))?;
        let key = |n: u16| n.to_be_bytes().to_vec();
        state.batch_put((0..2_000).filter(|n| n % 500 != 0).map(|n| (key(n), "old")))?;
        place.set(60);
        state.batch_put((0..2_000).step_by(500).map(|n| (key(n), "new")))?;
        place.set(110);
        let slice = state.scan(ALL, 3)?;
        assert_eq!(
            slice.entries.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(),
            [key(0), key(500), key(1_000)]
        );
        let rest = state.scan(crate::store::KeyRange { lower: &slice.next.expect("there is more"), upper: None }, 3)?;
        assert_eq!(rest.entries, [(key(1_500), b"new".to_vec())]);
        assert_eq!(rest.next, None);
        assert_eq!((all(&state)?.len(), state.scan_prefix(&[1], 9)?.entries.len()), (4, 1));
        place.set(160);
        assert_eq!(state.scan(ALL, 3)?, Default::default());
        state.close()
    });
}

pub fn a_clock_that_steps_back_revives_nothing(factory: &dyn BackendFactory) {
    for ttl in [Ttl::after(ms(100)), Ttl::after(ms(100)).renewed_by_reads()] {
        at_a_place(factory, |place| {
            let state = place.expiring(ttl)?;
            state.put(b"a", b"1")?;
            place.set(100);
            assert_eq!(state.get(b"a")?, None);
            place.set(10);
            assert_eq!((state.get(b"a")?, state.batch_get(["a"])?), (None, vec![None]));
            // Time stands still for the state until the clock is where it was.
            state.put(b"b", b"1")?;
            place.set(199);
            assert!(state.scan(ALL, 9)?.entries.len() == 1);
            place.set(200);
            assert_eq!(all(&state)?, []);
            state.close()
        });
    }
}

/// 29, 38.
pub fn a_compaction_removes_all_that_has_expired_and_nothing_else(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.expiring(Ttl::after(ms(100)))?;
        let stored = || -> Result<u64> { Ok(state.detailed_metrics()?.stats.entries) };
        // The state's own bookkeeping.
        let before = stored()?;
        state.batch_put((0..3_000_u32).map(|n| (n.to_be_bytes(), "old")))?;
        state.flush()?;
        place.set(50);
        state.batch_put((0..3_000_u32).step_by(3).map(|n| (n.to_be_bytes(), "fresh")))?;
        state.batch_put_with_ttl((0..3_000_u32).skip(1).step_by(3).map(|n| (n.to_be_bytes(), "short")), ms(10))?;
        place.set(99);
        state.compact()?;
        assert_eq!(all(&state)?.len(), 2_000, "none goes before its time");
        place.set(100);
        state.compact()?;
        let left = all(&state)?;
        assert_eq!(left.len(), 1_000);
        assert!(left.iter().all(|(_, value)| value == b"fresh"));
        // A backend that never removes any is correct, and grows; one that does leaves none.
        let removes = stored()? - before != 3_000;
        assert!(!removes || stored()? - before == 1_000, "what has expired takes no space");
        place.set(150);
        state.compact()?;
        assert_eq!(all(&state)?, []);
        assert!(!removes || stored()? == before);
        state.close()
    });
}
