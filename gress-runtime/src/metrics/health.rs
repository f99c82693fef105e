//! Whether a job is well: what `/healthz` answers.

use gress_core::{CheckpointId, ErrorKind, TaskId};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// How long one step of a task may take: a step is a batch, or a wait for the task's own store.
const STEP_MAX: Duration = Duration::from_secs(60);

/// What a checkpoint may take beyond two intervals before it is overdue.
const CHECKPOINT_SLACK: Duration = Duration::from_secs(60);

/// Since when a task is in the step that it does. The task writes it, twice a step; whoever asks for health reads it.
#[derive(Debug)]
pub(crate) struct Pulse(AtomicU64);

impl Pulse {
    const BETWEEN_STEPS: u64 = u64::MAX;
    const BUILDING: u64 = u64::MAX - 1;

    pub(crate) fn begin(&self, now: Duration) {
        self.0.store(u64::try_from(now.as_nanos()).unwrap_or(Self::BUILDING - 1), Relaxed);
    }

    pub(crate) fn end(&self) {
        self.0.store(Self::BETWEEN_STEPS, Relaxed);
    }

    fn is_building(&self) -> bool {
        self.0.load(Relaxed) == Self::BUILDING
    }

    /// Since when it is in a step.
    fn since(&self) -> Option<Duration> {
        match self.0.load(Relaxed) {
            Self::BETWEEN_STEPS | Self::BUILDING => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }
}

/// What is known of a job's health.
#[derive(Debug, Default)]
pub(crate) struct Health {
    facts: Mutex<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    tasks: Vec<(TaskId, Arc<Pulse>)>,
    /// `None` as long as, or if, the job takes no checkpoints.
    interval: Option<Duration>,
    newest: Option<CheckpointId>,
    /// When the newest was completed, or the last task was ready.
    since: Duration,
    failed: Option<ErrorKind>,
    over: bool,
}

/// How a job is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Well,
    Failed(ErrorKind),
    Stuck { task: TaskId, time: Duration },
    Overdue { newest: Option<CheckpointId>, age: Duration, limit: Duration },
}

impl Health {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task that will be built.
    pub(super) fn add_task(&self, task: &TaskId) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse(AtomicU64::new(Pulse::BUILDING)));
        self.facts().tasks.push((task.clone(), pulse.clone()));
        pulse
    }

    /// A task is built, its state restored.
    pub(super) fn ready(&self, now: Duration) {
        let mut facts = self.facts();
        facts.since = facts.since.max(now);
    }

    /// The job takes a checkpoint each `interval`.
    pub(crate) fn checkpoints_each(&self, interval: Duration) {
        self.facts().interval = Some(interval);
    }

    pub(super) fn completed(&self, checkpoint: CheckpointId, now: Duration) {
        let mut facts = self.facts();
        facts.newest = Some(checkpoint);
        facts.since = facts.since.max(now);
    }

    /// How long ago the newest checkpoint was completed; where there is none, the last task was ready.
    pub(super) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.facts().since)
    }

    /// What the coordinator takes for the cause of the job's failure.
    pub(crate) fn failed(&self, kind: ErrorKind) {
        self.facts().failed = Some(kind);
    }

    /// Nothing is expected of the job any more.
    pub(crate) fn over(&self) {
        self.facts().over = true;
    }

    pub(super) fn judge(&self, now: Duration) -> Verdict {
        self.facts().judge(now)
    }
}

impl Facts {
    fn judge(&self, now: Duration) -> Verdict {
        if let Some(kind) = self.failed {
            return Verdict::Failed(kind);
        }
        if self.over {
            return Verdict::Well;
        }
        for (task, pulse) in &self.tasks {
            let time = pulse.since().map_or(Duration::ZERO, |since| now.saturating_sub(since));
            if time > STEP_MAX {
                return Verdict::Stuck { task: task.clone(), time };
            }
        }
        // No barrier passes before every task is there: a large state takes its time to restore.
        let Some(interval) = self.interval.filter(|_| !self.tasks.iter().any(|(_, pulse)| pulse.is_building())) else {
            return Verdict::Well;
        };
        let (age, limit) = (now.saturating_sub(self.since), 2 * interval + CHECKPOINT_SLACK);
        match age > limit {
            true => Verdict::Overdue { newest: self.newest, age, limit },
            false => Verdict::Well,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Well => f.write_str("ok"),
            // What the error says may hold data: it stands in the log.
            Verdict::Failed(kind) => write!(f, "the job has failed ({kind:?}); its log and its error say why"),
            Verdict::Stuck { task, time } => {
                write!(f, "the task {task} has been in one step for {} s", time.as_secs())
            }
            Verdict::Overdue { newest, age, limit } => {
                match newest {
                    Some(id) => write!(f, "the newest checkpoint, {id}, was completed {} s ago", age.as_secs())?,
                    None => write!(f, "no checkpoint was completed in the {} s since the start", age.as_secs())?,
                }
                write!(f, ", at most {} s are expected", limit.as_secs())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn running(interval: u64) -> (Health, Arc<Pulse>) {
        let health = Health::default();
        let pulse = health.add_task(&TaskId::new("count", 1));
        health.checkpoints_each(at(interval));
        (health, pulse)
    }

    #[test]
    fn a_checkpoint_is_overdue_after_two_intervals_and_a_minute() {
        let (health, pulse) = running(10);
        pulse.end();
        health.ready(at(5));
        assert_eq!(health.judge(at(85)), Verdict::Well);
        let verdict = health.judge(at(86));
        assert_eq!(
            verdict.to_string(),
            "no checkpoint was completed in the 81 s since the start, at most 80 s are expected"
        );
        health.completed(CheckpointId(7), at(86));
        assert_eq!(health.judge(at(166)), Verdict::Well);
        let verdict = health.judge(at(167)).to_string();
        assert!(verdict.starts_with("the newest checkpoint, 7, was completed 81 s ago"), "{verdict}");
        assert_eq!(health.age(at(167)), at(81));
    }

    #[test]
    fn a_task_that_restores_its_state_may_take_any_time() {
        let (health, pulse) = running(1);
        let other = health.add_task(&TaskId::new("count", 2));
        pulse.end();
        health.ready(at(1));
        assert_eq!(health.judge(at(10_000)), Verdict::Well);
        other.end();
        health.ready(at(10_000));
        assert_eq!(health.judge(at(10_062)), Verdict::Well);
        assert!(matches!(health.judge(at(10_063)), Verdict::Overdue { newest: None, .. }));
    }

    #[test]
    fn a_task_may_wait_for_ever_but_not_stay_in_a_step() {
        let health = Health::default();
        let pulse = health.add_task(&TaskId::new("count", 1));
        pulse.begin(at(3));
        pulse.end();
        assert_eq!(health.judge(at(1_000_000)), Verdict::Well, "a job without checkpoints owes none");
        pulse.begin(at(100));
        assert_eq!(health.judge(at(160)), Verdict::Well);
        assert_eq!(health.judge(at(161)).to_string(), "the task count#1 has been in one step for 61 s");
    }

    #[test]
    fn a_failure_stays_and_an_end_excuses_everything_else() {
        let (health, pulse) = running(1);
        pulse.end();
        health.over();
        assert_eq!(health.judge(at(1_000)), Verdict::Well);
        health.failed(ErrorKind::Storage);
        let verdict = health.judge(at(1_000));
        assert_eq!(verdict.to_string(), "the job has failed (Storage); its log and its error say why");
    }
}
