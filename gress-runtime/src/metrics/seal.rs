//! What a checkpoint takes from the time of a task.

use super::{labels::Labels, names};
use crate::time::Clock;
use metrics::Histogram;
use std::{fmt, sync::Arc, time::Duration};

/// Adds up the pauses of one checkpoint: the barrier's own, and each slice of encoding.
pub(crate) struct SealMeter {
    clock: Arc<dyn Clock>,
    duration: Histogram,
    pause: Histogram,
    spent: Duration,
    longest: Duration,
}

impl SealMeter {
    pub(super) fn new(clock: Arc<dyn Clock>, labels: &Labels) -> Self {
        let (duration, pause) = (labels.histogram(&names::SEAL_DURATION), labels.histogram(&names::SEAL_PAUSE));
        SealMeter { clock, duration, pause, spent: Duration::ZERO, longest: Duration::ZERO }
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// A pause that began at `since` ends now.
    pub(crate) fn paused(&mut self, since: Duration) {
        let pause = self.clock.now().saturating_sub(since);
        self.spent += pause;
        self.longest = self.longest.max(pause);
    }

    /// All entries of the checkpoint are encoded: the task has done its part.
    pub(crate) fn sealed(&mut self) {
        self.duration.record(std::mem::take(&mut self.spent).as_secs_f64());
        self.pause.record(std::mem::take(&mut self.longest).as_secs_f64());
    }
}

impl fmt::Debug for SealMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealMeter").field("spent", &self.spent).field("longest", &self.longest).finish_non_exhaustive()
    }
}
