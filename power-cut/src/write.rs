//! Writes whose values say by themselves which write they belong to, and whether all of their bytes are there.

use gress_crash_test::random::Random;

use crate::store::Entry;

/// Few, so that most writes replace something.
pub const KEYS: usize = 40;

/// One write: what it does to which keys. Its number is never used again, also if nobody acknowledged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Numbers count up.
    pub number: u64,
    /// Keys are distinct, each is put (or else deleted).
    pub changes: Vec<Change>,
    /// By which call.
    pub how: How,
}

/// By which call of a store a write is made. All or nothing, each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Entry by entry: a put, a delete, or a batch of both.
    Entries,
    /// One value that expires, long after the test.
    Expiring,
    /// A range is deleted, which is all keys of the changes.
    Range,
    /// So many deletes of keys that follow each other that the store covers them with a range delete of its own.
    Emptied,
    /// Values so large that the run comes to the store in several files.
    Files,
    /// A snapshot is restored: what it lacks is gone.
    Restored,
}

/// What a write does to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Below [`KEYS`].
    pub key: usize,
    /// Whether there is a value afterwards.
    pub is_put: bool,
}

/// What a store holds under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// The whole value of the write with this number.
    Written(u64),
    /// Bytes that no write wrote there.
    Garbage,
}

impl Write {
    /// A random write. It has several changes only if `batches`.
    pub fn draw(number: u64, batches: bool, random: &mut Random) -> Self {
        if batches && random.one_in(12) {
            return Self::draw_rare(number, random);
        }
        let length = if batches && random.one_in(4) { random.number(2..9) } else { 1 };
        let mut changes: Vec<Change> = Vec::new();
        while changes.len() < length as usize {
            let key = random.number(0..KEYS as u64) as usize;
            if changes.iter().all(|change| change.key != key) {
                changes.push(Change { key, is_put: !random.one_in(6) });
            }
        }
        Self { number, changes, how: How::Entries }
    }

    /// A write of the other kinds. Those that are dear are rare.
    fn draw_rare(number: u64, random: &mut Random) -> Self {
        let how = match random.number(0..16) {
            0 => How::Files,
            1 => How::Emptied,
            2..5 => How::Restored,
            5..10 => How::Range,
            _ => How::Expiring,
        };
        let lower = random.number(0..KEYS as u64) as usize;
        let upper = (lower + random.number(1..9) as usize).min(KEYS);
        let put = |key| Change { key, is_put: true };
        let changes = match how {
            How::Range | How::Emptied => (lower..upper).map(|key| Change { key, is_put: false }).collect(),
            How::Restored => (0..KEYS).map(|key| Change { key, is_put: random.one_in(2) }).collect(),
            How::Files => (0..KEYS / 2).map(put).collect(),
            How::Expiring | How::Entries => vec![put(lower)],
        };
        // The number says how large its values are. A restored snapshot may come in files, too.
        let is_large = how == How::Files || (how == How::Restored && random.one_in(3));
        let number = if is_large { number | FILES } else { number };
        Self { number, changes, how }
    }

    /// The bytes that a store gets.
    pub fn entries(&self) -> Vec<Entry> {
        let value = |change: &Change| change.is_put.then(|| value(self.number, change.key));
        self.changes.iter().map(|change| (key(change.key), value(change))).collect()
    }
}

impl Found {
    /// What these bytes under this key are.
    pub fn of(key: usize, bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else { return Self::Absent };
        match bytes.first_chunk() {
            Some(&number) if bytes == value(u64::from_be_bytes(number), key) => {
                Self::Written(u64::from_be_bytes(number))
            }
            _ => Self::Garbage,
        }
    }
}

/// The bytes of a key.
pub fn key(key: usize) -> Vec<u8> {
    format!("key {key:03}").into_bytes()
}

/// A bit of the numbers of writes that come in several files.
const FILES: u64 = 1 << 40;

/// The write's number, then bytes and a length that follow from number and key.
fn value(number: u64, key: usize) -> Vec<u8> {
    let mut random = Random::of_seed(number ^ (key as u64) << 48);
    // A few are larger than a block of the log (32 KiB), most are small.
    let length = match random.number(0..40) {
        // With half of the keys more than the 4 MiB from which a run is ingested.
        _ if number & FILES != 0 => 260_000,
        0 => random.number(0..40_000),
        1..5 => random.number(0..4_000),
        _ => random.number(0..200),
    };
    let mut bytes = number.to_be_bytes().to_vec();
    while (bytes.len() as u64) < 8 + length {
        bytes.extend(random.next_u64().to_le_bytes());
    }
    bytes.truncate(8 + length as usize);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_write_and_is_garbage_if_a_byte_is_missing_or_it_is_under_another_key() {
        for number in 0..200 {
            let whole = value(number, 3);
            assert_eq!(Found::of(3, Some(&whole)), Found::Written(number));
            assert_eq!(Found::of(3, Some(&whole[..whole.len() - 1])), Found::Garbage);
            if whole.len() > 8 {
                assert_eq!(Found::of(4, Some(&whole)), Found::Garbage);
            }
        }
        assert_eq!(Found::of(3, None), Found::Absent);
        assert_eq!(Found::of(3, Some(b"")), Found::Garbage);
    }

    #[test]
    fn some_writes_have_many_changes_with_distinct_keys() {
        let mut random = Random::of_seed(1);
        let writes: Vec<Write> = (0..2_000).map(|number| Write::draw(number, true, &mut random)).collect();
        assert!(writes.iter().any(|write| write.changes.len() == 8 && write.how == How::Entries));
        assert!(writes.iter().any(|write| write.changes.iter().any(|change| !change.is_put)));
        for how in [How::Expiring, How::Range, How::Emptied, How::Files, How::Restored] {
            assert!(writes.iter().any(|write| write.how == how), "{how:?}");
        }
        for write in writes {
            let mut keys: Vec<usize> = write.changes.iter().map(|change| change.key).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), write.changes.len());
        }
    }
}
