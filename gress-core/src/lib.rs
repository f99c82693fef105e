//! The vocabulary of Gress: what every other crate names, and nothing that does I/O or starts a thread.
//!
//! ```text
//!  time      Timestamp, hours(1)            key_group   KeyGroup, KeyGroupRange
//!  event     Event<T>: value, time, stamp   ordered     keys as bytes that sort like the keys
//!  barrier   Barrier: the mark of a         codec       values as bytes
//!            checkpoint in the stream       error       one Error, a few kinds
//! ```

pub mod barrier;
pub mod byte_size;
pub mod codec;
pub mod error;
pub mod event;
pub mod ids;
pub mod key_group;
pub mod ordered;
pub mod schema;
pub mod state_name;
pub mod time;

pub use barrier::{Barrier, BarrierKind};
pub use byte_size::ByteSize;
pub use error::{Error, ErrorKind, Result};
pub use event::{Data, Event};
pub use ids::{CheckpointId, JobId, SubtaskIndex, TaskId};
pub use key_group::{KeyGroup, KeyGroupRange};
pub use schema::{Schema, schema_of};
pub use state_name::StateName;
pub use time::{Timestamp, hours, millis, minutes, seconds};
