//! Sinks: where results go. A sink is plain settings; its writers live in tasks, its committer in the coordinator.
//!
//! ```text
//!  write … write ─ barrier n ─▶ prepare(n) ──▶ PendingTransaction ──▶ manifest n ──▶ commit ──▶ visible
//! ```
//!
//! Output becomes visible once its checkpoint is complete, and a commit may be repeated: after a crash whoever restores
//! the checkpoint commits it again.

mod collect;
mod discard;
mod json_lines;
mod replay;

pub use collect::Collect;
pub use discard::Discard;
pub use json_lines::JsonLines;
pub use replay::ReplayFilter;

use gress_core::{CheckpointId, Event, JobId, Result};
use gress_state::checkpoint::PendingTransaction;
use std::{cell::RefCell, fmt::Debug, rc::Rc, sync::Arc};

/// Where results go.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot write `{T}`",
    note = "most sinks need `#[derive(Serialize)]` on the event type"
)]
pub trait Sink<T>: Send + Sync + 'static {
    /// Opens the writer of one subtask. [`Committer::prepare_output`] was called before.
    ///
    /// # Errors
    /// An output that cannot be opened.
    fn open(&self, context: &WriterContext) -> Result<Box<dyn Writer<T>>>;

    /// What commits the transactions of all writers; `None` for a sink whose output is visible at once, at least once.
    fn committer(&self) -> Option<Arc<dyn Committer>>;
}

/// What a writer is told when it is opened.
#[derive(Clone, Debug)]
pub struct WriterContext {
    /// The job.
    pub job: JobId,
    /// Which start of the job this is: names that carry it are unique.
    pub epoch: u64,
    /// Which of the sink's writers this is.
    pub subtask: usize,
    /// Committed records that will be emitted again, after going back behind them: the writer asks
    /// [`ReplayFilter::take`] for each record and drops those it names. `None` when there are none.
    pub replay: Option<Rc<RefCell<ReplayFilter>>>,
}

/// Writes the records of one subtask. Used by one thread.
pub trait Writer<T> {
    /// Writes all of `events` and leaves it empty. What is written stays invisible until its checkpoint is complete.
    ///
    /// # Errors
    /// A record that cannot be written, and those of the output.
    fn write(&mut self, events: &mut Vec<Event<T>>) -> Result<()>;

    /// Ends the transaction of checkpoint `id`: later records belong to the next. The work that makes it durable is
    /// returned, to be done on another thread; `None` if nothing was written.
    ///
    /// # Errors
    /// Those of the output.
    fn prepare(&mut self, id: CheckpointId) -> Result<Option<Prepare>>;
}

/// Makes a transaction durable, still invisible. May block.
pub type Prepare = Box<dyn FnOnce() -> Result<PendingTransaction> + Send>;

/// Makes transactions visible. One for all writers of a sink; calls may block.
pub trait Committer: Debug + Send + Sync {
    /// What is visible and what waits. Changes nothing; an output that does not exist yet is empty.
    ///
    /// # Errors
    /// An output that cannot be read.
    fn inspect(&self) -> Result<OutputListing>;

    /// Creates the output, empty if it does not exist.
    ///
    /// # Errors
    /// An output that cannot be created.
    fn prepare_output(&self) -> Result<()>;

    /// Makes transactions visible, durably. Those that are visible already are left as they are.
    ///
    /// # Errors
    /// A transaction that is neither waiting nor visible with the same content, and those of the output.
    fn commit(&self, pending: &[PendingTransaction]) -> Result<()>;

    /// Deletes everything that waits, and what interrupted writers left. Called after `commit`, before the first writer.
    ///
    /// # Errors
    /// Those of the output.
    fn abort_rest(&self) -> Result<()>;

    /// Calls `each` with the digest ([`ReplayFilter::digest`]) of every record of a visible transaction.
    ///
    /// # Errors
    /// An output that cannot be read.
    fn records(&self, name: &str, each: &mut dyn FnMut(u128)) -> Result<()>;

    /// Where the output is, for people.
    fn location(&self) -> String;
}

/// The state of a sink's output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputListing {
    /// Visible transactions.
    pub visible: Vec<VisibleTransaction>,
    /// Names of transactions that wait.
    pub staged: Vec<String>,
    /// Names in the output that no job of Gress gave.
    pub foreign: Vec<String>,
}

/// A committed transaction, as its name tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibleTransaction {
    /// Its name.
    pub name: String,
    /// The job that wrote it.
    pub job: JobId,
    /// The checkpoint that committed it.
    pub checkpoint: CheckpointId,
    /// The subtask that wrote it.
    pub subtask: usize,
    /// Length in bytes.
    pub bytes: u64,
}
