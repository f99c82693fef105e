//! From a graph to tasks that can be built: checks everything that can be checked without writing, takes the lock,
//! claims the job, settles what an earlier run has left.
//!
//! ```text
//!  check ─▶ recover, inspect outputs (read only) ─▶ lock ─▶ settle outputs ─▶ claim the next id ─▶ collect ─▶ tasks
//! ```

use super::{
    Job,
    build::{Build, Shared},
    claim::{ToReplay, claim, first_claim},
    directory::{empty_directory, work_directory},
    graph::{Plan, TaskGroup},
    inspect::look,
    report::{Outcome, Report},
};
use crate::{
    backends,
    budget::{self, Parts},
    coordinator::{
        Assembly, Checkpoints, Coordinator, CoordinatorParts, Plan as CheckpointPlan, ToCoordinator, delete_all,
    },
    metrics::{JobMetrics, Progress},
    sink::Committer,
    task::{Executor, Mailbox, TaskMessage},
    time::Clock,
};
use crossbeam_channel::{Sender, unbounded};
use gress_core::{CheckpointId, Error, ErrorKind, Result, TaskId};
use gress_state::{
    BackendFactory, WallClock,
    checkpoint::{
        CheckpointStorage, Collected, Ending, LocalStorage, Manifest, Put, Retention, SourceSnapshot, TaskSnapshot,
        manifest_name, recover,
    },
    directory::{DirectoryLock, create_directory},
};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A job whose tasks can be built.
pub(crate) struct Launch {
    pub groups: Vec<TaskGroup>,
    pub builds: Vec<TaskBuild>,
    pub coordinator: Coordinator,
    pub to_coordinator: Sender<ToCoordinator>,
    pub metrics: Arc<JobMetrics>,
    pub running: Running,
}

/// One task that is to be built, and its place in the groups.
pub(crate) struct TaskBuild {
    pub group: usize,
    pub build: Build,
}

/// The clocks of a job.
pub(crate) struct Clocks {
    pub clock: Arc<dyn Clock>,
    /// The time of day.
    pub wall_clock: Arc<dyn WallClock>,
}

/// What stays until the job has ended.
pub(crate) struct Running {
    pub starts: u64,
    pub restored: Option<CheckpointId>,
    pub refused: Vec<String>,
    work_directory: PathBuf,
    storage: Option<(Arc<dyn CheckpointStorage>, usize)>,
    _lock: Option<DirectoryLock>,
}

/// What a start comes to.
pub(crate) enum Started {
    Ready(Box<Launch>),
    AlreadyFinished(Report),
}

impl Running {
    /// Cleans up behind a job that has ended well.
    pub(crate) fn end(&self) -> Result<()> {
        let _ = std::fs::remove_dir_all(&self.work_directory);
        let Some((storage, retained)) = &self.storage else { return Ok(()) };
        let mut retention = Retention::new(*retained);
        recover(storage.as_ref())?.manifests.iter().for_each(|manifest| retention.add(manifest));
        sweep(storage.as_ref(), &mut retention)
    }
}

/// Deletes the checkpoints that need not be kept, and files that nothing names.
fn sweep(storage: &dyn CheckpointStorage, retention: &mut Retention) -> Result<()> {
    delete_all(storage, &retention.collect())?;
    let orphans = retention.orphans(&storage.list()?);
    delete_all(storage, &Collected { manifests: Vec::new(), files: orphans })
}

impl Launch {
    pub(crate) fn prepare(
        job: &Job,
        executor: Arc<dyn Executor>,
        clocks: Clocks,
        metrics: Arc<JobMetrics>,
    ) -> Result<Started> {
        job.check()?;
        let config = &job.graph.config;
        config.validate(backends::options())?;
        let plan = job.graph.take();
        let parts =
            budget::divide(config, plan.keyed_tasks()).map_err(|contradiction| contradiction.into_error(config))?;
        let factory = backends::factory(config, &parts)?;
        let mut sources = BTreeMap::new();
        for (name, fingerprint) in &plan.sources {
            let (fingerprint, partitions) = fingerprint().map_err(|e| e.at(format!("source `{name}`")))?;
            sources.insert(name.clone(), SourceSnapshot { fingerprint, partitions });
        }
        let started = match &config.checkpoint.directory {
            None => Prepared::without_checkpoints(job, sources, factory.name()),
            Some(directory) => Prepared::with_checkpoints(job, &plan, sources, factory.name(), directory)?,
        };
        match started.claim.ending {
            Ending::Finished => Ok(Started::AlreadyFinished(started.already_finished())),
            _ => {
                let backend = (factory, parts);
                let launch = started.into_launch(job, plan, backend, executor, clocks, metrics)?;
                Ok(Started::Ready(Box::new(launch)))
            }
        }
    }
}

/// A job that is claimed.
struct Prepared {
    claim: Manifest,
    checkpoints: Option<(Arc<dyn CheckpointStorage>, Retention)>,
    committers: Vec<(String, Arc<dyn Committer>)>,
    to_replay: ToReplay,
    restored: Option<CheckpointId>,
    refused: Vec<String>,
    lock: Option<DirectoryLock>,
}

impl Prepared {
    fn without_checkpoints(job: &Job, sources: BTreeMap<String, SourceSnapshot>, backend: &str) -> Self {
        Prepared {
            claim: first_claim(job, sources, backend),
            checkpoints: None,
            committers: Vec::new(),
            to_replay: HashMap::new(),
            restored: None,
            refused: Vec::new(),
            lock: None,
        }
    }

    fn with_checkpoints(
        job: &Job,
        plan: &Plan,
        sources: BTreeMap<String, SourceSnapshot>,
        backend: &str,
        directory: &Path,
    ) -> Result<Self> {
        let storage = Arc::new(LocalStorage::new(directory));
        let fresh = first_claim(job, sources, backend);
        let existing = DirectoryLock::take_existing(directory)?;
        let mut found = look(storage.as_ref(), plan, &fresh, directory)?;
        // Up to here nothing was written. From here on this process owns the job.
        let mut lock = match existing {
            Some(lock) => lock,
            None => {
                create_directory(directory)?;
                let lock = DirectoryLock::take(directory)?;
                found = look(storage.as_ref(), plan, &fresh, directory)?;
                lock
            }
        };
        let finished = found.recovered.newest_whole.as_ref().is_some_and(|m| m.ending == Ending::Finished);
        if !finished {
            // Of a job that has ended not even the lock file changes.
            lock.sign()?;
        }
        storage.prepare()?;
        let refused: Vec<_> =
            found.recovered.refused.iter().map(|r| format!("checkpoint {} is damaged: {}", r.id, r.reason)).collect();
        refused.iter().for_each(|refusal| tracing::warn!("{refusal}"));

        let committers: Vec<_> = found.outputs.iter().map(|(name, sink, _)| (name.clone(), sink.clone())).collect();
        for (name, committer, plan) in &found.outputs {
            let settle = || -> Result<()> {
                committer.prepare_output()?;
                committer.commit(&plan.commit)?;
                committer.abort_rest()
            };
            settle().map_err(|e| e.at(format!("sink `{name}`")))?;
        }
        let restored = found.recovered.newest_whole.take();
        let restored_id = restored.as_ref().map(|m| m.id);
        let mut retention = Retention::new(job.graph.config.checkpoint.retained);
        let kept = found.recovered.manifests.iter().filter(|m| Some(m.id) <= restored_id);
        kept.for_each(|manifest| retention.add(manifest));

        let base = restored.unwrap_or(fresh);
        let (claim, to_replay) = if finished {
            (base, HashMap::new())
        } else {
            let (claim, to_replay) = claim(base, restored_id, found.next, &found.outputs, storage.as_ref())?;
            if storage.put_if_absent(&manifest_name(claim.id), &claim.to_bytes()?)? == Put::Exists {
                return Err(Error::new(
                    ErrorKind::Locked,
                    format!("another process has claimed checkpoint {}", claim.id),
                ));
            }
            retention.add(&claim);
            sweep(storage.as_ref(), &mut retention)?;
            (claim, to_replay)
        };
        let checkpoints = Some((storage as Arc<dyn CheckpointStorage>, retention));
        Ok(Prepared { claim, checkpoints, committers, to_replay, restored: restored_id, refused, lock: Some(lock) })
    }

    fn already_finished(self) -> Report {
        Report {
            outcome: Outcome::AlreadyFinished,
            progress: Progress::default(),
            took: Duration::ZERO,
            starts: self.claim.epoch,
            restored: self.restored,
            refused: self.refused,
        }
    }

    fn into_launch(
        self,
        job: &Job,
        plan: Plan,
        (factory, parts): (Arc<dyn BackendFactory>, Parts),
        executor: Arc<dyn Executor>,
        Clocks { clock, wall_clock }: Clocks,
        metrics: Arc<JobMetrics>,
    ) -> Result<Launch> {
        let config = &job.graph.config;
        let work_directory = work_directory(config);
        empty_directory(&work_directory)?;
        let (to_coordinator, mailbox) = unbounded();
        let shared = Arc::new(Shared {
            job: self.claim.job,
            epoch: self.claim.epoch,
            batch: config.batch.size,
            factory,
            budget_bytes: parts.table_share_bytes(),
            run_bytes: parts.run_share_bytes(),
            work_directory: work_directory.clone(),
            storage: self.checkpoints.as_ref().map(|(storage, _)| storage.clone()),
            executor: executor.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            wall_clock,
            coordinator: to_coordinator.clone(),
            to_replay: self.to_replay,
        });
        let (builds, senders, sources) = task_builds(&plan.groups, &shared, &self.claim.tasks);
        let storage = self.checkpoints.as_ref().map(|(s, _)| (s.clone(), config.checkpoint.retained));
        let running = Running {
            starts: self.claim.epoch,
            restored: self.restored,
            refused: self.refused,
            work_directory,
            storage,
            _lock: self.lock,
        };
        let interval = self.checkpoints.as_ref().map(|_| config.checkpoint.interval);
        if let Some(interval) = interval {
            metrics.health.checkpoints_each(interval);
        }
        let state_bytes = self.claim.state_bytes();
        metrics.started(running.starts, running.refused.len(), state_bytes);
        tracing::info!(
            job = config.name,
            start = running.starts,
            restored = running.restored.map(|id| id.0),
            state_bytes,
            refused = running.refused.len(),
            backend = self.claim.backend,
            parallelism = config.parallelism,
            tasks = builds.len(),
            ms = clock.now().as_secs_f64() * 1e3,
            "job starts"
        );
        let first = self.claim.id.next();
        let committers = self.committers;
        let checkpoints = self.checkpoints.map(|(storage, retention)| Checkpoints {
            storage,
            assembly: Assembly::new(self.claim),
            retention,
            committers,
        });
        let coordinator = Coordinator::new(CoordinatorParts {
            plan: CheckpointPlan { tasks: builds.len(), interval, first },
            checkpoints,
            mailbox: (to_coordinator.clone(), mailbox),
            tasks: senders,
            sources,
            executor,
            clock,
            metrics: metrics.clone(),
        });
        Ok(Launch { groups: plan.groups, builds, coordinator, to_coordinator, metrics, running })
    }
}

/// What each task is built from, its mailbox's sender, and which tasks are sources.
fn task_builds(
    groups: &[TaskGroup],
    shared: &Arc<Shared>,
    restored: &[TaskSnapshot],
) -> (Vec<TaskBuild>, Vec<Sender<TaskMessage>>, Vec<usize>) {
    let (mut builds, mut senders, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    for (at, group) in groups.iter().enumerate() {
        for subtask in 0..group.subtasks {
            let index = builds.len();
            let (task, mailbox) = (TaskId::new(&group.name, subtask), Mailbox::new());
            let restored = restored.iter().find(|snapshot| snapshot.task == task).cloned();
            senders.push(mailbox.sender.clone());
            sources.extend(group.is_source.then_some(index));
            builds.push(TaskBuild { group: at, build: Build::new(shared, task, index, restored, mailbox) });
        }
    }
    (builds, senders, sources)
}
