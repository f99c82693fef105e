//! What a task counts while it works.

use super::progress::JobCounts;
use gress_core::Timestamp;
use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

/// Counters of one task, which its operators share. Only the task's thread writes, once a batch.
#[derive(Debug)]
pub(crate) struct TaskCounts {
    job: Arc<JobCounts>,
    events_in: Count,
    events_out: Count,
    skipped: Count,
    late: Count,
    watermark: AtomicI64,
}

/// A number that one thread adds to: no atomic addition is needed.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    #[inline]
    fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl TaskCounts {
    pub(super) fn new(job: Arc<JobCounts>) -> Arc<Self> {
        Arc::new(TaskCounts {
            job,
            events_in: Count::default(),
            events_out: Count::default(),
            skipped: Count::default(),
            late: Count::default(),
            watermark: AtomicI64::new(Timestamp::MIN.as_millis()),
        })
    }

    /// Counters of a task without a job.
    #[cfg(test)]
    pub(crate) fn alone() -> Arc<Self> {
        TaskCounts::new(Arc::default())
    }

    /// A source has read records.
    pub(crate) fn read(&self, events: u64, skipped: u64) {
        self.events_in.add(events);
        self.skipped.add(skipped);
        self.job.read(events, skipped);
    }

    /// Events of an input have arrived.
    pub(crate) fn arrived(&self, events: usize) {
        self.events_in.add(events as u64);
    }

    /// Events go to another task or into a sink.
    pub(crate) fn sent(&self, events: usize) {
        self.events_out.add(events as u64);
    }

    /// A window has dropped late events.
    pub(crate) fn late(&self, events: usize) {
        if events > 0 {
            self.late.add(events as u64);
            self.job.late(events as u64);
        }
    }

    /// The watermark that the task has handed on; one that falls is ignored.
    pub(crate) fn watermark_is(&self, watermark: Timestamp) {
        let watermark = watermark.as_millis().max(self.watermark.load(Relaxed));
        self.watermark.store(watermark, Relaxed);
    }

    pub(super) fn events_in(&self) -> u64 {
        self.events_in.get()
    }

    pub(super) fn events_out(&self) -> u64 {
        self.events_out.get()
    }

    pub(super) fn skipped(&self) -> u64 {
        self.skipped.get()
    }

    pub(super) fn late_events(&self) -> u64 {
        self.late.get()
    }

    pub(super) fn watermark(&self) -> Timestamp {
        Timestamp::from_millis(self.watermark.load(Relaxed))
    }
}
