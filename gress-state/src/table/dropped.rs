//! Ranges of store keys that were cleared at once, on their way into checkpoint and store.
//!
//! A range delete hides what *older* runs have. What is written after the clear must therefore never leave in a run before
//! the range does: each run, of a seal or a spill, takes all ranges along that it has not had yet.

use crate::run::UnsortedRun;

/// Cleared ranges: from their first key to the one after the last.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    /// Neither checkpoint nor store knows of them.
    unsealed: Vec<(Vec<u8>, Vec<u8>)>,
    /// The checkpoint does, the store does not.
    sealed: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Dropped {
    pub(crate) fn push(&mut self, start: Vec<u8>, end: Vec<u8>) {
        self.unsealed.push((start, end));
    }

    /// A seal begins, whose run is `into`. A store that was never opened needs no delete.
    pub(crate) fn seal(&mut self, into: &mut UnsortedRun, spilled: bool) {
        for (start, end) in self.unsealed.drain(..) {
            into.delete_range(&start, &end);
            if spilled {
                self.sealed.push((start, end));
            }
        }
    }

    /// A spill takes along what the store lacks: in `unsealed` what no checkpoint has yet.
    pub(crate) fn spill(&mut self, unsealed: &mut UnsortedRun, sealed: &mut UnsortedRun) {
        self.unsealed.drain(..).for_each(|(start, end)| unsealed.delete_range(&start, &end));
        self.sealed.drain(..).for_each(|(start, end)| sealed.delete_range(&start, &end));
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.unsealed.is_empty() && self.sealed.is_empty()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let ranges = self.unsealed.iter().chain(&self.sealed);
        ranges.map(|(start, end)| start.len() + end.len() + 2 * size_of::<Vec<u8>>() + 32).sum()
    }
}
