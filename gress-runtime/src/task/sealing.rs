//! A task's part in checkpoints: from the barrier to the acknowledgement.
//!
//! ```text
//!  barrier ─▶ begin ─▶ encode (slices, between batches) ─▶ submit: store runs ─┐
//!               └────▶ submit: prepare transactions ───────────────────────────┴─▶ all done ─▶ acknowledge
//! ```

use super::{
    executor::{Executor, catch_panic},
    mailbox::TaskMessage,
};
use crate::{
    coordinator::ToCoordinator,
    metrics::SealMeter,
    operator::{ChainSeal, SealedSink},
};
use crossbeam_channel::Sender;
use gress_core::{Barrier, CheckpointId, Result, StateName, TaskId};
use gress_state::{
    StateDescription, TaskState,
    checkpoint::{
        Chain, CheckpointStorage, FileNames, OperatorState, PendingTransaction, RunRef, StateSnapshot, TaskSnapshot,
        plan_fold,
    },
    run::UnsortedRun,
    ttl::Expiry,
};
use std::{
    collections::{HashMap, VecDeque},
    ops::{AddAssign, Range},
    sync::Arc,
    time::Duration,
};

/// Entries of each state that one step encodes for a checkpoint at most.
const SLICE_ENTRIES: usize = 4096;
/// How long a step goes on encoding, whatever entries take: events wait for it.
const SLICE_TIME: Duration = Duration::from_micros(50);
/// Entries of each state that are encoded between two looks at the clock.
const PIECE_ENTRIES: usize = 64;

/// What a task contributes to a checkpoint, all of it durable.
#[derive(Debug)]
pub(crate) struct SealedCheckpoint {
    pub id: CheckpointId,
    pub snapshot: TaskSnapshot,
    /// Per sink in the task's chain: its name, its transaction, and what of its committed output must still be replayed.
    pub sinks: Vec<(String, Option<PendingTransaction>, Chain)>,
    /// When all of it was encoded, by the job's clock.
    pub sealed_at: Duration,
    pub written: Written,
}

/// What was written for a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Runs, those of folds included, and output.
    pub bytes: u64,
    /// New runs.
    pub runs: u64,
    /// Runs that folds have merged into others.
    pub folded_runs: u64,
}

impl AddAssign for Written {
    fn add_assign(&mut self, more: Written) {
        self.bytes += more.bytes;
        self.runs += more.runs;
        self.folded_runs += more.folded_runs;
    }
}

/// A run, unless it is empty, and what its entries were in.
type Stored = (Option<RunRef>, Option<UnsortedRun>);

/// The end of a piece of work that [`Sealing`] submitted.
pub(crate) enum Completion {
    /// A run of a state is stored.
    Stored { state: usize, ticket: u64, stored: Result<Stored> },
    /// A transaction is prepared, and what must be replayed is stored.
    Prepared { sink: String, outcome: Result<(Option<PendingTransaction>, Option<RunRef>)> },
    /// Runs of a state were merged.
    Folded { state: usize, runs: Range<usize>, outcome: Result<Option<RunRef>> },
}

/// What was sealed of a state, stored and emptied: for [`TaskState::take_back`].
pub(crate) struct Emptied {
    pub state: usize,
    pub entries: UnsortedRun,
}

/// Where the parts of a checkpoint go, and where their ends are told.
pub(crate) struct Submit {
    pub executor: Arc<dyn Executor>,
    pub storage: Arc<dyn CheckpointStorage>,
    pub mailbox: Sender<TaskMessage>,
}

impl Submit {
    fn work(&self, work: impl FnOnce(&dyn CheckpointStorage) -> Completion + Send + 'static) {
        let (storage, mailbox) = (self.storage.clone(), self.mailbox.clone());
        self.executor.submit(Box::new(move || {
            let completion = work(storage.as_ref());
            // A task that is gone needs no answer.
            let _ = mailbox.send(TaskMessage::Submitted(completion));
        }));
    }
}

/// One keyed state and its runs.
struct StateRuns {
    name: StateName,
    description: StateDescription,
    /// When its entries expire, if they do.
    expiry: Option<Arc<Expiry>>,
    /// Runs of the last checkpoint.
    chain: Chain,
    /// Runs since, in the order in which they hide each other.
    arriving: VecDeque<Arriving>,
    folding: bool,
}

/// A run that is being stored, or waits for older ones.
struct Arriving {
    ticket: u64,
    /// Memory that it takes until it is stored.
    bytes: usize,
    /// `None` while it is being stored; `Some(None)` if it turned out to be empty.
    stored: Option<Option<RunRef>>,
}

/// A checkpoint that this task has not acknowledged yet.
struct Pending {
    barrier: Barrier,
    operators: Vec<OperatorState>,
    /// Tickets up to this one belong to the checkpoint.
    last_ticket: u64,
    encoded: bool,
    sealed_at: Duration,
    sinks_outstanding: usize,
    sinks: Vec<(String, Option<PendingTransaction>, Chain)>,
}

/// The checkpoints of one task.
pub(crate) struct Sealing {
    task: TaskId,
    index: usize,
    names: FileNames,
    submit: Option<Submit>,
    coordinator: Sender<ToCoordinator>,
    states: Vec<StateRuns>,
    /// Memory of runs that are being stored.
    storing_bytes: usize,
    next_ticket: u64,
    pending: Option<Pending>,
    /// What was written since the last acknowledgement and belongs to no run of a state.
    written: Written,
    meter: SealMeter,
}

impl Sealing {
    /// `submit` is `None` for a job without checkpoints.
    pub(crate) fn new(
        task: TaskId,
        index: usize,
        epoch: u64,
        submit: Option<Submit>,
        coordinator: Sender<ToCoordinator>,
        meter: SealMeter,
    ) -> Self {
        let (names, written) = (FileNames::new(epoch, &task), Written::default());
        Sealing {
            task,
            index,
            names,
            submit,
            coordinator,
            states: Vec::new(),
            storing_bytes: 0,
            next_ticket: 0,
            pending: None,
            written,
            meter,
        }
    }

    /// The time, by the job's clock.
    pub(crate) fn now(&self) -> Duration {
        self.meter.now()
    }

    /// Memory of all runs that are being stored. It falls by itself: what stores them waits for nothing that a task does.
    pub(crate) fn storing_bytes(&self) -> usize {
        self.storing_bytes
    }

    /// Of each state: memory of runs that are being stored, and number and bytes of the runs in the last checkpoint.
    pub(crate) fn chains(&self) -> impl Iterator<Item = (usize, usize, u64)> + '_ {
        self.states.iter().map(|StateRuns { chain, arriving, .. }| {
            let storing = arriving.iter().filter(|a| a.stored.is_none()).map(|a| a.bytes).sum();
            (storing, chain.runs.len(), chain.runs.iter().map(|run| run.summary.bytes).sum())
        })
    }

    /// Whether the job takes checkpoints.
    pub(crate) fn enabled(&self) -> bool {
        self.submit.is_some()
    }

    /// Declares the task's states, and fills them from the checkpoint that the job goes on from.
    pub(crate) fn restore(&mut self, state: &mut TaskState, restored: Option<&TaskSnapshot>) -> Result<()> {
        // What cannot be read is refused before anything is rewritten.
        let mut conversions = HashMap::new();
        for stored in restored.iter().flat_map(|task| &task.states) {
            conversions.insert(&stored.name, state.conversion(&stored.name, &stored.description)?);
        }
        for ((name, description), expiry) in state.describe().into_iter().zip(state.expiries()) {
            let stored = restored.iter().flat_map(|task| &task.states).find(|stored| stored.name == name);
            let mut chain = stored.map(|stored| stored.chain.clone()).unwrap_or_default();
            if let (Some(submit), false) = (&self.submit, chain.runs.is_empty()) {
                let storage = submit.storage.as_ref();
                if let Some(Some(conversion)) = conversions.get(&name) {
                    // The next checkpoint says that all values are of the new kind: so they are, before anything is read.
                    let convert = |stored: &[u8], into: &mut Vec<u8>| conversion.convert(stored, into);
                    let rewritten = chain.rewrite(&self.names.next_run(), storage, convert);
                    chain = rewritten.map_err(|e| e.at(format!("state `{name}`")))?;
                }
                state.restore(&name, &mut chain.content(storage)?)?;
            }
            self.states.push(StateRuns { name, description, expiry, chain, arriving: VecDeque::new(), folding: false });
        }
        Ok(())
    }

    /// Begins a checkpoint: the barrier has passed through the task's chain, into which it went at `since`.
    pub(crate) fn begin(&mut self, seal: ChainSeal, since: Duration) {
        let Some(submit) = &self.submit else { return };
        for state in &mut self.states {
            state.arriving.push_back(Arriving { ticket: self.next_ticket, bytes: 0, stored: None });
        }
        let last_ticket = self.next_ticket;
        self.next_ticket += 1;
        let sinks_outstanding = seal.sinks.len();
        for SealedSink { name, prepare, mut to_replay } in seal.sinks {
            let file = self.names.next_run();
            submit.work(move |storage| {
                let outcome = catch_panic(|| {
                    let transaction = prepare.map(|prepare| prepare()).transpose()?;
                    Ok((transaction, RunRef::store(&mut to_replay, file, storage)?))
                });
                Completion::Prepared { sink: name, outcome }
            });
        }
        let (barrier, operators) = (seal.barrier, seal.operators);
        let encoded = self.states.is_empty();
        self.meter.paused(since);
        if encoded {
            self.meter.sealed();
        }
        let (sinks, sealed_at) = (Vec::new(), self.meter.now());
        self.pending = Some(Pending { barrier, operators, last_ticket, encoded, sealed_at, sinks_outstanding, sinks });
    }

    /// Encodes a slice of the checkpoint under way, if there is one; `true` if it did something.
    pub(crate) fn encode(&mut self, state: &mut TaskState) -> Result<bool> {
        let (Some(pending), Some(submit)) = (&mut self.pending, &self.submit) else { return Ok(false) };
        if pending.encoded {
            return Ok(false);
        }
        let since = self.meter.now();
        let mut pieces = SLICE_ENTRIES / PIECE_ENTRIES;
        let all_encoded = loop {
            let all_encoded = state.seal_slice(PIECE_ENTRIES)?;
            pieces -= 1;
            if all_encoded || pieces == 0 || self.meter.now().saturating_sub(since) >= SLICE_TIME {
                break all_encoded;
            }
        };
        if all_encoded {
            pending.encoded = true;
            for (at, mut sealed) in state.take_sealed().into_iter().enumerate() {
                let (name, ticket) = (self.names.next_run(), pending.last_ticket);
                if let Some(arriving) = self.states[at].arriving.iter_mut().find(|a| a.ticket == ticket) {
                    arriving.bytes = sealed.memory_bytes();
                    self.storing_bytes += arriving.bytes;
                }
                store(submit, at, ticket, move |storage| {
                    Ok((RunRef::store(&mut sealed, name, storage)?, Some(sealed)))
                });
            }
            pending.sealed_at = self.meter.now();
        }
        self.meter.paused(since);
        if pending.encoded {
            self.meter.sealed();
        }
        Ok(true)
    }

    /// Adds runs that the task has spilled to its next checkpoint.
    pub(crate) fn spilled(&mut self, runs: Vec<(usize, Vec<u8>)>) {
        let Some(submit) = &self.submit else { return };
        for (at, bytes) in runs {
            let (name, ticket) = (self.names.next_run(), self.next_ticket);
            self.next_ticket += 1;
            self.storing_bytes += bytes.len();
            self.states[at].arriving.push_back(Arriving { ticket, bytes: bytes.len(), stored: None });
            store(submit, at, ticket, move |storage| {
                let run = RunRef::store_bytes(bytes, name, storage)?;
                Ok((Some(run), None))
            });
        }
    }

    /// Takes the end of a piece of work. Gives what it has emptied.
    pub(crate) fn complete(&mut self, completion: Completion) -> Result<Option<Emptied>> {
        let mut given_back = None;
        match completion {
            Completion::Stored { state, ticket, stored } => {
                let (run, emptied) = stored?;
                given_back = emptied.map(|entries| Emptied { state, entries });
                let arriving = self.states[state].arriving.iter_mut().find(|a| a.ticket == ticket);
                if let Some(arriving) = arriving {
                    self.storing_bytes -= arriving.bytes;
                    arriving.stored = Some(run);
                }
            }
            Completion::Prepared { sink, outcome } => {
                let (transaction, to_replay) = outcome.map_err(|e| e.at(format!("sink `{sink}`")))?;
                if let Some(pending) = &mut self.pending {
                    pending.sinks_outstanding -= 1;
                    self.written.bytes += transaction.as_ref().map_or(0, |t| t.bytes);
                    self.written.bytes += to_replay.as_ref().map_or(0, |run| run.summary.bytes);
                    pending.sinks.push((sink, transaction, Chain { runs: to_replay.into_iter().collect() }));
                }
            }
            Completion::Folded { state, runs, outcome } => {
                let state = &mut self.states[state];
                let folded = outcome?;
                state.folding = false;
                self.written.bytes += folded.as_ref().map_or(0, |run| run.summary.bytes);
                self.written.folded_runs += runs.len() as u64;
                state.chain.replace(runs, folded);
            }
        }
        self.acknowledge_if_done();
        Ok(given_back)
    }

    /// Acknowledges the checkpoint under way once all its parts are durable.
    pub(crate) fn acknowledge_if_done(&mut self) {
        let Some(pending) = &self.pending else { return };
        let stored = |arriving: &Arriving| arriving.ticket > pending.last_ticket || arriving.stored.is_some();
        let all_stored = self.states.iter().all(|state| state.arriving.iter().all(stored));
        if !pending.encoded || pending.sinks_outstanding > 0 || !all_stored {
            return;
        }
        let Some(pending) = self.pending.take() else { return };
        let mut written = std::mem::take(&mut self.written);
        for state in &mut self.states {
            while state.arriving.front().is_some_and(|a| a.ticket <= pending.last_ticket) {
                let Some(run) = state.arriving.pop_front().and_then(|a| a.stored.flatten()) else { continue };
                written += Written { bytes: run.summary.bytes, runs: 1, folded_runs: 0 };
                state.chain.runs.push(run);
            }
        }
        let state = |state: &StateRuns| StateSnapshot {
            name: state.name.clone(),
            description: state.description.clone(),
            chain: state.chain.clone(),
        };
        let snapshot = TaskSnapshot {
            task: self.task.clone(),
            operators: pending.operators,
            states: self.states.iter().map(state).collect(),
        };
        let (id, sinks, sealed_at) = (pending.barrier.id, pending.sinks, pending.sealed_at);
        let sealed = SealedCheckpoint { id, snapshot, sinks, sealed_at, written };
        // A coordinator that is gone has ended the job.
        let _ = self.coordinator.send(ToCoordinator::Acknowledged { task: self.index, sealed });
    }

    /// A checkpoint is complete: chains that have grown long are folded in the background.
    pub(crate) fn completed(&mut self) {
        let Some(submit) = &self.submit else { return };
        for (at, state) in self.states.iter_mut().enumerate().filter(|(_, state)| !state.folding) {
            let sizes: Vec<_> = state.chain.runs.iter().map(|run| run.summary.bytes).collect();
            let Some(runs) = plan_fold(&sizes) else { continue };
            state.folding = true;
            let (chain, name, expiry) = (state.chain.clone(), self.names.next_run(), state.expiry.clone());
            submit.work(move |storage| {
                let outcome = catch_panic(|| chain.fold(runs.clone(), &name, storage, expiry.as_deref()));
                Completion::Folded { state: at, runs, outcome }
            });
        }
    }

    /// Whether submitted work is still under way.
    pub(crate) fn busy(&self) -> bool {
        self.pending.is_some() || self.states.iter().any(|s| s.folding || s.arriving.iter().any(|a| a.stored.is_none()))
    }

    /// Tells the coordinator that all inputs of the task have ended and what they caused is handed on.
    pub(crate) fn report_end(&self) {
        let _ = self.coordinator.send(ToCoordinator::Ended { task: self.index });
    }
}

fn store(
    submit: &Submit,
    state: usize,
    ticket: u64,
    work: impl FnOnce(&dyn CheckpointStorage) -> Result<Stored> + Send + 'static,
) {
    submit.work(move |storage| Completion::Stored { state, ticket, stored: catch_panic(|| work(storage)) });
}
