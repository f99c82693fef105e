//! What reaches a task beside its inputs.

use super::sealing::Completion;
use crossbeam_channel::{Receiver, Sender, unbounded};
use gress_core::Barrier;

/// A message to a task.
pub(crate) enum TaskMessage {
    /// To a source: emit this barrier.
    Trigger(Barrier),
    /// A checkpoint is complete and committed.
    Completed,
    /// Work that the task submitted is done.
    Submitted(Completion),
    /// Nothing more is to do: end.
    Shutdown,
    /// The job has failed: end at once.
    Abort,
}

/// Both ends of a task's mailbox. It is unbounded, but what is in it is bounded: a few messages a checkpoint.
pub(crate) struct Mailbox {
    pub sender: Sender<TaskMessage>,
    pub receiver: Receiver<TaskMessage>,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = unbounded();
        Mailbox { sender, receiver }
    }
}
