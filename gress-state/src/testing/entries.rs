//! A run in memory.

use crate::run::{RunCursor, RunEntry};
use gress_core::Result;

/// An owned [`RunEntry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The key has this value.
    Put {
        /// The key.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// The key has no value.
    Delete {
        /// The key.
        key: Vec<u8>,
    },
    /// No key of an older run in `start..end` has a value.
    DeleteRange {
        /// The first key of the range.
        start: Vec<u8>,
        /// The first key after it.
        end: Vec<u8>,
    },
}

impl Entry {
    /// `key` has this value.
    pub fn put(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        Entry::Put { key: key.as_ref().into(), value: value.as_ref().into() }
    }

    /// `key` has no value.
    pub fn delete(key: impl AsRef<[u8]>) -> Self {
        Entry::Delete { key: key.as_ref().into() }
    }

    /// No older key in `start..end` has a value.
    pub fn delete_range(start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Self {
        Entry::DeleteRange { start: start.as_ref().into(), end: end.as_ref().into() }
    }

    /// The entry, lent.
    pub fn lend(&self) -> RunEntry<'_> {
        match self {
            Entry::Put { key, value } => RunEntry::Put { key, value },
            Entry::Delete { key } => RunEntry::Delete { key },
            Entry::DeleteRange { start, end } => RunEntry::DeleteRange { start, end },
        }
    }

    /// Runs ascend by key, and a range comes before a put or delete of its first key.
    fn order(&self) -> (&[u8], bool) {
        (self.lend().key(), !matches!(self, Entry::DeleteRange { .. }))
    }
}

/// A run of owned entries, in the order that [`RunCursor`] asks for.
#[derive(Clone, Debug)]
pub struct Entries {
    entries: Vec<Entry>,
    next: usize,
}

impl Entries {
    /// A run of these entries, sorted.
    ///
    /// # Panics
    /// If two puts or deletes have the same key: no run holds that.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut entries: Vec<Entry> = entries.into_iter().collect();
        entries.sort_by(|a, b| a.order().cmp(&b.order()));
        for pair in entries.windows(2) {
            let (earlier, later) = (pair[0].order(), pair[1].order());
            assert!(earlier < later || !later.1, "a run has one put or delete of the key {:?}", later.0);
        }
        Entries { entries, next: 0 }
    }
}

impl RunCursor for Entries {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        let entry = self.entries.get(self.next);
        self.next += usize::from(entry.is_some());
        Ok(entry.map(Entry::lend))
    }
}
