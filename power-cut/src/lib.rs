//! Cuts the power below RocksDB thousands of times, and holds each durability mode to its promise.
//!
//! ```text
//!   trial ──▶ store (an engine: open, write, flush, checkpoint, close)
//!     │         │  key_value: Gress's state        plain: RocksDB alone
//!     │         └─ power: RocksDB on a disk that forgets what was not synced
//!     ├─ write: values that say which write they belong to
//!     └─ history: acknowledged writes, and the verdict on what is left ──▶ report
//! ```
//!
//! A promise is a set of beginnings: what is left must be the state after the first so many writes, and so many must be
//! at least those that the mode promises ([`History::fault`](history::History::fault)). So a single comparison finds writes
//! that are lost, torn and reordered.

mod ffi;
pub mod folder;
pub mod history;
pub mod key_value;
pub mod plain;
pub mod power;
pub mod report;
pub mod store;
pub mod trial;
pub mod write;
