//! What becomes of the age of entries when a state is opened again: by its directory, a checkpoint or a snapshot.

use super::place::{at_a_place, ms, text};
use crate::{backend::BackendFactory, ttl::Ttl};

const NOTHING: [&str; 0] = [];

/// 35.
pub fn entries_age_while_nobody_has_them_open(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        for way in place.ways()? {
            let ttl = Some(Ttl::after(ms(100)));
            place.set(0);
            let (path, state) = place.begin(ttl)?;
            place.set(50);
            state.put(b"old", b"1")?;
            state.put_with_ttl(b"own", b"1", ms(200))?;
            place.set(100);
            state.put(b"new", b"1")?;
            state.put_with_ttl(b"own and over", b"1", ms(70))?;
            place.set(120);
            let opened = place.again(way, (path, state), ttl)?;
            place.set(180);
            assert_eq!(text(&opened.1)?, ["new=1", "own=1"], "{way:?}");
            let (_, state) = place.again(way, opened, ttl)?;
            place.set(199);
            assert_eq!(text(&state)?, ["new=1", "own=1"], "{way:?}");
            place.set(200);
            assert_eq!(text(&state)?, ["own=1"], "{way:?}");
            place.set(250);
            assert_eq!(text(&state)?, NOTHING, "{way:?}");
            state.close()?;
        }
        Ok(())
    });
}

/// 37.
pub fn another_time_to_live_applies_to_what_is_there(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        for way in place.ways()? {
            let ttl = |millis| Some(Ttl::after(ms(millis)));
            place.set(0);
            let (path, state) = place.begin(ttl(100))?;
            state.put(b"a", b"1")?;
            place.set(60);
            state.put(b"b", b"1")?;
            // A longer one.
            let opened = place.again(way, (path, state), ttl(150))?;
            place.set(149);
            assert_eq!(text(&opened.1)?, ["a=1", "b=1"], "{way:?}");
            place.set(150);
            assert_eq!(text(&opened.1)?, ["b=1"], "{way:?}");
            // None: nothing expires any more.
            let opened = place.again(way, opened, None)?;
            place.set(100_000);
            assert!(text(&opened.1)?.contains(&"b=1".to_owned()), "{way:?}");
            opened.1.put(b"c", b"1")?;
            // A shorter one: what has a stamp ages by it, what was written in between has age 0.
            let opened = place.again(way, opened, ttl(20))?;
            assert_eq!(text(&opened.1)?, ["c=1"], "{way:?}");
            place.set(100_019);
            assert_eq!(text(&opened.1)?, ["c=1"], "{way:?}");
            place.set(100_020);
            assert_eq!(text(&opened.1)?, NOTHING, "{way:?}");
            opened.1.close()?;
        }
        Ok(())
    });
}

/// 37.
pub fn entries_without_a_stamp_age_from_when_there_is_a_time_to_live(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        for way in place.ways()? {
            let ttl = Some(Ttl::after(ms(100)));
            place.set(0);
            let (path, state) = place.begin(None)?;
            // Bytes that look like a stamp are a value all the same.
            state.batch_put([("a", &b"1"[..]), ("b", b"\x01\0\0\0\0\0\0\0\0x"), ("c", b"")])?;
            place.set(1_000);
            let opened = place.again(way, (path, state), ttl)?;
            place.set(1_099);
            assert_eq!(opened.1.batch_get(["a", "b"])?[1].as_deref(), Some(&b"\x01\0\0\0\0\0\0\0\0x"[..]), "{way:?}");
            assert_eq!(text(&opened.1)?.len(), 3, "{way:?}");
            opened.1.put(b"a", b"2")?;
            place.set(1_100);
            assert_eq!(text(&opened.1)?, ["a=2"], "{way:?}");
            opened.1.close()?;
        }
        Ok(())
    });
}

/// The system's clock may be behind what it was when an entry was written.
pub fn reads_never_shorten_a_life(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        for way in place.ways()? {
            let ttl = Some(Ttl::after(ms(100)).renewed_by_reads());
            place.set(1_000);
            let (path, state) = place.begin(ttl)?;
            state.put(b"a", b"1")?;
            place.set(500);
            let (_, state) = place.again(way, (path, state), ttl)?;
            assert!(state.contains_key(b"a")?);
            place.set(1_099);
            assert!(state.get(b"a")?.is_some(), "{way:?}");
            place.set(1_198);
            assert!(state.contains_key(b"a")?, "{way:?}");
            state.close()?;
        }
        Ok(())
    });
}
