//! Writes as runs: sorted, each key once.

use crate::run::{RunCursor, RunEntry, RunSize};
use gress_core::Result;

/// One entry.
pub(super) struct Single<'a>(Option<RunEntry<'a>>);

impl<'a> Single<'a> {
    pub(super) fn new(entry: RunEntry<'a>) -> Self {
        Single(Some(entry))
    }
}

impl RunCursor for Single<'_> {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        Ok(self.0.take())
    }

    fn size(&self) -> Option<RunSize> {
        Some(size(self.0.as_slice()))
    }
}

/// Entries that lie somewhere else.
pub(super) struct Sorted<'a> {
    entries: Vec<RunEntry<'a>>,
    next: usize,
}

impl<'a> Sorted<'a> {
    /// Sorts the entries. Of several puts and deletes of one key the last one counts.
    pub(super) fn new(mut entries: Vec<RunEntry<'a>>) -> Self {
        entries.sort_by(|a, b| order(a).cmp(&order(b)));
        // Of equal keys the later entry stands behind, and is moved to the front before the others go.
        entries.dedup_by(|later, earlier| {
            let same = order(later) == order(earlier) && !is_range(later);
            if same {
                *earlier = *later;
            }
            same
        });
        Sorted { entries, next: 0 }
    }
}

/// A range comes before a put or delete of its first key.
fn order<'a>(entry: &RunEntry<'a>) -> (&'a [u8], bool) {
    (entry.key(), !is_range(entry))
}

fn is_range(entry: &RunEntry<'_>) -> bool {
    matches!(entry, RunEntry::DeleteRange { .. })
}

impl RunCursor for Sorted<'_> {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        let entry = self.entries.get(self.next).copied();
        self.next += usize::from(entry.is_some());
        Ok(entry)
    }

    fn size(&self) -> Option<RunSize> {
        Some(size(&self.entries[self.next..]))
    }
}

fn size(entries: &[RunEntry<'_>]) -> RunSize {
    let mut size = RunSize::default();
    entries.iter().for_each(|entry| size.add(entry));
    size
}

/// A run in place of everything that is there.
pub(super) struct Replacing<'a> {
    after_every_key: Vec<u8>,
    began: bool,
    is_cut: bool,
    run: &'a mut dyn RunCursor,
}

impl<'a> Replacing<'a> {
    pub(super) fn new(after_every_key: Vec<u8>, run: &'a mut dyn RunCursor) -> Self {
        Replacing { after_every_key, began: false, is_cut: false, run }
    }

    /// Whether the run itself ended in an error, so that nothing of it was applied.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl RunCursor for Replacing<'_> {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        match std::mem::replace(&mut self.began, true) {
            false => Ok(Some(RunEntry::DeleteRange { start: b"", end: &self.after_every_key })),
            true => self.run.next().inspect_err(|_| self.is_cut = true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put<'a>(key: &'a [u8], value: &'a [u8]) -> RunEntry<'a> {
        RunEntry::Put { key, value }
    }

    #[test]
    fn of_equal_keys_the_last_entry_counts_and_ranges_come_first() {
        let range = RunEntry::DeleteRange { start: b"b", end: b"z" };
        let delete = RunEntry::Delete { key: b"a" };
        let mut run =
            Sorted::new(vec![put(b"b", b"1"), put(b"a", b"1"), range, put(b"b", b"2"), delete, put(b"b", b"3")]);
        assert_eq!(run.size(), Some(RunSize { entries: 3, deletes: 1, bytes: 1 + 2 + 2 }));
        let mut entries = Vec::new();
        while let Some(entry) = run.next().unwrap() {
            entries.push(format!("{entry:?}"));
        }
        let wanted = [delete, range, put(b"b", b"3")].map(|entry| format!("{entry:?}"));
        assert_eq!(entries, wanted);
        assert_eq!(run.size(), Some(RunSize::default()));
    }
}
