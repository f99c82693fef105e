//! What a batch does to the ranges that are known to be empty.

use super::{Deleted, known::Known};
use gress_state::{KeyRange, run::RunEntry};
use std::ops::Range;

/// The entries of a batch, in its order, as far as they matter.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(super) deleted: Deleted,
    pub(super) has_puts: bool,
    pub(super) has_ranges: bool,
    /// Whether keys of puts are kept, and whether all of them are.
    keeps: bool,
    has_all: bool,
    bytes: Vec<u8>,
    kept: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Put { key: Range<usize> },
    DeleteRange { start: Range<usize>, end: Range<usize>, covered: u64 },
}

impl Changes {
    /// Of a batch that is about to be made. Where nothing `is_known`, the keys of its puts need not be kept.
    pub(super) fn new(is_known: bool) -> Self {
        Changes { keeps: is_known, has_all: is_known, ..Changes::default() }
    }

    /// The next entry of the batch. What a range delete will cover is asked for where there is one.
    #[inline]
    pub(crate) fn add(&mut self, entry: &RunEntry<'_>, covered: impl FnOnce(&[u8], &[u8]) -> u64) {
        match *entry {
            RunEntry::Put { key, .. } => {
                self.has_puts = true;
                if self.keeps {
                    let key = self.copy(key);
                    self.kept.push(Change::Put { key });
                }
            }
            RunEntry::Delete { key } => self.deleted.add(key),
            RunEntry::DeleteRange { start, end } => {
                let covered = covered(start, end);
                if !self.deleted.add_range(start, end, covered) {
                    // A put that comes after it is not deleted.
                    (self.has_ranges, self.keeps) = (true, true);
                    let (start, end) = (self.copy(start), self.copy(end));
                    self.kept.push(Change::DeleteRange { start, end, covered });
                }
            }
        }
    }

    /// Whether something is put where nothing is known to be.
    pub(super) fn meets(&self, known: &Known) -> bool {
        match self.has_puts && !self.has_all {
            // What became known while the batch was made may be anywhere.
            true => !known.is_empty(),
            false => self.puts().any(|key| known.contains(key)),
        }
    }

    /// Takes the puts out of what is known.
    pub(super) fn cut(&self, known: &mut Known) {
        match self.has_puts && !self.has_all {
            true => *known = Known::default(),
            false => self.puts().for_each(|key| known.cut(key)),
        }
    }

    /// The batch was written.
    pub(super) fn learn(&self, known: &mut Known) {
        for change in &self.kept {
            match change {
                Change::Put { key } => known.cut(&self.bytes[key.clone()]),
                Change::DeleteRange { start, end, covered } => {
                    let (lower, upper) = (&self.bytes[start.clone()], Some(&self.bytes[end.clone()]));
                    known.add(KeyRange { lower, upper }, *covered);
                }
            }
        }
    }

    fn puts(&self) -> impl Iterator<Item = &[u8]> {
        self.kept.iter().filter_map(|change| match change {
            Change::Put { key } => Some(&self.bytes[key.clone()]),
            Change::DeleteRange { .. } => None,
        })
    }

    fn copy(&mut self, part: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(part);
        start..self.bytes.len()
    }
}
