//! Executes the coordinator's commands: sends triggers, submits manifests, commits and deletions.

use super::{
    Assembly, SinkCommitter, ToCoordinator,
    machine::{Command, Machine, Plan},
    phases::Phases,
};
use crate::{
    metrics::{CheckpointDone, JobMetrics, Progress},
    task::{Executor, TaskMessage, catch_panic},
    time::Clock,
};
use crossbeam_channel::{Receiver, Sender};
use gress_core::{Barrier, BarrierKind, CheckpointId, Error, ErrorKind, Result};
use gress_state::checkpoint::{CheckpointStorage, Collected, PendingTransaction, Put, Retention, manifest_name};
use std::{sync::Arc, time::Duration};

/// How often the coordinator looks up where nothing happens, to publish how old the newest checkpoint is.
const TICK: Duration = Duration::from_secs(1);

/// How a job's run ended, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its input has ended and everything is committed.
    Finished,
    /// It was told to stop; this is its last checkpoint, if it takes any.
    Stopped(Option<CheckpointId>),
}

/// Where checkpoints go.
pub(crate) struct Checkpoints {
    pub storage: Arc<dyn CheckpointStorage>,
    pub assembly: Assembly,
    pub retention: Retention,
    pub committers: Vec<SinkCommitter>,
}

/// The coordinator of a running job. It is stepped like a task.
pub(crate) struct Coordinator {
    machine: Machine,
    checkpoints: Option<Checkpoints>,
    mailbox: Receiver<ToCoordinator>,
    /// For answers of the executor.
    answers: Sender<ToCoordinator>,
    tasks: Vec<Sender<TaskMessage>>,
    /// Indices of the tasks that are sources.
    sources: Vec<usize>,
    executor: Arc<dyn Executor>,
    clock: Arc<dyn Clock>,
    metrics: Arc<JobMetrics>,
    phases: Phases,
    collecting: bool,
    live_tasks: usize,
    stopped_at: Option<CheckpointId>,
    stopping: bool,
    /// Tasks were told to end: that one of them is gone is no failure any more.
    shutting_down: bool,
    failure: Option<Error>,
}

/// What a coordinator is made of.
pub(crate) struct CoordinatorParts {
    pub plan: Plan,
    pub checkpoints: Option<Checkpoints>,
    pub mailbox: (Sender<ToCoordinator>, Receiver<ToCoordinator>),
    pub tasks: Vec<Sender<TaskMessage>>,
    pub sources: Vec<usize>,
    pub executor: Arc<dyn Executor>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<JobMetrics>,
}

impl Coordinator {
    pub(crate) fn new(parts: CoordinatorParts) -> Self {
        let now = parts.clock.now();
        Coordinator {
            machine: Machine::new(parts.plan, now),
            checkpoints: parts.checkpoints,
            mailbox: parts.mailbox.1,
            answers: parts.mailbox.0,
            live_tasks: parts.tasks.len(),
            tasks: parts.tasks,
            sources: parts.sources,
            executor: parts.executor,
            clock: parts.clock,
            metrics: parts.metrics,
            phases: Phases::begin(now),
            collecting: false,
            stopped_at: None,
            stopping: false,
            shutting_down: false,
            failure: None,
        }
    }

    /// Runs until all tasks have ended, waiting for messages.
    pub(crate) fn run(mut self) -> Result<Ended> {
        while !self.step() {
            // A job that has failed only waits for its tasks: no checkpoint is due any more.
            let due = self.machine.due().filter(|_| self.failure.is_none());
            let timeout = due.map_or(TICK, |due| due.saturating_sub(self.clock.now()).min(TICK));
            if let Ok(message) = self.mailbox.recv_timeout(timeout) {
                self.handle(message);
            }
        }
        self.outcome()
    }

    /// Handles the messages that are there, and begins what is due. `true` once all tasks have ended.
    pub(crate) fn step(&mut self) -> bool {
        while let Ok(message) = self.mailbox.try_recv() {
            self.handle(message);
        }
        if self.failure.is_none()
            && let Some(command) = self.machine.tick(self.clock.now())
        {
            self.execute(command);
        }
        if self.checkpoints.is_some() {
            self.metrics.tick();
        }
        self.live_tasks == 0 && !self.collecting
    }

    /// How the run ended.
    pub(crate) fn outcome(self) -> Result<Ended> {
        self.log_end();
        match self.failure {
            Some(error) => Err(error),
            None if self.stopping => Ok(Ended::Stopped(self.stopped_at)),
            None => Ok(Ended::Finished),
        }
    }

    /// One line, whether anybody waits for the job or not. What the error says is what the caller gets too.
    fn log_end(&self) {
        let Progress { events, late, skipped, checkpoints, .. } = self.metrics.progress();
        let (job, ms) = (self.metrics.job(), self.clock.now().as_secs_f64() * 1e3);
        match &self.failure {
            Some(error) => {
                let kind = error.kind();
                tracing::error!(job, ?kind, %error, events, late, skipped, checkpoints, ms, "job failed");
            }
            None => {
                let (outcome, last) =
                    (if self.stopping { "stopped" } else { "finished" }, self.stopped_at.map(|id| id.0));
                tracing::info!(job, outcome, checkpoint = last, events, late, skipped, checkpoints, ms, "job ended");
            }
        }
    }

    fn handle(&mut self, message: ToCoordinator) {
        let command = match message {
            ToCoordinator::Acknowledged { task, sealed } => {
                let id = sealed.id;
                self.phases.acknowledged(sealed.sealed_at, sealed.written);
                if let Some(checkpoints) = &mut self.checkpoints {
                    checkpoints.assembly.add(task, sealed);
                }
                self.machine.acknowledged(task, id)
            }
            ToCoordinator::Ended { task } => {
                self.machine.ended(task);
                None
            }
            ToCoordinator::Stop => {
                self.machine.stop();
                None
            }
            ToCoordinator::Published { id, outcome } => match outcome {
                Ok(Put::Done) => self.machine.published(id),
                Ok(Put::Exists) => {
                    return self.fail(Error::new(
                        ErrorKind::Locked,
                        format!("another process has put checkpoint {id}: it has taken the job over"),
                    ));
                }
                Err(error) => return self.fail(error.at(format!("checkpoint {id}"))),
            },
            ToCoordinator::Committed { id, outcome } => match outcome {
                Ok(()) => self.machine.committed(id),
                Err(error) => {
                    return self.fail(error.at(format!("checkpoint {id} is complete, but its commit failed")));
                }
            },
            ToCoordinator::Collected { outcome } => {
                self.collecting = false;
                if let Err(error) = outcome {
                    // Only space is lost: the files are collected when the job starts again.
                    self.metrics.collect_failed();
                    tracing::warn!(job = self.metrics.job(), %error, "cannot delete old checkpoints");
                }
                None
            }
            ToCoordinator::Failed { error } => return self.fail(error),
            ToCoordinator::Exited => {
                self.live_tasks -= 1;
                None
            }
        };
        if let Some(command) = command.filter(|_| self.failure.is_none()) {
            self.execute(command);
        }
    }

    /// Ends the job. The first failure counts, unless it is only that another task is gone: then the cause is yet to come.
    fn fail(&mut self, error: Error) {
        if self.shutting_down && error.kind() == ErrorKind::TaskGone {
            return;
        }
        let known = self.failure.as_ref().map(Error::kind);
        if known.is_none() {
            if self.machine.is_under_way() {
                self.metrics.checkpoint_failed();
            }
            self.send_to_all(|| TaskMessage::Abort);
        }
        if known.is_none_or(|kind| kind == ErrorKind::TaskGone) {
            self.metrics.health.failed(error.kind());
            self.failure = Some(error);
        }
    }

    fn send_to_all(&self, message: impl Fn() -> TaskMessage) {
        // A task that is gone needs no message.
        self.tasks.iter().for_each(|task| drop(task.send(message())));
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Trigger(barrier) => {
                self.phases = Phases::begin(self.clock.now());
                self.stopping |= barrier.kind == BarrierKind::Stop;
                for source in &self.sources {
                    drop(self.tasks[*source].send(TaskMessage::Trigger(barrier)));
                }
            }
            Command::Publish(barrier) => self.publish(barrier),
            Command::Commit(id) => self.commit(id),
            Command::Complete(barrier) => self.complete(barrier),
            Command::Shutdown => {
                self.shutting_down = true;
                self.metrics.health.over();
                self.stopping |= !self.machine.all_ended();
                self.send_to_all(|| TaskMessage::Shutdown);
            }
        }
    }

    fn publish(&mut self, barrier: Barrier) {
        let Some(checkpoints) = &mut self.checkpoints else { return };
        self.phases.stored(self.clock.now());
        let bytes = checkpoints.assembly.finish(barrier).to_bytes();
        let (storage, answers, id) = (checkpoints.storage.clone(), self.answers.clone(), barrier.id);
        self.executor.submit(Box::new(move || {
            let put = |bytes: Vec<u8>| storage.put_if_absent(&manifest_name(id), &bytes);
            let outcome = catch_panic(|| bytes.and_then(put));
            drop(answers.send(ToCoordinator::Published { id, outcome }));
        }));
    }

    fn commit(&mut self, id: CheckpointId) {
        let Some(checkpoints) = &self.checkpoints else { return };
        self.phases.published(self.clock.now());
        let commits = checkpoints.assembly.commits(&checkpoints.committers);
        let answers = self.answers.clone();
        self.executor.submit(Box::new(move || {
            let commit = |((name, committer), pending): (SinkCommitter, Vec<PendingTransaction>)| {
                committer.commit(&pending).map_err(|e| e.at(format!("sink `{name}`")))
            };
            let outcome = catch_panic(|| commits.into_iter().try_for_each(commit));
            drop(answers.send(ToCoordinator::Committed { id, outcome }));
        }));
    }

    fn complete(&mut self, barrier: Barrier) {
        let id = barrier.id;
        let state_bytes = self.checkpoints.as_ref().map_or(0, |c| c.assembly.last().state_bytes());
        let done = self.phases.committed(id, state_bytes, self.clock.now());
        self.metrics.checkpoint(&done);
        log_checkpoint(self.metrics.job(), barrier.kind, &done);
        self.stopped_at = Some(id);
        self.send_to_all(|| TaskMessage::Completed);
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.retention.add(checkpoints.assembly.last());
            if !self.collecting {
                let collected = checkpoints.retention.collect();
                let storage = checkpoints.storage.clone();
                self.collect(collected, storage);
            }
        }
        if let Some(command) = self.machine.completed(barrier) {
            self.execute(command);
        }
    }

    fn collect(&mut self, collected: Collected, storage: Arc<dyn CheckpointStorage>) {
        if collected == Collected::default() {
            return;
        }
        self.collecting = true;
        let answers = self.answers.clone();
        self.executor.submit(Box::new(move || {
            let outcome = catch_panic(|| delete_all(storage.as_ref(), &collected));
            drop(answers.send(ToCoordinator::Collected { outcome }));
        }));
    }
}

/// One line for each checkpoint, with its phases.
fn log_checkpoint(job: &str, kind: BarrierKind, done: &CheckpointDone) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    tracing::info!(
        job,
        checkpoint = done.id.0,
        ?kind,
        seal_ms = ms(done.seal),
        upload_ms = ms(done.upload),
        publish_ms = ms(done.publish),
        commit_ms = ms(done.commit),
        total_ms = ms(done.total()),
        written_bytes = done.written.bytes,
        runs = done.written.runs,
        folded_runs = done.written.folded_runs,
        state_bytes = done.state_bytes,
        "checkpoint complete"
    );
}

/// Deletes checkpoints: manifests first, so that none ever names a file that is gone.
pub(crate) fn delete_all(storage: &dyn CheckpointStorage, collected: &Collected) -> Result<()> {
    collected.manifests.iter().chain(&collected.files).try_for_each(|name| storage.delete(name))
}
