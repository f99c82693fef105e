//! Entries of a run before they are sorted: what a task appends while it seals or spills, cheaply, and hands away.

use super::{RunEntry, RunWriter};
use gress_core::Result;
use std::io::Write;

/// Entries in any order. Of several puts and deletes of one key the last one counts.
///
/// ```text
///  bytes    key ‖ value or end ‖ lengths of both │ key ‖ value or end ‖ lengths of both │ …
///                                ▲                                      ▲
///  entries  place and kind ──────┘                place and kind ───────┘
/// ```
///
/// A table's sealed entries lie here beside the table itself, so an entry takes little more than its bytes: sixteen of its
/// place, and two of its lengths where it is short.
#[derive(Debug, Default)]
pub struct UnsortedRun {
    bytes: Vec<u8>,
    entries: Vec<Place>,
}

/// Where an entry is, behind the beginning of its key: most places are in order without a look at the bytes, of which each
/// would miss the cache.
///
/// ```text
///  ten bytes of the key │ where the lengths are, 46 bits │ kind, 2 bits
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place(u128);

/// Bytes of a key that stand in its place; a shorter key ends in zeros there.
const BEGINNING: usize = 10;
const BEGINNING_AT: u32 = 48;
/// Places with one beginning that are put in order by their keys at once.
const FEW: usize = 16;
/// Keys that agree in more than these bytes are compared as a whole, too: they would be as long as a stack is deep.
const DEEP: usize = 8 * BEGINNING;

impl Place {
    fn new(kind: Kind, lengths_at: usize, key: &[u8]) -> Place {
        Place(((lengths_at as u128) << 2) | kind as u128).with_beginning(key)
    }

    /// The same place behind the beginning of `rest`, the part of the key that follows what is known to be the same.
    fn with_beginning(self, rest: &[u8]) -> Place {
        let mut bytes = [0; size_of::<u128>()];
        let len = rest.len().min(BEGINNING);
        bytes[..len].copy_from_slice(&rest[..len]);
        let place = self.0 & ((1 << BEGINNING_AT) - 1);
        Place(u128::from_be_bytes(bytes) | place)
    }

    fn beginning(self) -> u128 {
        self.0 >> BEGINNING_AT
    }

    fn kind(self) -> Kind {
        match self.0 & 3 {
            0 => Kind::Range,
            1 => Kind::Put,
            _ => Kind::Delete,
        }
    }

    fn lengths_at(self) -> usize {
        ((self.0 & ((1 << BEGINNING_AT) - 1)) >> 2) as usize
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
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
        self.bytes.extend_from_slice(start);
        self.bytes.extend_from_slice(end);
        self.close_entry(Kind::Range, start.len(), end.len());
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
                self.close_entry(kind, key_end - start, self.bytes.len() - key_end);
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(start);
                Err(error)
            }
        }
    }

    /// Notes the entry whose parts were appended just now.
    fn close_entry(&mut self, kind: Kind, key_len: usize, rest_len: usize) {
        let lengths_at = self.bytes.len();
        let key = &self.bytes[lengths_at - rest_len - key_len..lengths_at - rest_len];
        self.entries.push(Place::new(kind, lengths_at, key));
        push_length(key_len, &mut self.bytes);
        push_length(rest_len, &mut self.bytes);
    }

    /// Makes room in an empty run for so many entries of about this memory each. Room that is not used takes no memory.
    pub(crate) fn reserve(&mut self, entries: usize, entry_bytes: usize) {
        let entry_bytes = entry_bytes.saturating_sub(size_of::<Place>());
        let bytes = entries.saturating_mul(entry_bytes + entry_bytes / 16);
        // A run that has too little room gives it back first: to grow it would copy what is in it.
        if self.entries.capacity() < entries {
            self.entries = Vec::new();
            self.entries.reserve_exact(entries);
        }
        if self.bytes.capacity() < bytes {
            self.bytes = Vec::new();
            self.bytes.reserve_exact(bytes);
        }
    }

    /// Takes all entries out. The room that they took stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Memory that there is room for, used or not.
    pub(crate) fn room_bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Place>()
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
        self.bytes.len() + self.entries.len() * size_of::<Place>()
    }

    /// Bytes of keys, values and lengths: about what the entries take as a run.
    pub fn encoded_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Sorts the entries and writes them as a run into memory.
    ///
    /// # Errors
    /// None in practice: memory takes what it is given.
    pub fn into_bytes(mut self) -> Result<Vec<u8>> {
        let mut writer = RunWriter::new(Vec::with_capacity(self.bytes.len() + self.bytes.len() / 8 + 128))?;
        self.write(&mut writer)?;
        writer.finish().map(|(bytes, _)| bytes)
    }

    /// Key, and value or end, of the entry in a place.
    fn parts(&self, place: Place) -> (&[u8], &[u8]) {
        let (entry, mut lengths) = self.bytes.split_at(place.lengths_at());
        let (key_len, rest_len) = (take_length(&mut lengths), take_length(&mut lengths));
        let (before_rest, rest) = entry.split_at(entry.len() - rest_len);
        (&before_rest[before_rest.len() - key_len..], rest)
    }

    /// Sorts places of keys that agree up to `known`, from where on their beginnings are.
    fn sort(&self, places: &mut [Place], known: usize) {
        places.sort_unstable();
        for same in places.chunk_by_mut(|a, b| a.beginning() == b.beginning()) {
            let known = known + BEGINNING;
            let ended = |place: &Place| self.parts(*place).0.len() <= known;
            if same.len() <= FEW || known >= DEEP || same.iter().all(ended) {
                // By place at the end: the last of equal keys is the newest. At one key ranges come first.
                let order = |place: &Place| (self.parts(*place).0, place.kind() != Kind::Range, place.lengths_at());
                same.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
            } else {
                for place in same.iter_mut() {
                    *place = place.with_beginning(self.parts(*place).0.get(known..).unwrap_or_default());
                }
                self.sort(same, known);
            }
        }
    }

    /// Sorts the entries, where they are, and appends them to `writer`.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write<W: Write>(&mut self, writer: &mut RunWriter<W>) -> Result<()> {
        let mut entries = std::mem::take(&mut self.entries);
        self.sort(&mut entries, 0);
        self.entries = entries;
        for (at, place) in self.entries.iter().enumerate() {
            let (key, rest) = self.parts(*place);
            let same = |next: &&Place| next.kind() != Kind::Range && self.parts(**next).0 == key;
            let newer = self.entries.get(at + 1).filter(same);
            match place.kind() {
                Kind::Range => writer.append(RunEntry::DeleteRange { start: key, end: rest })?,
                _ if newer.is_some() => {}
                Kind::Put => writer.append(RunEntry::Put { key, value: rest })?,
                Kind::Delete => writer.append(RunEntry::Delete { key })?,
            }
        }
        Ok(())
    }
}

/// Appends a length, seven bits a byte from the lowest on; the last byte is below 128.
fn push_length(mut len: usize, into: &mut Vec<u8>) {
    while len >= 0x80 {
        into.push((len as u8) | 0x80);
        len >>= 7;
    }
    into.push(len as u8);
}

/// Takes a length that [`push_length`] has appended.
#[inline]
fn take_length(from: &mut &[u8]) -> usize {
    let mut len = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let Some((&byte, rest)) = from.split_first() else { break };
        *from = rest;
        len |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{RunCursor, RunReader};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn bytes(of: &[u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<()> {
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
    fn entries_of_any_length_are_given_back_as_they_were() {
        let mut run = UnsortedRun::default();
        let lengths = [0, 1, 127, 128, 129, 16_383, 16_384, 100_000];
        for (at, len) in lengths.into_iter().enumerate() {
            let mut key = vec![at as u8; len];
            key.insert(0, at as u8);
            let value = vec![7; len];
            run.put(bytes(&key), bytes(&value)).unwrap();
        }
        let mut reader = RunReader::from_bytes(run.into_bytes().unwrap()).unwrap();
        for len in lengths {
            let Some(RunEntry::Put { key, value }) = reader.next().unwrap() else { panic!("a put") };
            assert_eq!((key.len(), value.len()), (len + 1, len));
            assert!(value.iter().all(|byte| *byte == 7));
        }
        assert_eq!(reader.next().unwrap(), None);
    }

    #[test]
    fn a_short_entry_takes_eighteen_bytes_beside_its_own() {
        let mut run = UnsortedRun::default();
        for n in 0..1_000_u64 {
            run.put(bytes(&n.to_be_bytes()), bytes(b"12")).unwrap();
        }
        assert_eq!(run.memory_bytes(), 1_000 * (8 + 2 + 18));
    }

    #[test]
    fn room_outlasts_its_entries_and_makes_way_for_more() {
        let mut run = UnsortedRun::default();
        run.reserve(100, 32);
        let room = run.room_bytes();
        assert!(room >= 100 * 32);
        (0..100_u64).for_each(|n| run.put(bytes(&n.to_be_bytes()), bytes(b"12")).unwrap());
        run.clear();
        run.reserve(50, 32);
        assert_eq!((run.len(), run.memory_bytes(), run.room_bytes()), (0, 0, room), "what fits is not allocated anew");
        run.reserve(1_000, 32);
        assert!((1_000 * 32..1_100 * 32).contains(&run.room_bytes()), "{}", run.room_bytes());
    }

    proptest! {
        /// Keys that agree in much, end where others go on, and go on in zeros.
        #[test]
        fn entries_come_in_the_order_of_their_keys_and_the_last_of_each_counts(
            keys in prop::collection::vec((0..10_usize, prop::collection::vec(0..2_u8, 0..14)), 0..200),
            deleted in 0..200_usize,
        ) {
            let (mut run, mut model) = (UnsortedRun::default(), BTreeMap::new());
            for (at, (long, rest)) in keys.iter().enumerate() {
                let key = [&[0; BEGINNING].repeat(*long)[..], rest].concat();
                match at == deleted {
                    true => run.delete(bytes(&key)).unwrap(),
                    false => run.put(bytes(&key), bytes(&at.to_be_bytes())).unwrap(),
                }
                model.insert(key, (at != deleted).then_some(at));
            }
            let mut reader = RunReader::from_bytes(run.into_bytes().unwrap()).unwrap();
            for (key, at) in &model {
                let value = at.map(usize::to_be_bytes);
                let expected = match &value {
                    Some(value) => RunEntry::Put { key, value },
                    None => RunEntry::Delete { key },
                };
                prop_assert_eq!(reader.next().unwrap(), Some(expected));
            }
            prop_assert_eq!(reader.next().unwrap(), None);
        }
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
