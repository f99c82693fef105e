//! The inner end of a chain.

use crate::{sink::Prepare, task::Watch};
use gress_core::{Barrier, Event, Result, Timestamp};
use gress_state::{checkpoint::OperatorState, run::UnsortedRun};

/// Takes batches and marks, in order. One per operator; called on the task's thread.
pub(crate) trait Push<T> {
    /// Takes all of `events` and leaves it empty, so that it can be used again.
    fn batch(&mut self, events: &mut Vec<Event<T>>) -> Result<()>;

    /// Takes a mark that stands after all batches so far.
    fn control(&mut self, control: Control) -> Result<()>;

    /// Takes the barrier: adds the operator's state to `seal` and passes both on.
    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()>;

    /// Tries to hand on what a full channel refused; `true` if nothing is left. Never blocks.
    fn flush(&mut self) -> Result<bool>;

    /// Names the full channels that [`Push::flush`] waits for.
    fn watch<'a>(&'a self, watch: &mut Watch<'a>);

    /// What the source does with its partitions. Only in the chain of a source.
    fn partition(&mut self, partition: Partition) {
        let _ = partition;
    }
}

/// Methods of [`Push`] that an operator only passes on to the one behind it.
macro_rules! pass_on {
    ($($method:ident),+) => { $(pass_on!(@ $method);)+ };
    (@ control) => {
        fn control(&mut self, control: $crate::operator::Control) -> gress_core::Result<()> {
            self.next.control(control)
        }
    };
    (@ barrier) => {
        fn barrier(&mut self, seal: &mut $crate::operator::ChainSeal) -> gress_core::Result<()> {
            self.next.barrier(seal)
        }
    };
    (@ flush) => {
        fn flush(&mut self) -> gress_core::Result<bool> {
            self.next.flush()
        }
    };
    (@ watch) => {
        fn watch<'a>(&'a self, watch: &mut $crate::task::Watch<'a>) {
            self.next.watch(watch);
        }
    };
    (@ partition) => {
        fn partition(&mut self, partition: $crate::operator::Partition) {
            self.next.partition(partition);
        }
    };
}
pub(crate) use pass_on;

/// What a source does with one of its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partition {
    /// It is one of the task's. Said for all of them before the first batch.
    Assigned(usize),
    /// The batches that follow are of it.
    Reads(usize),
    /// It has ended.
    Ended(usize),
}

/// A mark in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// The end of a batch, and the watermark there; [`Timestamp::MIN`] in a stream without event time.
    Watermark(Timestamp),
    /// No event follows. Barriers still do.
    End,
}

/// What the operators of a chain add to a checkpoint, collected while the barrier passes through.
pub(crate) struct ChainSeal {
    pub barrier: Barrier,
    pub operators: Vec<OperatorState>,
    pub sinks: Vec<SealedSink>,
}

impl ChainSeal {
    pub(crate) fn new(barrier: Barrier) -> Self {
        ChainSeal { barrier, operators: Vec::new(), sinks: Vec::new() }
    }
}

/// What a sink's writer adds to a checkpoint.
pub(crate) struct SealedSink {
    pub name: String,
    pub prepare: Option<Prepare>,
    /// Committed records that were not emitted again yet.
    pub to_replay: UnsortedRun,
}
