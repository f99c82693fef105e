//! Entries of a run before they are sorted: what a task appends while it seals or spills, cheaply, and hands away.

use super::{RunEntry, RunWriter};
use gress_core::Result;
use std::io::Write;

/// Entries in any order. Of several puts and deletes of one key the last one counts.
#[derive(Debug, Default)]
pub struct UnsortedRun {
    /// Keys and values, one after another.
    bytes: Vec<u8>,
    entries: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    key_len: u32,
    rest_len: u32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    /// First, so that at one key it comes before a put or delete.
    Range,
    Put,
    Delete,
}

impl UnsortedRun {
    /// Appends a put; `key` and `value` append their bytes to the buffer they are given. On error nothing is added.
    ///
    /// # Errors
    /// Those of `key` and `value`.
    pub fn put(
        &mut self,
        key: impl FnOnce(&mut Vec<u8>) -> Result<()>,
        value: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.append(Kind::Put, key, value)
    }

    /// Appends a delete. On error nothing is added.
    ///
    /// # Errors
    /// Those of `key`.
    pub fn delete(&mut self, key: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        self.append(Kind::Delete, key, |_| Ok(()))
    }

    /// Appends a range delete, which hides what *older* runs have in `start..end`.
    pub fn delete_range(&mut self, start: &[u8], end: &[u8]) {
        self.push(Kind::Range, start, end);
    }

    fn append(
        &mut self,
        kind: Kind,
        key: impl FnOnce(&mut Vec<u8>) -> Result<()>,
        rest: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let start = self.bytes.len();
        let written = key(&mut self.bytes).and_then(|()| {
            let key_end = self.bytes.len();
            rest(&mut self.bytes).map(|()| key_end)
        });
        match written {
            Ok(key_end) => {
                let (key_len, rest_len) = ((key_end - start) as u32, (self.bytes.len() - key_end) as u32);
                self.entries.push(Place { start, key_len, rest_len, kind });
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(start);
                Err(error)
            }
        }
    }

    fn push(&mut self, kind: Kind, key: &[u8], rest: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(rest);
        self.entries.push(Place { start, key_len: key.len() as u32, rest_len: rest.len() as u32, kind });
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries there are, overwritten ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Memory that the entries take.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Place>()
    }

    /// Sorts the entries and writes them as a run into memory.
    ///
    /// # Errors
    /// None in practice: memory takes what it is given.
    pub fn into_bytes(self) -> Result<Vec<u8>> {
        let mut writer = RunWriter::new(Vec::with_capacity(self.bytes.len() + self.bytes.len() / 8 + 128))?;
        self.write(&mut writer)?;
        writer.finish().map(|(bytes, _)| bytes)
    }

    fn key(&self, place: &Place) -> &[u8] {
        &self.bytes[place.start..place.start + place.key_len as usize]
    }

    /// Sorts the entries and appends them to `writer`.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write<W: Write>(mut self, writer: &mut RunWriter<W>) -> Result<()> {
        let mut entries = std::mem::take(&mut self.entries);
        // Stable: the last of equal keys is the newest.
        entries.sort_by(|a, b| {
            let range = |place: &Place| place.kind != Kind::Range;
            (self.key(a), range(a)).cmp(&(self.key(b), range(b)))
        });
        for (at, place) in entries.iter().enumerate() {
            let key = self.key(place);
            let rest_start = place.start + place.key_len as usize;
            let rest = &self.bytes[rest_start..rest_start + place.rest_len as usize];
            let newer = entries.get(at + 1).filter(|next| next.kind != Kind::Range && self.key(next) == key);
            match place.kind {
                Kind::Range => writer.append(RunEntry::DeleteRange { start: key, end: rest })?,
                _ if newer.is_some() => {}
                Kind::Put => writer.append(RunEntry::Put { key, value: rest })?,
                Kind::Delete => writer.append(RunEntry::Delete { key })?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{RunCursor, RunReader};

    fn bytes(of: &'static [u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<()> {
        move |into| {
            into.extend_from_slice(of);
            Ok(())
        }
    }

    #[test]
    fn entries_are_sorted_and_the_last_of_a_key_counts() {
        let mut run = UnsortedRun::default();
        run.put(bytes(b"b"), bytes(b"1")).unwrap();
        run.delete(bytes(b"a")).unwrap();
        run.put(bytes(b"a"), bytes(b"2")).unwrap();
        run.delete_range(b"a", b"b");
        run.delete(bytes(b"b")).unwrap();
        let mut reader = RunReader::from_bytes(run.into_bytes().unwrap()).unwrap();
        let mut seen = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            seen.push(format!("{entry:?}"));
        }
        let expected = [
            RunEntry::DeleteRange { start: b"a", end: b"b" },
            RunEntry::Put { key: b"a", value: b"2" },
            RunEntry::Delete { key: b"b" },
        ];
        assert_eq!(seen, expected.map(|e| format!("{e:?}")));
    }

    #[test]
    fn a_failed_entry_leaves_no_trace() {
        let mut run = UnsortedRun::default();
        let fails = run.put(bytes(b"key"), |_| Err(gress_core::Error::damaged("no")));
        assert!(fails.is_err() && run.is_empty());
        run.put(bytes(b"x"), bytes(b"y")).unwrap();
        assert_eq!(RunReader::from_bytes(run.into_bytes().unwrap()).unwrap().entries(), 1);
    }
}
