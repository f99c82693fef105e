//! Stored values: what is split is put together again, and what has no stamp is never removed.

use gress_core::ErrorKind;
use gress_state::ttl::{Expiry, NEVER, Stamp};

/// The input as a stored value.
pub fn check(input: &[u8]) {
    let always = Expiry::new(Some(0), i64::MIN);
    always.advance(i64::MAX);
    match Stamp::split(input) {
        Ok((stamp, value)) => {
            let mut stored = Vec::new();
            stamp.encode(&mut stored);
            assert!(stored.len() <= Stamp::MAX_LEN);
            stored.extend_from_slice(value);
            assert_eq!(stored, input, "a stored value has one form");
            let deadline = always.deadline(stamp);
            assert_eq!(always.is_removable(input), deadline != NEVER);
            assert!(always.is_expired(stamp, deadline) == (deadline != NEVER));
            for length in [None, Some(1), Some(NEVER - 1), Some(NEVER)] {
                let expiry = Expiry::new(length, NEVER);
                assert!(expiry.deadline(stamp) >= deadline, "a longer life ends no sooner");
                assert!(!expiry.is_removable(input) || expiry.deadline(stamp) == i64::MIN, "time has not begun");
            }
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(!always.is_removable(input), "a reader has to report it");
        }
    }
}

/// Each kind of stamp, at the ends of time.
pub fn seeds() -> Vec<Vec<u8>> {
    let times = [i64::MIN, -1, 0, 1_700_000_000_000, NEVER];
    let stamps = times.into_iter().flat_map(|time| [Stamp::Updated(time), Stamp::Expires(time)]);
    let stored = stamps.chain([Stamp::None]).map(|stamp| {
        let mut stored = Vec::new();
        stamp.encode(&mut stored);
        stored.extend_from_slice(b"value");
        stored
    });
    stored.collect()
}
