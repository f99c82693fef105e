//! A piece of a list: encoded items, one after another.

use crate::ttl::TtlClock;
use gress_core::{Error, Result, codec};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};
use std::{fmt, ops::Range};

/// Items as bytes, so that one is encoded once, when it is added, and a seal copies.
///
/// ```text
///  item    [age i64] ‖ length varint ‖ encoding       with an age where `ages` says so
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// Of the open end of a list: closed chunks below this number are gone.
    pub first: u64,
    /// Of the open end of a list: how many chunks were ever closed before it.
    pub before: u64,
    /// Which time the ages of the items are.
    pub ages: Ages,
    #[serde(serialize_with = "write_bytes", deserialize_with = "read_bytes")]
    pub bytes: Vec<u8>,
}

/// Whether items have ages, and by which clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ages {
    /// None: each counts as old as the chunk's stamp says, if there is one.
    #[default]
    None,
    Processing,
    Event,
}

impl From<Option<TtlClock>> for Ages {
    fn from(clock: Option<TtlClock>) -> Self {
        match clock {
            None => Ages::None,
            Some(TtlClock::Processing) => Ages::Processing,
            Some(TtlClock::Event) => Ages::Event,
        }
    }
}

impl Chunk {
    /// The same place in the list, without an item.
    pub(crate) fn emptied(&self, ages: Ages) -> Chunk {
        Chunk { first: self.first, before: self.before, ages, bytes: Vec::new() }
    }

    /// Of the open end of a list: the numbers of the closed chunks, of which some may be gone.
    pub(crate) fn closed(&self) -> Result<Range<u64>> {
        // The last number is that of the open end itself.
        if self.first > self.before || self.before == u64::MAX {
            let Chunk { first, before, .. } = self;
            return Err(Error::damaged(format!("the chunks of a list cannot go from {first} to {before}")));
        }
        Ok(self.first..self.before)
    }

    /// Appends an item, with its age if the chunk has ages; gives the bytes that it took.
    pub(crate) fn push(&mut self, age: i64, item: &[u8]) -> usize {
        let before = self.bytes.len();
        if self.ages != Ages::None {
            self.bytes.extend_from_slice(&age.to_be_bytes());
        }
        push_item(item, &mut self.bytes);
        self.bytes.len() - before
    }

    /// The items, and their ages where they have any.
    pub(crate) fn items(&self) -> Items<'_> {
        Items { rest: &self.bytes, aged: self.ages != Ages::None }
    }
}

/// Appends an encoded chunk as it is under another time to live, without the items that `is_over` says have expired by their
/// age; `false` if nothing is left of it. Without `ages_count` items are as old as the chunk's stamp says.
pub(crate) fn restamp(
    encoded: &[u8],
    is_over: impl Fn(i64) -> bool,
    ages_count: bool,
    into: &mut Vec<u8>,
) -> Result<bool> {
    let chunk: Chunk = codec::decode(encoded)?;
    let ages = if ages_count { chunk.ages } else { Ages::None };
    let mut left = chunk.emptied(ages);
    for item in chunk.items() {
        match item? {
            (Some(age), _) if is_over(age) => {}
            (age, item) => drop(left.push(age.unwrap_or_default(), item)),
        }
    }
    // The open end outlives the chunks before it.
    if left.bytes.is_empty() && left.before == 0 {
        return Ok(false);
    }
    codec::encode(&left, into).map(|()| true)
}

/// Appends an encoded chunk with what `change` appends in the place of each item. The items keep their ages.
pub(crate) fn migrate(
    encoded: &[u8],
    change: impl Fn(&[u8], &mut Vec<u8>) -> Result<()>,
    into: &mut Vec<u8>,
) -> Result<()> {
    let chunk: Chunk = codec::decode(encoded)?;
    let (mut migrated, mut changed) = (chunk.emptied(chunk.ages), Vec::new());
    for item in chunk.items() {
        let (age, item) = item?;
        changed.clear();
        change(item, &mut changed)?;
        migrated.push(age.unwrap_or_default(), &changed);
    }
    codec::encode(&migrated, into)
}

/// Appends an item behind its length.
pub(crate) fn push_item(item: &[u8], into: &mut Vec<u8>) {
    let mut length = item.len();
    while length >= 0x80 {
        into.push(length as u8 | 0x80);
        length >>= 7;
    }
    into.push(length as u8);
    into.extend_from_slice(item);
}

/// Takes the next item of `rest`, which is not empty.
pub(crate) fn take_item<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let cut = || Error::damaged("a chunk of a list is cut short");
    let mut length = 0_usize;
    for shift in (0..63).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or_else(cut)?;
        *rest = after;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let (item, after) = rest.split_at_checked(length).ok_or_else(cut)?;
            *rest = after;
            return Ok(item);
        }
    }
    Err(Error::damaged("the length of an item of a list has no end"))
}

/// Items of a chunk; an error ends them.
pub(crate) struct Items<'a> {
    rest: &'a [u8],
    aged: bool,
}

impl<'a> Items<'a> {
    fn take(&mut self) -> Result<(Option<i64>, &'a [u8])> {
        let mut age = None;
        if self.aged {
            let (bytes, after) =
                self.rest.split_first_chunk().ok_or_else(|| Error::damaged("a chunk of a list is cut short"))?;
            (age, self.rest) = (Some(i64::from_be_bytes(*bytes)), after);
        }
        take_item(&mut self.rest).map(|item| (age, item))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<(Option<i64>, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let item = self.take();
        if item.is_err() {
            self.rest = &[];
        }
        Some(item)
    }
}

fn write_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

fn read_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }
        fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
        fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }
    deserializer.deserialize_byte_buf(Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Conformance case 37, for items of a list.
    #[test]
    fn a_chunk_under_another_time_to_live_keeps_the_items_that_had_not_expired() {
        let mut chunk = Chunk { first: 1, before: 3, ages: Ages::Event, bytes: Vec::new() };
        let pushed: usize = (1..=4).map(|age| chunk.push(age, &[age as u8])).sum();
        assert_eq!(pushed, 40);
        let mut encoded = Vec::new();
        codec::encode(&chunk, &mut encoded).unwrap();
        let restamped = |last_over: i64, ages_count| {
            let mut into = Vec::new();
            let left = restamp(&encoded, |age| age <= last_over, ages_count, &mut into).unwrap();
            left.then(|| codec::decode::<Chunk>(&into).unwrap())
        };
        let items = |chunk: &Chunk| chunk.items().map(|item| item.unwrap()).map(|(age, item)| (age, item[0])).collect();
        let found: Vec<_> = items(&restamped(2, true).unwrap());
        assert_eq!(found, [(Some(3), 3), (Some(4), 4)]);
        let found: Vec<_> = items(&restamped(2, false).unwrap());
        assert_eq!(found, [(None, 3), (None, 4)]);
        assert_eq!(restamped(4, true), Some(chunk.emptied(Ages::Event)), "an open end");
        let closed = Chunk { first: 0, before: 0, ..chunk };
        encoded.clear();
        codec::encode(&closed, &mut encoded).unwrap();
        assert!(!restamp(&encoded, |_| true, true, &mut Vec::new()).unwrap());
    }

    #[test]
    fn a_migrated_chunk_keeps_its_place_and_the_ages_of_its_items() {
        for ages in [Ages::None, Ages::Event] {
            let mut chunk = Chunk { first: 1, before: 3, ages, bytes: Vec::new() };
            for age in 1..=4 {
                chunk.push(age, &vec![age as u8; 100 * age as usize]);
            }
            let (mut encoded, mut into) = (Vec::new(), Vec::new());
            codec::encode(&chunk, &mut encoded).unwrap();
            let first = |item: &[u8], into: &mut Vec<u8>| -> Result<()> {
                into.push(item[0]);
                Ok(())
            };
            migrate(&encoded, first, &mut into).unwrap();
            let mut expected = chunk.emptied(ages);
            for age in 1..=4 {
                expected.push(age, &[age as u8]);
            }
            assert_eq!(codec::decode::<Chunk>(&into).unwrap(), expected);
            assert!(migrate(&encoded, |_, _| Err(Error::damaged("no")), &mut into).is_err());
        }
    }

    proptest! {
        #[test]
        fn items_come_back_with_their_ages(items: Vec<(i64, Vec<u8>)>, aged: bool, long in 0..3_usize) {
            let ages = if aged { Ages::Event } else { Ages::None };
            let mut chunk = Chunk { first: 5, before: 7, ages, bytes: Vec::new() };
            let mut items = items;
            items.push((1, vec![7; [0, 127, 20_000][long]]));
            let pushed: usize = items.iter().map(|(age, item)| chunk.push(*age, item)).sum();
            prop_assert_eq!(pushed, chunk.bytes.len());
            let mut bytes = Vec::new();
            codec::encode(&chunk, &mut bytes).unwrap();
            let again: Chunk = codec::decode(&bytes).unwrap();
            prop_assert_eq!(&again, &chunk);
            let found = again.items().map(|item| item.unwrap()).collect::<Vec<_>>();
            let expected = items.iter().map(|(age, item)| (aged.then_some(*age), item.as_slice())).collect::<Vec<_>>();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn hostile_chunks_end_in_an_error_or_in_items_of_their_bytes(bytes: Vec<u8>, aged: bool) {
            let ages = if aged { Ages::Processing } else { Ages::None };
            let chunk = Chunk { ages, bytes, ..Chunk::default() };
            let all: usize = chunk.items().map(|item| item.map_or(0, |(_, item)| item.len())).sum();
            prop_assert!(all <= chunk.bytes.len());
        }
    }
}
