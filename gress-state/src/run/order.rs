//! The order of a run's entries, held when they are written and when they are read.

use super::RunEntry;
use std::cmp::Ordering;

/// The order that a [`super::RunCursor`] promises, held by each entry against the one before.
#[derive(Debug, Default)]
pub(super) struct Order {
    key: Vec<u8>,
    /// The key has had its put or delete.
    settled: bool,
}

impl Order {
    /// Whether `entry` may follow those before it.
    pub(super) fn follows(&mut self, entry: RunEntry<'_>) -> bool {
        let key = entry.key();
        match key.cmp(&self.key) {
            Ordering::Less => return false,
            Ordering::Equal if self.settled => return false,
            Ordering::Equal => {}
            Ordering::Greater => {
                self.key.clear();
                self.key.extend_from_slice(key);
            }
        }
        self.settled = !matches!(entry, RunEntry::DeleteRange { .. });
        true
    }
}
