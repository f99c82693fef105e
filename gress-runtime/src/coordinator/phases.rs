//! How long the parts of a checkpoint take.

use crate::{metrics::CheckpointDone, task::Written};
use gress_core::CheckpointId;
use std::time::Duration;

/// When the checkpoint under way has passed from one phase into the next, by the job's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Phases {
    triggered: Duration,
    /// When the last task had encoded its part.
    sealed: Duration,
    /// When the last part was durable.
    stored: Duration,
    published: Duration,
    written: Written,
}

impl Phases {
    pub(super) fn begin(now: Duration) -> Self {
        Phases { triggered: now, sealed: now, stored: now, published: now, written: Written::default() }
    }

    /// A task's part is durable.
    pub(super) fn acknowledged(&mut self, sealed: Duration, written: Written) {
        self.sealed = self.sealed.max(sealed);
        self.written += written;
    }

    pub(super) fn stored(&mut self, now: Duration) {
        self.stored = now;
    }

    pub(super) fn published(&mut self, now: Duration) {
        self.published = now;
    }

    pub(super) fn committed(&self, id: CheckpointId, state_bytes: u64, now: Duration) -> CheckpointDone {
        CheckpointDone {
            id,
            seal: self.sealed.saturating_sub(self.triggered),
            upload: self.stored.saturating_sub(self.sealed),
            publish: self.published.saturating_sub(self.stored),
            commit: now.saturating_sub(self.published),
            written: self.written,
            state_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_task_ends_a_phase_and_the_phases_make_up_the_whole() {
        let at = Duration::from_millis;
        let mut phases = Phases::begin(at(100));
        phases.acknowledged(at(130), Written { bytes: 10, runs: 1, folded_runs: 0 });
        phases.acknowledged(at(120), Written { bytes: 5, runs: 2, folded_runs: 8 });
        phases.stored(at(170));
        phases.published(at(180));
        let done = phases.committed(CheckpointId(3), 99, at(200));
        assert_eq!([done.seal, done.upload, done.publish, done.commit], [at(30), at(40), at(10), at(20)]);
        assert_eq!(done.total(), at(100));
        assert_eq!(done.written, Written { bytes: 15, runs: 3, folded_runs: 8 });
    }
}
