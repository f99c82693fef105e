//! Checkpoints: what they consist of, where they lie, and how the newest whole one is found.
//!
//! ```text
//!  task ──runs──▶ CheckpointStorage ◀──manifest── coordinator
//!                       │
//!                recover: newest manifest whose files all verify ──▶ restored
//! ```
//!
//! A checkpoint exists if and only if its manifest does. Its content is, per task and state, a [`Chain`]: a base and the
//! runs above it. Files have names that no second writer produces, and are never overwritten.

mod chain;
mod fold;
mod local;
mod manifest;
#[cfg(feature = "testing")]
mod memory;
mod paths;
mod recover;
mod retain;
mod storage;

pub use chain::{Chain, RunContent, RunRef};
pub use fold::plan_fold;
pub use local::LocalStorage;
pub use manifest::{
    Ending, Manifest, OperatorState, PendingTransaction, SinkSnapshot, SourceSnapshot, StateSnapshot, TaskSnapshot,
};
#[cfg(feature = "testing")]
pub use memory::MemoryStorage;
pub use paths::{FileNames, check_file_name, manifest_id, manifest_name};
pub use recover::{Recovered, Refusal, recover};
pub use retain::{Collected, Retention};
pub use storage::{CheckpointStorage, Put};
