//! What a task is built from, on the thread that will step it.

use crate::{
    coordinator::ToCoordinator,
    metrics::{JobMetrics, Metered, Pulse, TaskCounts},
    sink::{ReplayFilter, WriterContext},
    task::{Executor, Mailbox, Sealing, Submit, Task, TaskMessage},
    time::Clock,
};
use crossbeam_channel::{Receiver, Sender};
use gress_core::{Error, JobId, Result, TaskId};
use gress_state::{
    BackendFactory, TaskBackend, TaskState, WallClock,
    checkpoint::{CheckpointStorage, TaskSnapshot},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
};

/// Makes one subtask of a chain.
pub(crate) type BuildTask = Box<dyn Fn(&Build) -> Result<Box<dyn Task>> + Send + Sync>;

/// What all tasks of a running job share.
pub(crate) struct Shared {
    pub job: JobId,
    pub epoch: u64,
    pub batch: usize,
    pub factory: Arc<dyn BackendFactory>,
    /// Memory for live values of one keyed task.
    pub budget_bytes: usize,
    /// What a task's runs may take until they are stored.
    pub run_bytes: usize,
    pub work_directory: PathBuf,
    /// `None`: the job takes no checkpoints.
    pub storage: Option<Arc<dyn CheckpointStorage>>,
    pub executor: Arc<dyn Executor>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<JobMetrics>,
    /// The time of day, for entries that expire by it.
    pub wall_clock: Arc<dyn WallClock>,
    pub coordinator: Sender<ToCoordinator>,
    /// By sink and subtask: digests and counts of committed records that will be emitted again.
    pub to_replay: HashMap<String, BTreeMap<usize, Vec<(u128, u64)>>>,
}

/// What one task is built from.
pub(crate) struct Build {
    pub shared: Arc<Shared>,
    pub task: TaskId,
    pub index: usize,
    pub restored: Option<TaskSnapshot>,
    pub mailbox: Mailbox,
    /// Operators that have asked for what they had left in the checkpoint.
    pub restored_operators: RefCell<BTreeSet<String>>,
    pub counts: Arc<TaskCounts>,
    pulse: Arc<Pulse>,
}

impl Build {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        task: TaskId,
        index: usize,
        restored: Option<TaskSnapshot>,
        mailbox: Mailbox,
    ) -> Self {
        let (counts, pulse) = shared.metrics.add_task(&task);
        let (shared, restored_operators) = (shared.clone(), RefCell::default());
        Build { shared, task, index, restored, mailbox, restored_operators, counts, pulse }
    }

    pub(crate) fn subtask(&self) -> usize {
        self.task.subtask.0
    }

    pub(crate) fn mailbox(&self) -> Receiver<TaskMessage> {
        self.mailbox.receiver.clone()
    }

    /// The numbers that an operator of the task had left in the checkpoint, by source partition.
    pub(crate) fn restored_operator(&self, name: &str) -> BTreeMap<usize, i64> {
        self.restored_operators.borrow_mut().insert(name.to_owned());
        let operators = self.restored.iter().flat_map(|task| &task.operators);
        operators.filter(|operator| operator.name == name).map(|o| o.values.clone()).next().unwrap_or_default()
    }

    /// Refuses a checkpoint that holds something of an operator which the job does not have.
    pub(crate) fn check_restored_operators(&self) -> Result<()> {
        let asked = self.restored_operators.borrow();
        let operators = self.restored.iter().flat_map(|task| &task.operators);
        match operators.map(|operator| &operator.name).find(|name| !asked.contains(*name)) {
            None => Ok(()),
            Some(name) => Err(Error::refused(format!(
                "the checkpoint holds `{name}` of the task `{}`, the job has no such operator",
                self.task
            ))),
        }
    }

    /// The keyed state of an operator, still empty and without handles.
    pub(crate) fn state(&self, operator: &str) -> TaskState {
        let directory = self.shared.work_directory.join(format!("{}-{}", self.task.chain, self.task.subtask));
        let backend = TaskBackend::new(self.shared.factory.clone(), directory);
        let state = TaskState::new(operator, backend, self.shared.budget_bytes).with_run_bytes(self.shared.run_bytes);
        if self.shared.storage.is_some() { state.with_seals() } else { state }
    }

    pub(crate) fn sealing(&self) -> Sealing {
        let shared = &self.shared;
        let submit = shared.storage.clone().map(|storage| Submit {
            executor: shared.executor.clone(),
            storage,
            mailbox: self.mailbox.sender.clone(),
        });
        let meter = shared.metrics.seal_meter(&self.task.chain);
        Sealing::new(self.task.clone(), self.index, shared.epoch, submit, shared.coordinator.clone(), meter)
    }

    /// Declares the states of the task, and fills them from the checkpoint that the job goes on from.
    pub(crate) fn restore(&self, sealing: &mut Sealing, state: &mut TaskState) -> Result<()> {
        let since = self.shared.clock.now();
        sealing.restore(state, self.restored.as_ref())?;
        let chains = self.restored.iter().flat_map(|task| &task.states).map(|state| &state.chain);
        let runs: Vec<_> = chains.flat_map(|chain| &chain.runs).collect();
        if !runs.is_empty() {
            let took = self.shared.clock.now().saturating_sub(since);
            tracing::info!(
                job = self.shared.metrics.job(),
                task = %self.task,
                runs = runs.len(),
                bytes = runs.iter().map(|run| run.summary.bytes).sum::<u64>(),
                entries = state.entries(),
                ms = took.as_secs_f64() * 1e3,
                "state restored"
            );
        }
        Ok(())
    }

    /// The task with its meter: it is built, and well from now on.
    pub(crate) fn metered(&self, task: Box<dyn Task>, is_source: bool) -> Box<dyn Task> {
        let job = self.shared.metrics.clone();
        let (metrics, clock) = (job.task(&self.task, is_source), self.shared.clock.clone());
        Box::new(Metered::new(task, job, (self.counts.clone(), self.pulse.clone()), metrics, clock))
    }

    pub(crate) fn writer_context(&self, sink: &str) -> WriterContext {
        let records = self.shared.to_replay.get(sink).and_then(|by_subtask| by_subtask.get(&self.subtask()));
        let replay = records.map(|records| {
            let mut filter = ReplayFilter::default();
            records.iter().for_each(|(digest, count)| filter.add(*digest, *count));
            Rc::new(RefCell::new(filter))
        });
        WriterContext { job: self.shared.job, epoch: self.shared.epoch, subtask: self.subtask(), replay }
    }
}
