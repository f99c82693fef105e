//! The data of checkpoints: parts come from tasks, a manifest and commits go out.

use crate::{sink::Committer, task::SealedCheckpoint};
use gress_core::{Barrier, BarrierKind};
use gress_state::checkpoint::{Ending, Manifest, PendingTransaction, SinkSnapshot, TaskSnapshot};
use std::{collections::BTreeMap, sync::Arc};

/// A sink's name and what commits its transactions.
pub(crate) type SinkCommitter = (String, Arc<dyn Committer>);

/// Collects the parts of the checkpoint under way.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// The manifest before: what does not change from one to the next is copied from it.
    last: Manifest,
    tasks: BTreeMap<usize, TaskSnapshot>,
    pending: BTreeMap<String, SinkSnapshot>,
}

impl Assembly {
    /// Goes on from the claim with which the job has started.
    pub(crate) fn new(claim: Manifest) -> Self {
        Assembly { last: claim, tasks: BTreeMap::new(), pending: BTreeMap::new() }
    }

    /// The newest manifest.
    pub(crate) fn last(&self) -> &Manifest {
        &self.last
    }

    /// Adds a task's part.
    pub(crate) fn add(&mut self, task: usize, sealed: SealedCheckpoint) {
        self.tasks.insert(task, sealed.snapshot);
        for (sink, transaction, to_replay) in sealed.sinks {
            let part = self.pending.entry(sink).or_default();
            part.pending.extend(transaction);
            part.to_replay.runs.extend(to_replay.runs);
        }
    }

    /// The manifest of the checkpoint whose parts are all there.
    pub(crate) fn finish(&mut self, barrier: Barrier) -> &Manifest {
        let tasks = std::mem::take(&mut self.tasks).into_values();
        let said_something = |task: &TaskSnapshot| !task.operators.is_empty() || !task.states.is_empty();
        let mut pending = std::mem::take(&mut self.pending);
        let manifest = &mut self.last;
        manifest.id = barrier.id;
        manifest.origin = barrier.id;
        manifest.tasks = tasks.filter(said_something).collect();
        manifest.ending = match barrier.kind {
            BarrierKind::Periodic => Ending::Running,
            BarrierKind::Stop => Ending::Stopped,
            BarrierKind::Last => Ending::Finished,
        };
        for (name, sink) in &mut manifest.sinks {
            let part = pending.remove(name).unwrap_or_default();
            sink.transactions += part.pending.len() as u64;
            sink.bytes += part.pending.iter().map(|t| t.bytes).sum::<u64>();
            sink.pending = part.pending;
            sink.pending.sort_by(|a, b| a.visible.cmp(&b.visible));
            sink.to_replay = part.to_replay;
        }
        manifest
    }

    /// What each sink has to commit for the newest manifest.
    pub(crate) fn commits(&self, committers: &[SinkCommitter]) -> Vec<(SinkCommitter, Vec<PendingTransaction>)> {
        let pending = |name: &str| self.last.sinks.get(name).map(|sink| sink.pending.clone()).unwrap_or_default();
        let commits = committers.iter().map(|sink| (sink.clone(), pending(&sink.0)));
        commits.filter(|(_, pending)| !pending.is_empty()).collect()
    }
}
