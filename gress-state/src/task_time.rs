//! What time it is for the states of one task: set once a batch or an event, read by every table whose entries expire.

use crate::ttl::TtlClock;
use gress_core::Timestamp;
use std::cell::Cell;

/// The times of one task, in milliseconds.
#[derive(Debug)]
pub(crate) struct TaskTime {
    /// The system's time when the batch began.
    processing: Cell<i64>,
    /// The event time that reads go by.
    event: Cell<i64>,
    /// The event time that a write counts as an update at.
    update: Cell<i64>,
    /// All that was due up to here has fired: no event or timer that follows has an earlier time.
    watermark: Cell<i64>,
}

impl TaskTime {
    pub(crate) fn new() -> Self {
        let before_all = || Cell::new(i64::MIN);
        TaskTime { processing: before_all(), event: before_all(), update: before_all(), watermark: before_all() }
    }

    /// A batch begins. The time that counts never falls, though the system's may.
    pub(crate) fn batch(&self, now: Timestamp) {
        self.processing.set(self.processing.get().max(now.as_millis()));
    }

    /// An event is handled. As long as its stream has no watermark nothing expires, and a write counts from the event's
    /// own time: else all that the first events write would be infinitely old.
    #[inline]
    pub(crate) fn event(&self, stamp: Timestamp, time: Timestamp) {
        let now = stamp.as_millis().max(self.watermark.get());
        self.event.set(now);
        self.update.set(if now == i64::MIN { time.as_millis() } else { now });
    }

    /// A timer fires. One that was overdue when it was set does not go back in time.
    pub(crate) fn timer(&self, time: Timestamp) {
        self.event(time, time);
    }

    /// All that was due at `watermark` has fired. The end of the input is no time: nothing expires by it, so that the
    /// last checkpoint shows what the last event saw.
    pub(crate) fn fired(&self, watermark: Timestamp) {
        if watermark != Timestamp::MAX {
            self.watermark.set(self.watermark.get().max(watermark.as_millis()));
        }
    }

    pub(crate) fn watermark(&self) -> Timestamp {
        Timestamp::from_millis(self.watermark.get())
    }

    /// The time that reads go by.
    #[inline]
    pub(crate) fn now(&self, clock: TtlClock) -> i64 {
        match clock {
            TtlClock::Processing => self.processing.get(),
            TtlClock::Event => self.event.get(),
        }
    }

    /// The time at which a write updates its entry.
    #[inline]
    pub(crate) fn update(&self, clock: TtlClock) -> i64 {
        match clock {
            TtlClock::Processing => self.processing.get(),
            TtlClock::Event => self.update.get(),
        }
    }

    /// The time that no later read is behind.
    #[inline]
    pub(crate) fn horizon(&self, clock: TtlClock) -> i64 {
        match clock {
            TtlClock::Processing => self.processing.get(),
            TtlClock::Event => self.watermark.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_write_before_the_first_watermark_counts_from_its_event() {
        let time = TaskTime::new();
        time.event(Timestamp::MIN, at(7));
        assert_eq!((time.now(TtlClock::Event), time.update(TtlClock::Event)), (i64::MIN, 7));
        time.event(at(5), at(9));
        assert_eq!((time.now(TtlClock::Event), time.update(TtlClock::Event)), (5, 5));
    }

    #[test]
    fn no_read_is_behind_the_horizon() {
        let time = TaskTime::new();
        time.fired(at(100));
        time.fired(at(90));
        time.timer(at(40));
        assert_eq!((time.now(TtlClock::Event), time.horizon(TtlClock::Event)), (100, 100));
        time.batch(at(8));
        time.batch(at(3));
        assert_eq!((time.now(TtlClock::Processing), time.horizon(TtlClock::Processing)), (8, 8));
        time.fired(Timestamp::MAX);
        assert_eq!(time.watermark(), at(100));
    }
}
