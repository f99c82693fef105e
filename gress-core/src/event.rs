//! Events: a value, its time, and the watermark that stood before it.

use crate::time::Timestamp;
use std::ops::Deref;

/// What may travel in a stream. `Clone`, because a stream may be used twice; where it is used once nothing is cloned.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel in a stream",
    note = "events must be `Clone + Send + 'static`: they move between threads and may feed several operators"
)]
pub trait Data: Clone + Send + 'static {}
impl<T: Clone + Send + 'static> Data for T {}

/// A value and its event time. Derefs to the value.
///
/// An event also carries its *stamp*: the watermark that stood before it at its source. Lateness is judged by the stamp,
/// so it does not depend on where a batch ends or how many tasks there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<T> {
    /// What the event says.
    pub value: T,
    /// When it happened; [`Timestamp::MIN`] in a stream without event time.
    pub time: Timestamp,
    stamp: Timestamp,
}

impl<T> Event<T> {
    /// An event of a stream that has no event time.
    pub fn untimed(value: T) -> Self {
        Event { value, time: Timestamp::MIN, stamp: Timestamp::MIN }
    }

    /// An event that happened at `time`, before which the watermark stood at `stamp`.
    pub fn stamped(value: T, time: Timestamp, stamp: Timestamp) -> Self {
        Event { value, time, stamp }
    }

    /// Gives the event a time, before which the watermark stood at `stamp`.
    #[inline]
    pub fn set_time(&mut self, time: Timestamp, stamp: Timestamp) {
        (self.time, self.stamp) = (time, stamp);
    }

    /// The watermark that stood before this event.
    pub fn watermark(&self) -> Timestamp {
        self.stamp
    }

    /// The same time and stamp with another value.
    #[inline]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Event<U> {
        Event { value: change(self.value), time: self.time, stamp: self.stamp }
    }
}

impl<T> Deref for Event<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
