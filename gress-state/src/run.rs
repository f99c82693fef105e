//! Sorted runs: the unit of spilling, sealing, checkpoints and savepoints, the same for every backend.
//!
//! A run is a list of puts, deletes and range deletes in ascending order of keys. Newer runs hide older ones; a range
//! delete hides entries of *older* runs only, never one of its own run.
//!
//! ```text
//!  table ──spill, seal──▶ RunWriter ──▶ file or bytes ──▶ RunReader ─┐
//!                                            …            RunReader ─┤──▶ Merge ──▶ store, table, or one new run
//! ```

mod format;
mod mapped;
mod merge;
mod order;
mod read;
mod unsorted;
mod write;

pub use format::{FileDigest, FileSummary};
pub(crate) use mapped::{Fate, Mapped};
pub use merge::{Merge, Tombstones};
pub use read::{RunInput, RunReader};
pub use unsorted::UnsortedRun;
pub use write::RunWriter;

use gress_core::Result;

/// One entry of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEntry<'a> {
    /// The key has this value.
    Put {
        /// The key.
        key: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// The key has no value.
    Delete {
        /// The key.
        key: &'a [u8],
    },
    /// No key of an older run in `start..end` has a value.
    DeleteRange {
        /// The first key of the range.
        start: &'a [u8],
        /// The first key after it.
        end: &'a [u8],
    },
}

impl<'a> RunEntry<'a> {
    /// What the entry is sorted by: its key, or the start of its range.
    pub fn key(&self) -> &'a [u8] {
        match self {
            RunEntry::Put { key, .. } | RunEntry::Delete { key } => key,
            RunEntry::DeleteRange { start, .. } => start,
        }
    }
}

/// Reads a run from its first entry to its last. Lends each entry until the next call.
///
/// Entries ascend by [`RunEntry::key`]. A key has at most one put or delete; where a range begins at the same key, the
/// range comes first.
pub trait RunCursor {
    /// The next entry, or `None` at the end, and then always.
    fn next(&mut self) -> Result<Option<RunEntry<'_>>>;

    /// What is still to come, exactly, where that is known. A small run whose size is known is not copied on its way into
    /// a store.
    fn size(&self) -> Option<RunSize> {
        None
    }
}

/// How much a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunSize {
    /// Entries of all kinds.
    pub entries: usize,
    /// Those of them that delete a key.
    pub deletes: usize,
    /// Bytes of their keys and values.
    pub bytes: usize,
}

impl RunSize {
    /// Counts one more entry.
    #[inline]
    pub fn add(&mut self, entry: &RunEntry<'_>) {
        self.entries += 1;
        self.deletes += usize::from(matches!(entry, RunEntry::Delete { .. }));
        self.bytes += match entry {
            RunEntry::Put { key, value } => key.len() + value.len(),
            RunEntry::Delete { key } => key.len(),
            RunEntry::DeleteRange { start, end } => start.len() + end.len(),
        };
    }
}
