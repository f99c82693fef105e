//! Test a job in milliseconds: feed events, move the watermark, look at what comes out, take a checkpoint and go back to
//! it, all on one thread.
//!
//! ```
//! use gress_runtime::{prelude::*, testing::Harness};
//!
//! #[derive(Clone, serde::Serialize, serde::Deserialize)]
//! struct Sum(u64);
//! impl Accumulator<u64> for Sum {
//!     type Out = u64;
//!     fn add(&mut self, n: &u64) { self.0 += n; }
//!     fn merge(&mut self, other: Sum) { self.0 += other.0; }
//!     fn finish(self) -> u64 { self.0 }
//! }
//!
//! # fn main() -> Result<()> {
//! let at = Timestamp::from_millis;
//! let mut sums = Harness::new(|numbers: Stream<u64>| {
//!     let sums = numbers.key_by(|n| n % 2).window(Tumbling::every(seconds(1))).aggregate("sums", Sum(0));
//!     sums.map(|sum| (sum.key, sum.value))
//! })?;
//! sums.feed(at(10), 1)?;
//! sums.feed(at(20), 3)?;
//! let before = sums.checkpoint()?;
//! sums.feed(at(30), 5)?;
//! sums.advance(at(999))?;
//! assert_eq!(sums.values(), [(1, 9)]);
//!
//! sums.restore(&before)?;
//! sums.advance(at(999))?;
//! assert_eq!(sums.values(), [(1, 4)]);
//! # Ok(())
//! # }
//! ```

mod feed;
mod record;

use crate::{
    backends, budget,
    config::{Backend, Config},
    coordinator::ToCoordinator,
    job::{Build, Job, Shared, Stream},
    metrics::JobMetrics,
    operator::place,
    task::{Executor, Mailbox, Step, SteppedExecutor, Task, TaskMessage},
    time::Clock,
};
use crossbeam_channel::{Receiver, Sender, unbounded};
use feed::{Fed, Feed, Inject};
use gress_core::{Barrier, BarrierKind, CheckpointId, Data, Error, Event, JobId, Result, TaskId, Timestamp};
use gress_state::{
    ManualWallClock,
    checkpoint::{CheckpointStorage, MemoryStorage, TaskSnapshot},
};
use record::Record;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

type BuildStream<I, O> = Box<dyn Fn(Stream<I>) -> Stream<O>>;

/// A part of a job under test: one stream in, one stream out.
///
/// Its tasks are the real ones, stepped on this thread after each call until nothing is left to do.
pub struct Harness<I, O> {
    build: BuildStream<I, O>,
    config: Config,
    storage: Arc<MemoryStorage>,
    wall_clock: Arc<ManualWallClock>,
    epoch: u64,
    next_checkpoint: CheckpointId,
    running: Running<I, O>,
}

/// A checkpoint that a [`Harness`] has taken: what each task has sealed.
#[derive(Clone, Debug)]
pub struct HarnessCheckpoint {
    tasks: Vec<TaskSnapshot>,
}

struct Running<I, O> {
    feed: Feed<I>,
    record: Record<O>,
    tasks: Vec<TestedTask>,
    coordinator: Receiver<ToCoordinator>,
    executor: Arc<SteppedExecutor>,
    clock: Arc<HandClock>,
    metrics: Arc<JobMetrics>,
}

struct TestedTask {
    id: TaskId,
    is_source: bool,
    mailbox: Sender<TaskMessage>,
    task: Box<dyn Task>,
}

#[derive(Debug, Default)]
struct HandClock {
    millis: AtomicU64,
}

impl Clock for HandClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

impl<I: Data, O: Data> Harness<I, O> {
    /// A harness around what `build` makes of the stream of fed events, on memory, one task for each step.
    ///
    /// # Errors
    /// A graph that cannot be built.
    pub fn new(build: impl Fn(Stream<I>) -> Stream<O> + 'static) -> Result<Self> {
        let mut config = Config::default();
        config.state.backend = Backend::Memory;
        Harness::with_config(config, build)
    }

    /// As [`Harness::new`], with the backend, parallelism and memory of `config`.
    ///
    /// # Errors
    /// A graph or config that cannot be used.
    pub fn with_config(config: Config, build: impl Fn(Stream<I>) -> Stream<O> + 'static) -> Result<Self> {
        let (build, storage): (BuildStream<I, O>, _) = (Box::new(build), Arc::new(MemoryStorage::default()));
        let wall_clock = Arc::new(ManualWallClock::at(Timestamp::from_millis(0)));
        let running = Running::start(&config, &build, (&storage, &wall_clock), 1, &[])?;
        Ok(Harness { build, config, storage, wall_clock, epoch: 1, next_checkpoint: CheckpointId(1), running })
    }

    /// Feeds an event. Its stamp is the watermark that [`Harness::advance`] has set last.
    ///
    /// # Errors
    /// Those of the job under test, with operator and event time.
    pub fn feed(&mut self, time: Timestamp, value: I) -> Result<()> {
        self.running.feed.push(Fed::Event(value, time));
        self.running.run_until_idle()
    }

    /// Moves the watermark; one that falls is ignored.
    ///
    /// # Errors
    /// As [`Harness::feed`].
    pub fn advance(&mut self, watermark: Timestamp) -> Result<()> {
        self.running.feed.push(Fed::Watermark(watermark));
        self.running.run_until_idle()
    }

    /// Sets the time of day, which is 0 at first. The next event is handled at this time; also after a restore.
    pub fn set_processing_time(&self, now: Timestamp) {
        self.wall_clock.set(now);
    }

    /// Ends the input: the watermark goes to its maximum, every window and timer fires.
    ///
    /// # Errors
    /// As [`Harness::feed`].
    pub fn end(&mut self) -> Result<()> {
        self.running.feed.end();
        self.running.run_until_idle()
    }

    /// Takes what came out since the last call, with times and stamps.
    pub fn outputs(&mut self) -> Vec<Event<O>> {
        self.running.record.take()
    }

    /// Takes the values of what came out since the last call.
    pub fn values(&mut self) -> Vec<O> {
        self.outputs().into_iter().map(|event| event.value).collect()
    }

    /// Events that windows dropped as late, since the start or the last restore.
    pub fn late(&self) -> u64 {
        self.running.metrics.progress().late
    }

    /// Takes a checkpoint.
    ///
    /// # Errors
    /// State that cannot be encoded.
    pub fn checkpoint(&mut self) -> Result<HarnessCheckpoint> {
        let barrier = Barrier { id: self.next_checkpoint, kind: BarrierKind::Periodic };
        self.next_checkpoint = self.next_checkpoint.next();
        self.running.checkpoint(barrier)
    }

    /// Goes back to a checkpoint, as after a crash: all tasks are built anew, and what was fed since is forgotten.
    ///
    /// # Errors
    /// State that does not decode.
    pub fn restore(&mut self, checkpoint: &HarnessCheckpoint) -> Result<()> {
        self.epoch += 1;
        let outside = (&self.storage, &self.wall_clock);
        self.running = Running::start(&self.config, &self.build, outside, self.epoch, &checkpoint.tasks)?;
        Ok(())
    }
}

impl<I: Data, O: Data> Running<I, O> {
    fn start(
        config: &Config,
        build: &BuildStream<I, O>,
        (storage, wall_clock): (&Arc<MemoryStorage>, &Arc<ManualWallClock>),
        epoch: u64,
        restored: &[TaskSnapshot],
    ) -> Result<Self> {
        let (feed, record) = (Feed::default(), Record::default());
        let job = Job::new(config.clone());
        let fed = Inject::stream(job.source("fed", feed.clone()));
        build(fed).sink("recorded", record.clone());
        job.check()?;
        let plan = job.take_plan();
        let (to_coordinator, coordinator) = unbounded();
        let (executor, clock) = (Arc::new(SteppedExecutor::default()), Arc::new(HandClock::default()));
        let metrics = JobMetrics::new(&config.name, clock.clone(), Duration::ZERO);
        let parts =
            budget::divide(config, plan.keyed_tasks()).map_err(|contradiction| contradiction.into_error(config))?;
        let shared = Arc::new(Shared {
            job: JobId(1),
            epoch,
            batch: config.batch.size,
            factory: backends::factory(config, &parts)?,
            budget_bytes: parts.table_share_bytes(),
            run_bytes: parts.run_share_bytes(),
            work_directory: crate::job::work_directory(config).join(epoch.to_string()),
            storage: Some(storage.clone() as Arc<dyn CheckpointStorage>),
            executor: executor.clone() as Arc<dyn Executor>,
            clock: clock.clone(),
            metrics: metrics.clone(),
            wall_clock: wall_clock.clone(),
            coordinator: to_coordinator,
            to_replay: HashMap::new(),
        });
        let mut tasks = Vec::new();
        for group in &plan.groups {
            for subtask in 0..group.subtasks {
                let (id, mailbox) = (TaskId::new(&group.name, subtask), Mailbox::new());
                let (index, sender) = (tasks.len(), mailbox.sender.clone());
                let restored = restored.iter().find(|snapshot| snapshot.task == id).cloned();
                let build = Build::new(&shared, id.clone(), index, restored, mailbox);
                let task = (group.build)(&build).map_err(|e| place::locate(e, &group.name, subtask))?;
                tasks.push(TestedTask { id, is_source: group.is_source, mailbox: sender, task });
            }
        }
        Ok(Running { feed, record, tasks, coordinator, executor, clock, metrics })
    }

    /// Steps all tasks in turn until none makes progress and no work is left.
    fn run_until_idle(&mut self) -> Result<()> {
        self.clock.millis.fetch_add(1, Ordering::Relaxed);
        loop {
            let mut progress = false;
            for TestedTask { id, task, .. } in &mut self.tasks {
                let step = task.step().map_err(|e| place::locate(e, &id.chain, id.subtask.0))?;
                progress |= step == Step::Progress;
            }
            while self.executor.len() > 0 {
                self.executor.run(0);
                progress = true;
            }
            if !progress {
                return Ok(());
            }
        }
    }

    fn checkpoint(&mut self, barrier: Barrier) -> Result<HarnessCheckpoint> {
        for source in self.tasks.iter().filter(|task| task.is_source) {
            drop(source.mailbox.send(TaskMessage::Trigger(barrier)));
        }
        self.run_until_idle()?;
        let mut tasks: Vec<TaskSnapshot> = Vec::new();
        for message in self.coordinator.try_iter() {
            if let ToCoordinator::Acknowledged { sealed, .. } = message
                && sealed.id == barrier.id
            {
                tasks.push(sealed.snapshot);
            }
        }
        if tasks.len() != self.tasks.len() {
            let (sealed, all) = (tasks.len(), self.tasks.len());
            return Err(Error::job(format!("only {sealed} of {all} tasks have sealed checkpoint {}", barrier.id)));
        }
        for task in &self.tasks {
            drop(task.mailbox.send(TaskMessage::Completed));
        }
        self.run_until_idle()?;
        Ok(HarnessCheckpoint { tasks })
    }
}
