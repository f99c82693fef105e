//! The coordinator: decides when checkpoints begin, when they are complete, and when the job is over.
//!
//! ```text
//!  tick, acknowledgements, ends ──▶ Machine (pure) ──▶ trigger, publish, commit, collect, shut down
//!                                        ▲                      │
//!                                        └──── outcome ◀──── executor
//! ```

mod assembly;
mod driver;
mod machine;
mod phases;

pub(crate) use assembly::{Assembly, SinkCommitter};
pub(crate) use driver::{Checkpoints, Coordinator, CoordinatorParts, Ended, delete_all};
pub(crate) use machine::Plan;

use crate::task::SealedCheckpoint;
use gress_core::{CheckpointId, Error, Result};
use gress_state::checkpoint::Put;

/// What tasks, the executor and the job's handle tell the coordinator.
pub(crate) enum ToCoordinator {
    /// All parts of a task's contribution to a checkpoint are durable.
    Acknowledged { task: usize, sealed: SealedCheckpoint },
    /// All inputs of a task have ended.
    Ended { task: usize },
    /// A task has failed.
    Failed { error: Error },
    /// A manifest was put, or could not be.
    Published { id: CheckpointId, outcome: Result<Put> },
    /// All sinks have committed a checkpoint, or one could not.
    Committed { id: CheckpointId, outcome: Result<()> },
    /// Older checkpoints were deleted, or could not be.
    Collected { outcome: Result<()> },
    /// The job is to stop after one more checkpoint.
    Stop,
    /// A task's thread has ended.
    Exited,
}
