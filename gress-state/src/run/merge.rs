//! Merges runs: the newest entry of a key wins, and range deletes hide what is older.

use super::{RunCursor, RunEntry};
use gress_core::Result;
use std::cmp::Ordering;

/// What becomes of deletes in a merge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tombstones {
    /// Kept: there are older runs below the merged ones.
    Keep,
    /// Dropped: the result is a base, below which there is nothing.
    Drop,
}

/// A cursor over several runs as if they were one.
pub struct Merge {
    /// Oldest first: an index is an age.
    sources: Vec<Source>,
    /// Ages of the sources that have not ended, as a heap: the one whose entry comes next is the first, and that at `n`
    /// comes before those at `2n + 1` and `2n + 2`.
    next: Vec<usize>,
    tombstones: Tombstones,
    /// Ranges that began at or before the current key, with the age of their run.
    open_ranges: Vec<(Vec<u8>, usize)>,
    current: Head,
}

struct Source {
    run: Box<dyn RunCursor + Send>,
    head: Option<Head>,
}

/// A copy of a run's next entry.
#[derive(Clone, Default, Debug)]
struct Head {
    kind: Kind,
    key: Vec<u8>,
    /// Value of a put, end of a range.
    rest: Vec<u8>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    /// First, so that at one key it comes before a put or delete.
    Range,
    #[default]
    Put,
    Delete,
}

impl Head {
    fn set(&mut self, entry: RunEntry<'_>) {
        let (kind, key, rest): (_, _, &[u8]) = match entry {
            RunEntry::Put { key, value } => (Kind::Put, key, value),
            RunEntry::Delete { key } => (Kind::Delete, key, &[]),
            RunEntry::DeleteRange { start, end } => (Kind::Range, start, end),
        };
        self.kind = kind;
        self.key.clear();
        self.key.extend_from_slice(key);
        self.rest.clear();
        self.rest.extend_from_slice(rest);
    }

    fn entry(&self) -> RunEntry<'_> {
        match self.kind {
            Kind::Put => RunEntry::Put { key: &self.key, value: &self.rest },
            Kind::Delete => RunEntry::Delete { key: &self.key },
            Kind::Range => RunEntry::DeleteRange { start: &self.key, end: &self.rest },
        }
    }
}

impl Source {
    fn advance(&mut self) -> Result<()> {
        match self.run.next()? {
            Some(entry) => self.head.get_or_insert_default().set(entry),
            None => self.head = None,
        }
        Ok(())
    }
}

impl Merge {
    /// Merges `runs`, given from the oldest to the newest.
    ///
    /// # Errors
    /// Those of the runs.
    pub fn new(runs: Vec<Box<dyn RunCursor + Send>>, tombstones: Tombstones) -> Result<Self> {
        let mut sources: Vec<_> = runs.into_iter().map(|run| Source { run, head: None }).collect();
        sources.iter_mut().try_for_each(Source::advance)?;
        let next = (0..sources.len()).filter(|age| sources[*age].head.is_some()).collect();
        let mut merge = Merge { sources, next, tombstones, open_ranges: Vec::new(), current: Head::default() };
        (0..merge.next.len() / 2).rev().for_each(|at| merge.sink(at));
        Ok(merge)
    }

    /// Whether the entry of one source comes before that of another: of the least key; among equals ranges first, then the
    /// newest.
    fn is_before(&self, one: usize, other: usize) -> bool {
        let (Some(a), Some(b)) = (&self.sources[one].head, &self.sources[other].head) else { return false };
        match a.key.cmp(&b.key) {
            Ordering::Equal => (a.kind != Kind::Range, other) < (b.kind != Kind::Range, one),
            order => order == Ordering::Less,
        }
    }

    /// Restores the heap where the source at `at` may come after those below it.
    fn sink(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= self.next.len() {
                return;
            }
            let least = match right < self.next.len() && self.is_before(self.next[right], self.next[left]) {
                true => right,
                false => left,
            };
            if !self.is_before(self.next[least], self.next[at]) {
                return;
            }
            self.next.swap(least, at);
            at = least;
        }
    }

    /// Goes on in the source whose entry was the next one.
    fn advance_first(&mut self) -> Result<()> {
        let Some(&age) = self.next.first() else { return Ok(()) };
        self.sources[age].advance()?;
        if self.sources[age].head.is_none() {
            self.next.swap_remove(0);
        }
        self.sink(0);
        Ok(())
    }

    fn hidden(&self, key: &[u8], age: usize) -> bool {
        self.open_ranges.iter().any(|(end, range_age)| *range_age > age && key < end.as_slice())
    }

    /// Takes the entry of the first source, whose age is `age`, and skips the older ones of the same key.
    fn take(&mut self, age: usize) -> Result<()> {
        if let Some(head) = &mut self.sources[age].head {
            std::mem::swap(&mut self.current, head);
        }
        self.advance_first()?;
        if self.current.kind == Kind::Range {
            return Ok(());
        }
        // Ranges of the key came before.
        while let Some(&older) = self.next.first()
            && self.sources[older].head.as_ref().is_some_and(|head| head.key == self.current.key)
        {
            self.advance_first()?;
        }
        Ok(())
    }
}

impl RunCursor for Merge {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        while let Some(&age) = self.next.first() {
            self.take(age)?;
            let current = &self.current;
            self.open_ranges.retain(|(end, _)| *end > current.key);
            let shown = match current.kind {
                Kind::Range => {
                    self.open_ranges.push((current.rest.clone(), age));
                    self.tombstones == Tombstones::Keep
                }
                Kind::Put => !self.hidden(&current.key, age),
                Kind::Delete => self.tombstones == Tombstones::Keep,
            };
            if shown {
                return Ok(Some(self.current.entry()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{RunReader, RunWriter};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Op {
        Put(u8, u8),
        Delete(u8),
        Range(u8, u8),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => (0..24_u8, any::<u8>()).prop_map(|(k, v)| Op::Put(k, v)),
            2 => (0..24_u8).prop_map(Op::Delete),
            1 => (0..24_u8, 1..8_u8).prop_map(|(a, n)| Op::Range(a, a + n)),
        ]
    }

    /// What a run does to a map: ranges first, then puts and deletes.
    fn apply(run: &[Op], map: &mut BTreeMap<u8, u8>) {
        for op in run {
            if let Op::Range(a, b) = op {
                map.retain(|k, _| !(a..b).contains(&k));
            }
        }
        for op in run {
            match *op {
                Op::Put(k, v) => drop(map.insert(k, v)),
                Op::Delete(k) => drop(map.remove(&k)),
                Op::Range(..) => {}
            }
        }
    }

    /// A run as bytes: one entry a key, ranges before it.
    fn written(run: &[Op]) -> Vec<u8> {
        let mut ranges: Vec<_> = Vec::new();
        let mut points = BTreeMap::new();
        for op in run {
            match *op {
                Op::Put(k, v) => drop(points.insert(k, Some(v))),
                Op::Delete(k) => drop(points.insert(k, None)),
                Op::Range(a, b) => ranges.push((a, b)),
            }
        }
        let mut all: Vec<_> = ranges.iter().map(|&(a, b)| (a, 0, b)).collect();
        all.extend(points.iter().map(|(&k, v)| (k, 1 + u8::from(v.is_none()), v.unwrap_or(0))));
        all.sort();
        let mut writer = RunWriter::new(Vec::new()).unwrap();
        for (key, kind, rest) in all {
            let entry = match kind {
                0 => RunEntry::DeleteRange { start: &[key], end: &[rest] },
                1 => RunEntry::Put { key: &[key], value: &[rest] },
                _ => RunEntry::Delete { key: &[key] },
            };
            writer.append(entry).unwrap();
        }
        writer.finish().unwrap().0
    }

    fn merged(runs: &[Vec<u8>], tombstones: Tombstones) -> Vec<u8> {
        let cursor = |bytes: &Vec<u8>| Box::new(RunReader::from_bytes(bytes.clone()).unwrap()) as _;
        let mut merge = Merge::new(runs.iter().map(cursor).collect(), tombstones).unwrap();
        let mut writer = RunWriter::new(Vec::new()).unwrap();
        writer.append_all(&mut merge).unwrap();
        writer.finish().unwrap().0
    }

    fn content(base: &[u8]) -> BTreeMap<u8, u8> {
        let mut reader = RunReader::from_bytes(base.to_vec()).unwrap();
        let mut map = BTreeMap::new();
        while let Some(entry) = reader.next().unwrap() {
            let RunEntry::Put { key, value } = entry else { panic!("a base holds puts only: {entry:?}") };
            map.insert(key[0], value[0]);
        }
        map
    }

    proptest! {
        #[test]
        fn a_merge_equals_applying_the_runs_one_after_another(
            runs in proptest::collection::vec(proptest::collection::vec(op(), 0..20), 1..12),
            split in 0..12_usize,
            end in 0..13_usize,
        ) {
            let mut model = BTreeMap::new();
            runs.iter().for_each(|run| apply(run, &mut model));
            let bytes: Vec<_> = runs.iter().map(|run| written(run)).collect();
            prop_assert_eq!(content(&merged(&bytes, Tombstones::Drop)), model.clone());
            // Merging some runs that follow each other first, with their tombstones, changes nothing.
            let end = end.min(bytes.len());
            let split = split.min(end);
            let mut partly = bytes.clone();
            partly.splice(split..end, [merged(&bytes[split..end], Tombstones::Keep)]);
            prop_assert_eq!(content(&merged(&partly, Tombstones::Drop)), model);
        }

        #[test]
        fn any_change_of_a_byte_is_noticed(byte in 0..2000_usize, bit in 0..8_u32) {
            let entries: Vec<_> = (0..24).map(|k| Op::Put(k, k)).collect();
            let mut bytes = written(&entries);
            let at = byte % bytes.len();
            bytes[at] ^= 1 << bit;
            let read = RunReader::from_bytes(bytes).and_then(|mut reader| {
                while reader.next()?.is_some() {}
                Ok(())
            });
            // Bytes 10 to 15 of the header are reserved: no reader looks at them, the digest of the file does.
            prop_assert!(read.is_err() || (10..16).contains(&at));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            prop_assert!(RunReader::from_bytes(bytes).is_err());
        }
    }

    #[test]
    fn entries_must_ascend() {
        let mut writer = RunWriter::new(Vec::new()).unwrap();
        writer.append(RunEntry::Delete { key: b"b" }).unwrap();
        assert!(writer.append(RunEntry::Delete { key: b"a" }).is_err());
    }
}
