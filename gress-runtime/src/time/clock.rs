//! The process's clock, as a trait: a simulator sets the time itself.

use std::{
    fmt::Debug,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Time since the job's start. Never falls.
pub trait Clock: Debug + Send + Sync {
    /// Time since the job's start.
    fn now(&self) -> Duration;
}

/// The clock of the operating system.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn start() -> Self {
        SystemClock { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

/// The time of day, for what is compared with other machines' clocks. Read once, at a job's start.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
pub(crate) fn since_1970() -> Duration {
    // A clock that stands before 1970 is no reason not to run.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
