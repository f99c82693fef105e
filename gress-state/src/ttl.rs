//! Time to live: when an entry expires, and how its bytes say so.
//!
//! ```text
//!  stored value   00 ‖ value                     written without a time to live
//!                 01 ‖ updated i64 ‖ value       expires a state's time to live after its last update
//!                 02 ‖ expires i64 ‖ value       expires at a time that the write gave
//! ```
//!
//! Times are milliseconds since 1970-01-01, big-endian. The time of the last update is stored, not that of the end, so
//! that another time to live applies to what is there already.

mod description;
mod restamp;

pub use description::TtlDescription;
pub use restamp::Restamp;

use gress_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::Duration,
};

/// How entries of a state expire.
///
/// An entry is gone once its last update is `length` ago, to the millisecond. A `length` beyond the end of time never
/// ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl {
    /// How long an entry lives after its last update. Counted in whole milliseconds.
    pub length: Duration,
    /// What counts as an update.
    pub update: TtlUpdate,
    /// What a read gives of an expired entry that was not cleaned up yet.
    pub visibility: TtlVisibility,
    /// Which time it is.
    pub clock: TtlClock,
}

/// What makes an entry live on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TtlUpdate {
    /// Writing it.
    #[default]
    OnCreateAndWrite,
    /// Writing it, or reading it before it has expired. Such a read writes.
    OnReadAndWrite,
}

/// What a read gives of an expired entry that is still there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TtlVisibility {
    /// Nothing.
    #[default]
    NeverReturnExpired,
    /// Its value, once: that read removes it.
    ReturnExpiredIfNotCleanedUp,
}

/// Which time entries expire by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TtlClock {
    /// The system's clock. A replay after a crash may find entries expired that were not before.
    #[default]
    Processing,
    /// The time that events carry, so that a replay finds what it found before.
    Event,
}

impl Ttl {
    /// Entries live for `length` after they were written, by the system's clock, and are never seen afterwards.
    pub fn after(length: Duration) -> Self {
        Ttl { length, update: TtlUpdate::default(), visibility: TtlVisibility::default(), clock: TtlClock::default() }
    }

    /// Reading an entry makes it live on, too.
    #[must_use]
    pub fn renewed_by_reads(self) -> Self {
        Ttl { update: TtlUpdate::OnReadAndWrite, ..self }
    }

    /// A read may give an expired entry once, where nothing has removed it yet.
    #[must_use]
    pub fn returning_expired(self) -> Self {
        Ttl { visibility: TtlVisibility::ReturnExpiredIfNotCleanedUp, ..self }
    }

    /// Entries expire by the time that events carry.
    #[must_use]
    pub fn in_event_time(self) -> Self {
        Ttl { clock: TtlClock::Event, ..self }
    }

    /// The length in milliseconds; [`NEVER`] if it has no end.
    pub fn millis(&self) -> i64 {
        i64::try_from(self.length.as_millis()).unwrap_or(NEVER)
    }
}

/// A deadline that does not come, or a length without an end.
pub const NEVER: i64 = i64::MAX;

/// What stands before a stored value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Written while the state had no time to live.
    None,
    /// Last updated at this time.
    Updated(i64),
    /// Expires at this time, whatever the state's time to live is.
    Expires(i64),
}

const NONE: u8 = 0;
const UPDATED: u8 = 1;
const EXPIRES: u8 = 2;

impl Stamp {
    /// Bytes that the longest stamp takes.
    pub const MAX_LEN: usize = 9;

    /// Appends the stamp; the value follows it.
    pub fn encode(self, into: &mut Vec<u8>) {
        let (kind, time) = match self {
            Stamp::None => return into.push(NONE),
            Stamp::Updated(time) => (UPDATED, time),
            Stamp::Expires(time) => (EXPIRES, time),
        };
        into.push(kind);
        into.extend_from_slice(&time.to_be_bytes());
    }

    /// Splits stored bytes into stamp and value.
    ///
    /// # Errors
    /// Bytes that no stamp begins.
    #[inline]
    pub fn split(stored: &[u8]) -> Result<(Stamp, &[u8])> {
        let time = |rest: &[u8]| rest.first_chunk().map(|time| i64::from_be_bytes(*time));
        match stored.split_first() {
            Some((&NONE, value)) => return Ok((Stamp::None, value)),
            Some((&UPDATED, rest)) => {
                if let Some(updated) = time(rest) {
                    return Ok((Stamp::Updated(updated), &rest[8..]));
                }
            }
            Some((&EXPIRES, rest)) => {
                if let Some(expires) = time(rest) {
                    return Ok((Stamp::Expires(expires), &rest[8..]));
                }
            }
            _ => {}
        }
        Err(Error::damaged("a stored value does not begin with a stamp of its time to live"))
    }
}

/// When the entries of one store expire, shared between those who read it and those who clean it.
///
/// Cleaning uses the **horizon**, a time that no read is behind: what it removes, no read would have found.
#[derive(Debug)]
pub struct Expiry {
    /// The state's time to live; [`NEVER`] while it has none.
    length: AtomicI64,
    /// When the state got its time to live: entries without a stamp count as updated then.
    since: AtomicI64,
    horizon: AtomicI64,
}

impl Default for Expiry {
    fn default() -> Self {
        Expiry::new(None, 0)
    }
}

impl Expiry {
    /// Entries live for `length` milliseconds, those without a stamp from `since` on. `None`: only those end that a
    /// write gave an end to.
    pub fn new(length: Option<i64>, since: i64) -> Self {
        Expiry {
            length: AtomicI64::new(length.unwrap_or(NEVER)),
            since: AtomicI64::new(since),
            horizon: AtomicI64::new(i64::MIN),
        }
    }

    /// Entries without a stamp count as updated at `since` from now on.
    pub fn restart(&self, since: i64) {
        self.since.store(since, Relaxed);
    }

    /// When an entry with this stamp is gone; [`NEVER`] if it has no end.
    #[inline]
    pub fn deadline(&self, stamp: Stamp) -> i64 {
        if let Stamp::Expires(at) = stamp {
            return at;
        }
        match (self.length.load(Relaxed), self.updated(stamp)) {
            (NEVER, _) | (_, None) => NEVER,
            (length, Some(updated)) => updated.saturating_add(length),
        }
    }

    /// When an entry with this stamp was updated; `None` for one whose end does not depend on it.
    #[inline]
    pub fn updated(&self, stamp: Stamp) -> Option<i64> {
        match stamp {
            Stamp::None => Some(self.since.load(Relaxed)),
            Stamp::Updated(at) => Some(at),
            Stamp::Expires(_) => None,
        }
    }

    /// Whether an entry with this stamp is gone at `now`.
    #[inline]
    pub fn is_expired(&self, stamp: Stamp, now: i64) -> bool {
        let deadline = self.deadline(stamp);
        deadline != NEVER && deadline <= now
    }

    /// The time up to which expired entries may be removed.
    pub fn horizon(&self) -> i64 {
        self.horizon.load(Relaxed)
    }

    /// No read will be at an earlier time than `now`. Gives the horizon, which never falls.
    pub fn advance(&self, now: i64) -> i64 {
        self.horizon.fetch_max(now, Relaxed).max(now)
    }

    /// Whether a stored value may be removed. Bytes without a stamp may not: they are for a reader to report.
    #[inline]
    pub fn is_removable(&self, stored: &[u8]) -> bool {
        Stamp::split(stored).is_ok_and(|(stamp, _)| self.is_expired(stamp, self.horizon()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(stamp: Stamp, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        stamp.encode(&mut bytes);
        bytes.extend_from_slice(value);
        bytes
    }

    #[test]
    fn a_stamp_and_any_value_are_split_again() {
        for stamp in [Stamp::None, Stamp::Updated(-1), Stamp::Updated(i64::MAX), Stamp::Expires(i64::MIN)] {
            for value in [&b""[..], b"\x00", b"\x01\x02", &[0xff; 300]] {
                assert_eq!(Stamp::split(&stored(stamp, value)).unwrap(), (stamp, value));
            }
        }
    }

    #[test]
    fn bytes_without_a_stamp_are_damaged_and_never_removed() {
        let expiry = Expiry::new(Some(1), 0);
        expiry.advance(i64::MAX);
        for bytes in [&b""[..], b"\x03", b"\x01", b"\x01\x00\x00\x00\x00\x00\x00\x00", b"\x02\x00"] {
            assert!(Stamp::split(bytes).is_err(), "{bytes:?}");
            assert!(!expiry.is_removable(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn an_entry_is_gone_exactly_when_its_length_has_passed() {
        let expiry = Expiry::new(Some(100), 50);
        assert!(!expiry.is_expired(Stamp::Updated(0), 99) && expiry.is_expired(Stamp::Updated(0), 100));
        assert!(!expiry.is_expired(Stamp::None, 149) && expiry.is_expired(Stamp::None, 150));
        assert!(!expiry.is_expired(Stamp::Expires(7), 6) && expiry.is_expired(Stamp::Expires(7), 7));
    }

    #[test]
    fn an_endless_length_never_ends_and_never_overflows() {
        let endless = Expiry::new(Some(Ttl::after(Duration::MAX).millis()), 0);
        assert!(!endless.is_expired(Stamp::Updated(i64::MAX), i64::MAX));
        let long = Expiry::new(Some(NEVER - 1), 0);
        assert!(!long.is_expired(Stamp::Updated(i64::MAX - 1), i64::MAX));
    }

    #[test]
    fn the_horizon_never_falls() {
        let expiry = Expiry::new(Some(10), 0);
        assert_eq!(expiry.advance(100), 100);
        assert_eq!(expiry.advance(40), 100);
        assert!(expiry.is_removable(&stored(Stamp::Updated(90), b"v")));
        assert!(!expiry.is_removable(&stored(Stamp::Updated(91), b"v")));
    }
}
