//! Entries that expire by the time that events carry.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::place::{at_a_place, ms, refused, text};
use crate::{backend::BackendFactory, key_value::Batch, ttl::Ttl};
use gress_core::{ErrorKind, Timestamp};

const NOTHING: [&str; 0] = [];

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub fn nothing_expires_before_event_time_begins(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        for ttl in [Ttl::after(ms(100)), Ttl::after(ms(100)).renewed_by_reads(), Ttl::after(ms(0))] {
            let state = place.expiring(ttl.in_event_time())?;
            state.put(b"a", b"1")?;
            // The system's clock says nothing.
            place.set(1 << 40);
            state.compact()?;
            assert_eq!((state.get(b"a")?, text(&state)?), (Some(b"1".to_vec()), vec!["a=1".into()]));
            let mut batch = Batch::default();
            batch.put(b"b", b"").put_with_ttl(b"c", b"", ms(1));
            let outcomes = [
                state.put_with_ttl(b"b", b"", ms(1)),
                state.batch_put_with_ttl([("b", "")], ms(1)),
                state.write(&batch),
            ];
            for outcome in outcomes {
                let told = refused(outcome, ErrorKind::Argument);
                assert!(told.contains("event time has not begun"), "{told}");
            }
            assert_eq!(text(&state)?, ["a=1"]);
            state.close()?;
        }
        let plain = place.expiring(Ttl::after(ms(1)))?;
        refused(plain.advance_event_time(at(1)), ErrorKind::Argument);
        plain.close()
    });
}

/// 39: the same calls give the same answers, whatever the system's clock shows.
pub fn entries_expire_by_the_time_that_they_are_told(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        for clock in [0, 1 << 40, -7] {
            let state = place.expiring(Ttl::after(ms(100)).in_event_time())?;
            state.put(b"early", b"1")?;
            place.set(clock);
            state.advance_event_time(at(-50))?;
            state.put(b"a", b"1")?;
            state.put_with_ttl(b"own", b"1", ms(10))?;
            state.advance_event_time(at(-40))?;
            assert_eq!(text(&state)?, ["a=1", "early=1"]);
            // It never falls.
            state.advance_event_time(at(-1_000))?;
            state.put(b"b", b"1")?;
            state.advance_event_time(at(49))?;
            assert_eq!(text(&state)?, ["a=1", "b=1", "early=1"]);
            state.advance_event_time(at(50))?;
            assert_eq!(text(&state)?, ["b=1"], "what was there before time began counts from its beginning");
            state.advance_event_time(at(60))?;
            assert_eq!(text(&state)?, NOTHING);
            state.compact()?;
            state.close()?;
        }
        Ok(())
    });
}

/// A program that starts again has no event time until its first event.
pub fn what_was_written_before_event_time_begins_again_ages_from_then(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        for way in place.ways()? {
            let ttl = Some(Ttl::after(ms(100)).in_event_time().renewed_by_reads());
            let (path, state) = place.begin(ttl)?;
            state.advance_event_time(at(10))?;
            state.put(b"old", b"1")?;
            state.put(b"older", b"1")?;
            state.advance_event_time(at(50))?;
            state.put(b"old", b"2")?;
            let (_, state) = place.again(way, (path, state), ttl)?;
            // A read without a time changes no age.
            assert_eq!(state.batch_get(["old", "older"])?, [Some(b"2".to_vec()), Some(b"1".to_vec())]);
            state.put(b"new", b"1")?;
            state.advance_event_time(at(120))?;
            assert_eq!(text(&state)?, ["new=1", "old=2"], "{way:?}");
            state.advance_event_time(at(150))?;
            assert_eq!(text(&state)?, ["new=1"], "{way:?}");
            state.advance_event_time(at(219))?;
            assert_eq!(text(&state)?, ["new=1"], "{way:?}");
            state.advance_event_time(at(220))?;
            assert_eq!(text(&state)?, NOTHING, "{way:?}");
            state.close()?;
        }
        Ok(())
    });
}
