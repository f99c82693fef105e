//! How a source's watermark follows its events, and the clock of the process.

mod clock;

pub use clock::{Clock, SystemClock};

use gress_core::Timestamp;
use std::time::Duration;

/// How a source's watermark follows its events.
#[derive(Clone, Copy, Debug)]
pub struct Watermarks {
    bound: Duration,
}

impl Watermarks {
    /// After each event the watermark is (largest time so far) − `bound` − 1 ms: events may be out of order by `bound`.
    pub const fn bounded(bound: Duration) -> Self {
        Watermarks { bound }
    }

    /// Times never fall: [`Watermarks::bounded`] by nothing.
    pub const fn monotone() -> Self {
        Watermarks { bound: Duration::ZERO }
    }

    /// The watermark after an event of this time, if it is the largest so far.
    #[inline]
    pub(crate) fn after(self, time: Timestamp) -> Timestamp {
        time.minus(self.bound).previous()
    }
}
