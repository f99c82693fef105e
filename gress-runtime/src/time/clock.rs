//! The process's clock, as a trait: a simulator sets the time itself.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
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
