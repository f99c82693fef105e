//! The time of day, as a trait: a test sets it itself.

use gress_core::Timestamp;
use std::{
    fmt::Debug,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::{SystemTime, UNIX_EPOCH},
};

/// The time of day. It may jump, as the system's does.
pub trait WallClock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemWallClock;

impl WallClock for SystemWallClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
    fn now(&self) -> Timestamp {
        let now = SystemTime::now();
        let (past, sign) = match now.duration_since(UNIX_EPOCH) {
            Ok(past) => (past, 1),
            Err(before) => (before.duration(), -1),
        };
        Timestamp::from_millis(i64::try_from(past.as_millis()).unwrap_or(i64::MAX) * sign)
    }
}

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub struct ManualWallClock(AtomicI64);

impl ManualWallClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        ManualWallClock(AtomicI64::new(now.as_millis()))
    }

    /// Shows `now` from here on.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Relaxed);
    }
}

impl WallClock for ManualWallClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Relaxed))
    }
}
