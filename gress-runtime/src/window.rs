//! Windows.

use gress_core::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// The span `start..end` of event time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct TimeWindow {
    /// The first millisecond of the window.
    pub start: Timestamp,
    /// The first millisecond after it.
    pub end: Timestamp,
}

impl TimeWindow {
    /// The last millisecond of the window: the time of its results. It fires when the watermark reaches it.
    pub fn max_timestamp(self) -> Timestamp {
        self.end.previous()
    }
}

/// Windows of one size, side by side, aligned to 1970-01-01T00:00:00.
#[derive(Clone, Copy, Debug)]
pub struct Tumbling {
    size_ms: i64,
}

impl Tumbling {
    /// Windows of this size, in whole milliseconds.
    ///
    /// # Panics
    /// On a size below 1 ms or above 292 million years: the size is a constant of the program, not input.
    pub const fn every(size: Duration) -> Self {
        let millis = size.as_millis();
        assert!(millis >= 1 && millis <= i64::MAX as u128, "a window needs a size of at least 1 ms");
        Tumbling { size_ms: millis as i64 }
    }

    /// The window that `time` belongs to.
    #[inline]
    pub(crate) fn assign(self, time: Timestamp) -> TimeWindow {
        let millis = time.as_millis();
        let start = millis.saturating_sub(millis.rem_euclid(self.size_ms));
        let end = start.saturating_add(self.size_ms);
        TimeWindow { start: Timestamp::from_millis(start), end: Timestamp::from_millis(end) }
    }
}

/// A window's result for one key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Windowed<K, V> {
    /// The key.
    pub key: K,
    /// The window.
    pub window: TimeWindow,
    /// What its accumulator gave.
    pub value: V,
}

#[cfg(test)]
mod tests {
    use super::*;
    use gress_core::millis;

    // Conformance cases 71 and 75.
    #[test]
    fn windows_are_aligned_before_the_epoch_and_at_the_ends_of_time() {
        let windows = Tumbling::every(millis(1_000));
        let of = |ms| windows.assign(Timestamp::from_millis(ms));
        assert_eq!(of(-1), TimeWindow { start: Timestamp::from_millis(-1_000), end: Timestamp::from_millis(0) });
        assert_eq!(of(999).max_timestamp(), Timestamp::from_millis(999));
        assert_eq!(of(1_000).start, Timestamp::from_millis(1_000));
        assert_eq!(of(i64::MAX - 5).end, Timestamp::MAX);
        assert!(of(i64::MIN).start <= of(i64::MIN).end);
    }
}
