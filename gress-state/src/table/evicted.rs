//! What leaves a table in one slice: encoded entries on their way into the store, and into the next checkpoint.

use super::Cold;
use crate::run::UnsortedRun;
use gress_core::Result;

/// The entries of one slice.
pub(crate) struct Evicted {
    /// What no checkpoint has yet.
    pub unsealed: UnsortedRun,
    /// What only the store lacks.
    pub sealed: UnsortedRun,
    slice_bytes: usize,
    dirty_entry_bytes: usize,
}

impl Evicted {
    /// A slice that ends once it has this many bytes. A dirty entry weighs `dirty_entry_bytes` more than a clean one.
    pub(crate) fn new(slice_bytes: usize, dirty_entry_bytes: usize) -> Self {
        let (unsealed, sealed) = (UnsortedRun::default(), UnsortedRun::default());
        Evicted { unsealed, sealed, slice_bytes, dirty_entry_bytes }
    }

    /// What live entries weigh of which so many are dirty.
    pub(crate) fn weight(&self, bytes: usize, dirty_entries: usize) -> usize {
        bytes + dirty_entries * self.dirty_entry_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unsealed.is_empty() && self.sealed.is_empty()
    }

    /// Whether the slice has ended.
    pub(crate) fn is_full(&self) -> bool {
        self.unsealed.encoded_bytes() + self.sealed.encoded_bytes() >= self.slice_bytes
    }

    /// Writes all of it to the store. Gives the run that belongs to the next checkpoint.
    pub(crate) fn spill(self, cold: &mut Cold) -> Result<Option<Vec<u8>>> {
        cold.spill(self.sealed)?;
        cold.spill(self.unsealed)
    }
}
