//! Keyed state of Gress: typed handles over live values, stores they spill to, and checkpoints of sorted runs.
//!
//! ```text
//!  handle ──▶ table of live values ──spill──▶ StateStore   (one of a StateBackend's; memory here, RocksDB in its crate)
//!                     └────seal────▶ run ──▶ checkpoint storage ──▶ manifest
//!
//!  KeyValueState: bytes to bytes, without a job ──▶ StateStore
//! ```
//!
//! Nothing here knows RocksDB, and nothing here starts a thread.

mod accumulator;
mod backend;
pub mod checkpoint;
mod conversion;
pub mod directory;
mod framed;
mod handle;
mod key;
mod key_layout;
pub mod key_value;
pub mod memory;
mod prefetch;
pub mod run;
mod store;
mod table;
mod task_budget;
mod task_state;
mod task_time;
#[cfg(feature = "testing")]
pub mod testing;
pub mod ttl;
mod value;
mod version;
mod wall_clock;

pub use accumulator::Accumulator;
pub use backend::{BackendFactory, BackendStats, CheckpointFile, Reading, StateBackend};
pub use conversion::Conversion;
pub use handle::{
    AggregatingState, DueTimer, Entry, FiringWindow, ListIter, ListState, MapEntry, MapIter, MapState, MapWrite, Read,
    ReducingState, Timers, TimersOfTask, ValueState, WindowState, Write,
};
pub use key::{Key, KeyMaker, Keyed, MapKey, StateKey};
pub use key_value::{KeyValueOptions, KeyValueState};
pub use store::{EachRow, KeyRange, StateStore, prefix_end};
pub use table::{MapKeyDescription, StateDescription, StateKind, StateTable, TableStats, TaskBackend};
pub use task_state::{Spilled, TaskState};
pub use ttl::Ttl;
pub use value::{Coded, StateValue, ValueCodec};
pub use version::{FIRST_VERSION, Version};
pub use wall_clock::{ManualWallClock, SystemWallClock, WallClock};
