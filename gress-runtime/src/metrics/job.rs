//! What a job tells of itself as a whole.

use super::{
    counts::TaskCounts,
    health::{Health, Pulse, Verdict},
    labels::Labels,
    names,
    progress::{JobCounts, Progress},
    seal::SealMeter,
    task::TaskMetrics,
};
use crate::{task::Written, time::Clock};
use gress_core::{CheckpointId, TaskId};
use metrics::{Counter, Gauge, Histogram};
use std::{fmt, sync::Arc, time::Duration};

/// A job's counters, health and handles.
pub(crate) struct JobMetrics {
    pub health: Health,
    job: String,
    labels: Labels,
    counts: Arc<JobCounts>,
    clock: Arc<dyn Clock>,
    /// When the clock began, since 1970.
    epoch: Duration,
    starts: Gauge,
    refused: Gauge,
    state_bytes: Gauge,
    checkpoints: Counter,
    failures: Counter,
    age: Gauge,
    duration: Histogram,
    phases: [Histogram; 4],
    written_bytes: Counter,
    folded_runs: Counter,
    collect_failures: Counter,
}

/// A checkpoint that is complete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckpointDone {
    pub id: CheckpointId,
    /// From the trigger until every task had encoded its part.
    pub seal: Duration,
    /// From then on until everything was stored.
    pub upload: Duration,
    /// Until its manifest was there.
    pub publish: Duration,
    /// Until its output was visible.
    pub commit: Duration,
    /// What it has written.
    pub written: Written,
    /// Keyed state that it holds.
    pub state_bytes: u64,
}

impl CheckpointDone {
    pub(crate) fn total(&self) -> Duration {
        self.seal + self.upload + self.publish + self.commit
    }
}

impl JobMetrics {
    /// Registers what the job publishes, with the recorder that this thread sees.
    pub(crate) fn new(job: &str, clock: Arc<dyn Clock>, epoch: Duration) -> Arc<Self> {
        let labels = Labels::of_job(job);
        let phase = |phase: &str| labels.with("phase", phase).histogram(&names::CHECKPOINT_PHASE);
        Arc::new(JobMetrics {
            health: Health::default(),
            job: job.to_owned(),
            counts: Arc::default(),
            clock,
            epoch,
            starts: labels.gauge(&names::STARTS),
            refused: labels.gauge(&names::REFUSED_CHECKPOINTS),
            state_bytes: labels.gauge(&names::STATE_BYTES),
            checkpoints: labels.counter(&names::CHECKPOINTS),
            failures: labels.counter(&names::CHECKPOINT_FAILURES),
            age: labels.gauge(&names::CHECKPOINT_AGE),
            duration: labels.histogram(&names::CHECKPOINT_DURATION),
            phases: ["seal", "upload", "publish", "commit"].map(phase),
            written_bytes: labels.counter(&names::CHECKPOINT_WRITTEN),
            folded_runs: labels.counter(&names::CHECKPOINT_FOLDED),
            collect_failures: labels.counter(&names::COLLECT_FAILURES),
            labels,
        })
    }

    /// The job's name.
    pub(crate) fn job(&self) -> &str {
        &self.job
    }

    /// Counters and pulse of a task that will be built.
    pub(crate) fn add_task(&self, task: &TaskId) -> (Arc<TaskCounts>, Arc<Pulse>) {
        (TaskCounts::new(self.counts.clone()), self.health.add_task(task))
    }

    /// The handles of a task that is built.
    pub(crate) fn task(&self, task: &TaskId, is_source: bool) -> TaskMetrics {
        self.health.ready(self.clock.now());
        TaskMetrics::new(&self.labels, task, is_source)
    }

    pub(crate) fn seal_meter(&self, operator: &str) -> SealMeter {
        SealMeter::new(self.clock.clone(), &self.labels.with("operator", operator))
    }

    /// The time of day at `now` of the job's clock, since 1970.
    pub(super) fn wall(&self, now: Duration) -> Duration {
        self.epoch + now
    }

    pub(crate) fn started(&self, starts: u64, refused: usize, state_bytes: u64) {
        self.starts.set(starts as f64);
        self.refused.set(refused as f64);
        self.state_bytes.set(state_bytes as f64);
    }

    pub(crate) fn checkpoint(&self, done: &CheckpointDone) {
        self.counts.checkpoint(done.id, done.total(), done.state_bytes);
        self.health.completed(done.id, self.clock.now());
        self.checkpoints.increment(1);
        self.state_bytes.set(done.state_bytes as f64);
        self.duration.record(done.total().as_secs_f64());
        for (histogram, phase) in self.phases.iter().zip([done.seal, done.upload, done.publish, done.commit]) {
            histogram.record(phase.as_secs_f64());
        }
        self.written_bytes.increment(done.written.bytes);
        self.folded_runs.increment(done.written.folded_runs);
    }

    pub(crate) fn checkpoint_failed(&self) {
        self.failures.increment(1);
    }

    pub(crate) fn collect_failed(&self) {
        self.collect_failures.increment(1);
    }

    /// Publishes what grows old by itself.
    pub(crate) fn tick(&self) {
        self.age.set(self.health.age(self.clock.now()).as_secs_f64());
    }

    pub(crate) fn progress(&self) -> Progress {
        self.counts.progress()
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.health.judge(self.clock.now())
    }
}

impl fmt::Debug for JobMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobMetrics").field("labels", &self.labels).field("counts", &self.counts).finish_non_exhaustive()
    }
}
