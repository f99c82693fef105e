//! The few numbers of a job that progress displays and the report show, exact at any moment.

use gress_core::CheckpointId;
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// A reading of a job's counters, from this start on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records that sources have read.
    pub events: u64,
    /// Bad records that sources have left out.
    pub skipped: u64,
    /// Events that windows dropped as late.
    pub late: u64,
    /// Checkpoints that were completed.
    pub checkpoints: u64,
    /// The newest of them.
    pub last_checkpoint: Option<CheckpointId>,
    /// How long the newest took, from trigger to commit.
    pub last_checkpoint_took: Duration,
    /// Bytes of keyed state in it: base and runs.
    pub state_bytes: u64,
}

/// What a job has done since this start. All tasks add to it, once a batch.
#[derive(Debug, Default)]
pub(super) struct JobCounts {
    events: AtomicU64,
    skipped: AtomicU64,
    late: AtomicU64,
    checkpoints: AtomicU64,
    last_checkpoint: AtomicU64,
    checkpoint_nanos: AtomicU64,
    state_bytes: AtomicU64,
}

impl JobCounts {
    pub(super) fn read(&self, events: u64, skipped: u64) {
        self.events.fetch_add(events, Relaxed);
        if skipped > 0 {
            self.skipped.fetch_add(skipped, Relaxed);
        }
    }

    pub(super) fn late(&self, events: u64) {
        self.late.fetch_add(events, Relaxed);
    }

    pub(super) fn checkpoint(&self, id: CheckpointId, took: Duration, state_bytes: u64) {
        self.state_bytes.store(state_bytes, Relaxed);
        self.checkpoints.fetch_add(1, Relaxed);
        self.last_checkpoint.store(id.0, Relaxed);
        self.checkpoint_nanos.store(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn progress(&self) -> Progress {
        let checkpoints = self.checkpoints.load(Relaxed);
        Progress {
            events: self.events.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            late: self.late.load(Relaxed),
            checkpoints,
            last_checkpoint: (checkpoints > 0).then(|| CheckpointId(self.last_checkpoint.load(Relaxed))),
            state_bytes: self.state_bytes.load(Relaxed),
            last_checkpoint_took: Duration::from_nanos(self.checkpoint_nanos.load(Relaxed)),
        }
    }
}
