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
        Some(size(self.0.iter()))
    }
}

/// Entries that lie somewhere else.
pub(super) struct Sorted<'a> {
    entries: Vec<RunEntry<'a>>,
    /// In what order they come.
    ranks: Vec<Rank>,
    next: usize,
}

/// Where an entry is, beside the beginning of what its key does not share with all others: most comparisons need no more, and look at no key.
struct Rank {
    beginning: u64,
    at: usize,
}

impl<'a> Sorted<'a> {
    /// Sorts the entries. Of several puts and deletes of one key the last one counts.
    pub(super) fn new(entries: Vec<RunEntry<'a>>) -> Self {
        let shared = shared_by_all(&entries);
        let rank = |(at, entry): (usize, &RunEntry<'_>)| Rank { beginning: beginning(&entry.key()[shared..]), at };
        let mut ranks: Vec<Rank> = entries.iter().enumerate().map(rank).collect();
        let order = |rank: &Rank| (order(&entries[rank.at]), rank.at);
        ranks.sort_unstable_by(|a, b| a.beginning.cmp(&b.beginning).then_with(|| order(a).cmp(&order(b))));
        // Of equal keys the later entry stands behind, and is moved to the front before the others go.
        ranks.dedup_by(|later, earlier| {
            let same = later.beginning == earlier.beginning
                && order(later).0 == order(earlier).0
                && !is_range(&entries[later.at]);
            if same {
                earlier.at = later.at;
            }
            same
        });
        Sorted { entries, ranks, next: 0 }
    }

    fn rest(&self) -> impl Iterator<Item = &RunEntry<'a>> {
        self.ranks[self.next..].iter().map(|rank| &self.entries[rank.at])
    }
}

/// How many bytes all keys begin with in common.
fn shared_by_all(entries: &[RunEntry<'_>]) -> usize {
    let Some((first, others)) = entries.split_first() else { return 0 };
    let shared_with = |first: &[u8], key: &[u8]| first.iter().zip(key).take_while(|(a, b)| a == b).count();
    others.iter().fold(first.key().len(), |shared, entry| shared_with(&first.key()[..shared], entry.key()))
}

/// A number that is lower only for a lower key.
fn beginning(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    match key.first_chunk() {
        Some(first) => bytes = *first,
        None => bytes[..key.len()].copy_from_slice(key),
    }
    u64::from_be_bytes(bytes)
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
        let entry = self.rest().next().copied();
        self.next += usize::from(entry.is_some());
        Ok(entry)
    }

    fn size(&self) -> Option<RunSize> {
        Some(size(self.rest()))
    }
}

fn size<'e, 'a: 'e>(entries: impl Iterator<Item = &'e RunEntry<'a>>) -> RunSize {
    entries.fold(RunSize::default(), |mut size, entry| {
        size.add(entry);
        size
    })
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
    fn keys_that_begin_alike_are_told_apart() {
        let keys: [&[u8]; 7] = [b"", b"\0", b"\0\0", b"a\0\0\0\0\0\0", b"a\0\0\0\0\0\0\0", b"a\0\0\0\0\0\0\0\0", b"b"];
        let mut run = Sorted::new(keys.iter().rev().chain(&keys[..1]).map(|key| put(key, b"")).collect());
        let mut sorted = Vec::new();
        while let Some(entry) = run.next().unwrap() {
            sorted.push(entry.key().to_vec());
        }
        assert_eq!(sorted, keys);
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
