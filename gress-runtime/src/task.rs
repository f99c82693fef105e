//! Tasks: state machines with a step that never blocks. A thread drives one task, or a stepper drives all tasks of a job
//! in a seeded order.
//!
//! ```text
//!             ┌─ mailbox: trigger, completions, shutdown
//!  inputs ──▶ task.step() ──▶ chain ──▶ channels, writers
//!             └─ submits: runs to store, transactions to prepare, folds ──▶ executor ──▶ mailbox
//! ```

mod align;
mod driver;
mod executor;
mod keyed;
mod mailbox;
mod sealing;
mod source;
mod watch;

pub(crate) use align::Gate;
pub(crate) use driver::run_on_thread;
#[cfg(any(test, feature = "testing"))]
pub(crate) use executor::SteppedExecutor;
pub(crate) use executor::{BlockingPool, Executor, catch_panic};
pub(crate) use keyed::{KeyedBody, KeyedOperator, KeyedTask, Times};
pub(crate) use mailbox::{Mailbox, TaskMessage};
pub(crate) use sealing::{SealedCheckpoint, Sealing, Submit, Written};
pub(crate) use source::{PartitionReader, SourceTask};
pub(crate) use watch::Watch;

use crate::metrics::TaskReading;
use gress_core::Result;
use gress_state::Reading;
use std::time::Duration;

/// What a task's step says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// It did something: step again.
    Progress,
    /// Nothing to do until one of the channels that [`Task::watch`] names is ready, or until this time.
    Wait(Option<Duration>),
    /// Nothing to do until a channel downstream has room.
    Full,
    /// It is over.
    Done,
}

/// Whether a piece of work is complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    Done,
    /// More is to do: call again, so that a step stays short.
    More,
}

/// One task.
pub(crate) trait Task {
    /// Does a bounded piece of work. Never blocks, reads of the task's own store aside.
    fn step(&mut self) -> Result<Step>;

    /// Names the channels whose readiness ends a [`Step::Wait`].
    fn watch<'a>(&'a self, watch: &mut Watch<'a>);

    /// What there is to publish of it, beside its counters.
    fn reading(&mut self) -> TaskReading {
        TaskReading::default()
    }

    /// What its state backend tells of itself.
    fn backend_readings(&mut self) -> Result<Vec<Reading>> {
        Ok(Vec::new())
    }

    /// Ends background work, after [`Step::Done`].
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
