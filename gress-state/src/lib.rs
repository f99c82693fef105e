//! Keyed state of Gress: typed handles over live values, stores they spill to, and checkpoints of sorted runs.
//!
//! ```text
//!  handle ──▶ table of live values ──spill──▶ StateStore   (one of a StateBackend's; memory here, RocksDB in its crate)
//!                     └────seal────▶ run ──▶ checkpoint storage ──▶ manifest
//! ```
//!
//! Nothing here knows RocksDB, and nothing here starts a thread.

mod backend;
pub mod checkpoint;
mod handle;
mod key;
mod key_layout;
pub mod memory;
pub mod run;
mod store;
mod table;
mod task_state;
#[cfg(feature = "testing")]
pub mod testing;
pub mod ttl;

pub use backend::{BackendFactory, BackendStats, CheckpointFile, StateBackend};
pub use handle::{DueTimer, Entry, FiringWindow, Read, Timers, TimersOfTask, ValueState, WindowState, Write};
pub use key::{Key, KeyMaker, Keyed, StateKey, StateValue};
pub use store::{EachRow, KeyRange, StateStore, prefix_end};
pub use table::{StateDescription, StateKind, StateTable, TaskBackend};
pub use task_state::TaskState;
