//! What every backend must do, as plain functions that a backend's own tests call.
//!
//! A third backend is a crate that implements the three traits and runs [`backend_conformance`] and, for a key-value state
//! over it, [`key_value_conformance`]:
//!
//! ```
//! use gress_state::{memory::MemoryFactory, testing};
//!
//! testing::backend_conformance(&MemoryFactory);
//! testing::key_value_conformance(&MemoryFactory);
//! ```
//!
//! Each check is a function whose name is the sentence that it proves; it opens backends of its own, in a scratch
//! directory that is removed at the end, and panics where the sentence does not hold.

mod conformance;
mod copies;
mod corruption;
mod entries;
pub mod key_value;
mod lifecycle;
mod model;
mod points;
mod random;
mod runs;
mod scans;
mod scratch;
pub mod state;

pub use conformance::backend_conformance;
pub use copies::*;
pub use corruption::{
    CheckpointOfKeyValues, CheckpointsOfATask, Corruptible, Figures, Opened, SnapshotOfKeyValues, Version, corrupt,
};
pub use entries::{Entries, Entry};
pub use key_value::key_value_conformance;
pub use lifecycle::*;
pub use model::*;
pub use points::*;
pub use random::Random;
pub use runs::*;
pub use scans::*;
pub use scratch::Scratch;
