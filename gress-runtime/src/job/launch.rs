//! From a graph to tasks that can be built: checks everything that can be checked without writing, takes the lock,
//! claims the job, settles what an earlier run has left.
//!
//! ```text
//!  check ─▶ recover, inspect outputs (read only) ─▶ lock ─▶ settle outputs ─▶ claim the next id ─▶ collect ─▶ tasks
//! ```

use super::{
    Job,
    build::{Build, Shared},
    directory::{DirectoryLock, empty_directory, work_directory},
    graph::{Plan, TaskGroup},
    output::{OutputPlan, plan_fresh, plan_restored},
    report::{Outcome, Report},
};
use crate::{
    backends,
    coordinator::{
        Assembly, Checkpoints, Coordinator, CoordinatorParts, Plan as CheckpointPlan, ToCoordinator, delete_all,
    },
    metrics::{Counters, Progress},
    sink::{Committer, ReplayFilter},
    task::{Executor, Mailbox, TaskMessage},
    time::Clock,
};
use crossbeam_channel::{Sender, unbounded};
use gress_core::{CheckpointId, Error, ErrorKind, JobId, Result, TaskId, codec, key_group};
use gress_state::{
    BackendFactory,
    checkpoint::{
        Chain, CheckpointStorage, Collected, Ending, FileNames, LocalStorage, Manifest, Put, Recovered, Retention,
        RunRef, SinkSnapshot, SourceSnapshot, TaskSnapshot, manifest_name, recover,
    },
    run::{RunCursor, RunEntry, UnsortedRun},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Stands for the start of a job in the names of files; no operator can be called so.
const CLAIM: &str = ".claim";

type ToReplay = HashMap<String, BTreeMap<usize, Vec<(u128, u64)>>>;

/// A job whose tasks can be built.
pub(crate) struct Launch {
    pub groups: Vec<TaskGroup>,
    pub builds: Vec<TaskBuild>,
    pub coordinator: Coordinator,
    pub to_coordinator: Sender<ToCoordinator>,
    pub counters: Arc<Counters>,
    pub running: Running,
}

/// One task that is to be built, and its place in the groups.
pub(crate) struct TaskBuild {
    pub group: usize,
    pub build: Build,
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

/// What the read-only look at a job's directories has found.
struct Found {
    recovered: Recovered,
    outputs: Vec<(String, Arc<dyn Committer>, OutputPlan)>,
    highest_output: Option<CheckpointId>,
}

impl Launch {
    pub(crate) fn prepare(job: &Job, executor: Arc<dyn Executor>, clock: Arc<dyn Clock>) -> Result<Started> {
        job.check()?;
        let config = &job.graph.config;
        config.validate(backends::options())?;
        let plan = job.graph.take();
        let factory = backends::factory(config, plan.keyed_tasks())?;
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
            _ => Ok(Started::Ready(Box::new(started.into_launch(job, plan, factory, executor, clock)?))),
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
                let lock = DirectoryLock::create(directory)?;
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
            let next = found.recovered.highest.max(found.highest_output).map_or(CheckpointId(1), CheckpointId::next);
            claim(base, restored_id, next, &found.outputs, storage.as_ref())?
        };
        if !finished {
            if storage.put_if_absent(&manifest_name(claim.id), &claim.to_bytes()?)? == Put::Exists {
                return Err(Error::new(
                    ErrorKind::Locked,
                    format!("another process has claimed checkpoint {}", claim.id),
                ));
            }
            retention.add(&claim);
            sweep(storage.as_ref(), &mut retention)?;
        }
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
        factory: Arc<dyn BackendFactory>,
        executor: Arc<dyn Executor>,
        clock: Arc<dyn Clock>,
    ) -> Result<Launch> {
        let config = &job.graph.config;
        let work_directory =
            work_directory(backends::directory(config).as_deref(), config.checkpoint.directory.as_deref());
        empty_directory(&work_directory)?;
        let (to_coordinator, mailbox) = unbounded();
        let counters = Arc::new(Counters::default());
        let shared = Arc::new(Shared {
            job: self.claim.job,
            epoch: self.claim.epoch,
            batch: config.batch.size,
            factory,
            budget_bytes: backends::table_budget(config, plan.keyed_tasks()),
            work_directory: work_directory.clone(),
            storage: self.checkpoints.as_ref().map(|(storage, _)| storage.clone()),
            executor: executor.clone(),
            clock: clock.clone(),
            counters: counters.clone(),
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
            counters: counters.clone(),
        });
        Ok(Launch { groups: plan.groups, builds, coordinator, to_coordinator, counters, running })
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
            builds.push(TaskBuild {
                group: at,
                build: Build {
                    shared: shared.clone(),
                    task,
                    index,
                    restored,
                    mailbox,
                    restored_operators: RefCell::default(),
                },
            });
        }
    }
    (builds, senders, sources)
}

/// The manifest from which a job without state starts.
fn first_claim(job: &Job, sources: BTreeMap<String, SourceSnapshot>, backend: &str) -> Manifest {
    use std::hash::{BuildHasher, Hasher};
    let config = &job.graph.config;
    // The standard library's hasher is seeded by the operating system's random numbers.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    Manifest {
        job: JobId(random as u32),
        id: CheckpointId(0),
        epoch: 0,
        origin: CheckpointId(0),
        ending: Ending::Running,
        job_name: config.name.clone(),
        backend: backend.to_owned(),
        parallelism: config.parallelism,
        key_groups: key_group::KEY_GROUPS,
        key_hash: key_group::KEY_HASH.to_owned(),
        codec: codec::NAME.to_owned(),
        sources,
        sinks: BTreeMap::new(),
        tasks: Vec::new(),
    }
}

/// Looks at checkpoints and outputs, and refuses what does not fit the job. Changes nothing.
fn look(storage: &dyn CheckpointStorage, plan: &Plan, fresh: &Manifest, directory: &Path) -> Result<Found> {
    let recovered = recover(storage)?;
    if let Some(restored) = &recovered.newest_whole {
        restored.check_formats()?;
        check_job(restored, plan, fresh, directory)?;
    }
    let mut outputs = Vec::new();
    let mut highest_output = None;
    for (name, committer) in plan.sinks.iter().filter_map(|(name, c)| Some((name, c.as_ref()?))) {
        let listing = committer.inspect().map_err(|e| e.at(format!("sink `{name}`")))?;
        let location = committer.location();
        let restored = recovered.newest_whole.as_ref();
        let plan = match restored.and_then(|m| Some((m, m.sinks.get(name)?))) {
            None => plan_fresh(&listing, &location, &directory.display().to_string()),
            Some((manifest, snapshot)) => {
                highest_output = highest_output.max(listing.visible.iter().map(|t| t.checkpoint).max());
                plan_restored(&listing, &location, snapshot, manifest.job, manifest.id)
            }
        };
        outputs.push((name.clone(), committer.clone(), plan?));
    }
    Ok(Found { recovered, outputs, highest_output })
}

/// Whether a checkpoint can be restored into this job.
fn check_job(restored: &Manifest, plan: &Plan, fresh: &Manifest, directory: &Path) -> Result<()> {
    let refused = |what: String| Err(Error::refused(format!("the state in `{}` {what}", directory.display())));
    if restored.backend != fresh.backend {
        return refused(format!(
            "was made on the backend `{}`, the job runs on `{}`: use another state directory",
            restored.backend, fresh.backend
        ));
    }
    if restored.parallelism != fresh.parallelism {
        return refused(format!(
            "was made with parallelism {}, the job has {}: use another state directory",
            restored.parallelism, fresh.parallelism
        ));
    }
    for (name, source) in &restored.sources {
        match fresh.sources.get(name) {
            None => return refused(format!("has the source `{name}`, the job has none of this name")),
            Some(ours) if ours != source => {
                return refused(format!(
                    "was made from another input of the source `{name}`: {} then, {} now",
                    source.fingerprint, ours.fingerprint
                ));
            }
            Some(_) => {}
        }
    }
    if let Some(new) = fresh.sources.keys().find(|name| !restored.sources.contains_key(*name)) {
        return refused(format!("knows nothing of the source `{new}`"));
    }
    for snapshot in &restored.tasks {
        let TaskId { chain, subtask } = &snapshot.task;
        if !plan.groups.iter().any(|group| group.name == *chain && subtask.0 < group.subtasks) {
            return refused(format!("has a task `{}`, the job has none of this name", snapshot.task));
        }
    }
    let sinks: Vec<_> = plan.sinks.iter().filter(|(_, committer)| committer.is_some()).map(|(name, _)| name).collect();
    match restored.sinks.keys().find(|name| !sinks.contains(name)) {
        Some(gone) => refused(format!("has the sink `{gone}`, the job has none of this name")),
        None => Ok(()),
    }
}

/// The manifest with which this start takes the next id: what it goes on from, with its outputs settled.
fn claim(
    base: Manifest,
    restored: Option<CheckpointId>,
    id: CheckpointId,
    outputs: &[(String, Arc<dyn Committer>, OutputPlan)],
    storage: &dyn CheckpointStorage,
) -> Result<(Manifest, ToReplay)> {
    let epoch = base.epoch + 1;
    let mut names = FileNames::new(epoch, &TaskId::new(CLAIM, 0));
    let mut to_replay = ToReplay::new();
    let mut sinks = BTreeMap::new();
    for (name, committer, plan) in outputs {
        let before = base.sinks.get(name).map(|sink| sink.to_replay.clone()).unwrap_or_default();
        let records = records_to_replay(&before, committer.as_ref(), plan, storage)
            .map_err(|e| e.at(format!("sink `{name}`")))?;
        let stored = RunRef::store(replay_run(&records)?, names.next_run(), storage)?;
        if !records.is_empty() {
            to_replay.insert(name.clone(), by_subtask(records));
        }
        let snapshot = SinkSnapshot {
            transactions: plan.transactions,
            bytes: plan.bytes,
            pending: Vec::new(),
            to_replay: Chain { runs: stored.into_iter().collect() },
        };
        sinks.insert(name.clone(), snapshot);
    }
    let origin = restored.map_or(CheckpointId(0), |_| base.origin);
    Ok((Manifest { id, epoch, origin, ending: Ending::Running, sinks, ..base }, to_replay))
}

type Records = BTreeMap<(usize, u128), u64>;

/// Committed records of a sink that will be emitted again: those of the checkpoint, and those beyond it.
fn records_to_replay(
    before: &Chain,
    committer: &dyn Committer,
    plan: &OutputPlan,
    storage: &dyn CheckpointStorage,
) -> Result<Records> {
    let mut records = Records::new();
    let mut content = before.content(storage)?;
    while let Some(entry) = content.next()? {
        let damaged = || Error::damaged("the records to replay are not as they were written");
        let RunEntry::Put { key, value } = entry else { return Err(damaged()) };
        let (subtask, digest) = key.split_first_chunk::<2>().ok_or_else(damaged)?;
        let digest: [u8; 16] = digest.try_into().map_err(|_| damaged())?;
        let count: [u8; 8] = value.try_into().map_err(|_| damaged())?;
        let key = (u16::from_be_bytes(*subtask).into(), u128::from_be_bytes(digest));
        *records.entry(key).or_default() += u64::from_be_bytes(count);
    }
    for (name, subtask) in &plan.replayed {
        committer.records(name, &mut |digest| *records.entry((*subtask, digest)).or_default() += 1)?;
    }
    Ok(records)
}

fn replay_run(records: &Records) -> Result<UnsortedRun> {
    let mut run = UnsortedRun::default();
    for ((subtask, digest), count) in records {
        ReplayFilter::entry(*subtask, *digest, *count, &mut run)?;
    }
    Ok(run)
}

fn by_subtask(records: Records) -> BTreeMap<usize, Vec<(u128, u64)>> {
    let mut by_subtask = BTreeMap::<_, Vec<_>>::new();
    for ((subtask, digest), count) in records {
        by_subtask.entry(subtask).or_default().push((digest, count));
    }
    by_subtask
}
