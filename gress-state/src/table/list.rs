//! The table of lists: a list is chunks of encoded items, closed ones under ascending numbers, and one that is open.
//!
//! ```text
//!  key ‖ 0            closed chunk: about 4 KiB of items, never written again
//!  key ‖ 1            …
//!  key ‖ 2^64 - 1     the open end: which chunks are closed, and the items after them
//! ```
//!
//! A list exists if and only if its open end does. So an addition to a list that is not in memory reads the open end alone, a
//! seal encodes what was closed and opened since the last one, and the open end names all chunks there may be: no list is
//! looked for by a scan. Chunks that hold nothing any more are missing between the others; a scan goes around where many are.

mod chunk;
mod numbers;

use super::{
    Cold, StateDescription, ValueTable,
    aging::{Aged, Verdict},
    live::Origin,
    slot_key::{SlotKey, StoredKey, element_hash},
};
use crate::{
    key::{Key, StateKey, encode_key},
    key_layout::{self, WindowPart, hex},
};
pub(crate) use chunk::migrate as migrate_chunk;
pub(crate) use chunk::restamp as restamp_chunk;
pub(crate) use chunk::take_item;
use chunk::{Ages, Chunk, push_item};
use gress_core::{Error, KeyGroup, Result, codec};
use numbers::Numbers;

/// The number of the open end.
const OPEN: u64 = u64::MAX;
/// A chunk is closed before it has more bytes than this, unless a single item has.
const CHUNK_BYTES: usize = 4096;
/// As many chunks are deleted one by one; more of them as a range.
const DELETES_MAX: u64 = 64;
/// Lists of at most so many chunks, about 1 MiB, stay in the table when they are read.
const CACHED_CHUNKS: u64 = 256;

/// Where a chunk stands.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ChunkKey<K> {
    key: K,
    number: u64,
}

impl<K: StateKey> SlotKey for ChunkKey<K> {
    fn push_store_key(&self, group: KeyGroup, _: WindowPart, into: &mut Vec<u8>) -> Result<()> {
        key_layout::push_prefix(group, WindowPart::None, into);
        encode_key(&self.key, into)?;
        into.extend_from_slice(&self.number.to_be_bytes());
        Ok(())
    }

    #[inline]
    fn first_looked_for(hash: u64) -> u64 {
        element_hash(hash, &OPEN.to_be_bytes())
    }

    fn heap_bytes(&self) -> usize {
        if std::mem::needs_drop::<K>() { codec::encoded_len(&self.key) } else { 0 }
    }
}

impl<K: StateKey> StoredKey for ChunkKey<K> {
    fn of_store_key(store_key: &[u8], cold: &Cold) -> Result<(Self, u64)> {
        let parts = cold.split_element(store_key)?;
        let number = parts.element.try_into().map(u64::from_be_bytes);
        let number =
            number.map_err(|_| cold.undecodable::<Chunk>(store_key, Error::damaged("it has no chunk number")))?;
        Ok((ChunkKey { key: parts.key, number }, element_hash(parts.hash, parts.element)))
    }
}

/// Lists by key.
pub(crate) type ListTable<K> = ValueTable<ChunkKey<K>, Chunk>;

/// How far a list was read.
#[derive(Debug, Default)]
pub(crate) struct ListCursor {
    /// Not known before the first chunk is asked for.
    numbers: Option<Numbers>,
    /// The chunk that was read last.
    number: u64,
    /// Whether the chunks that are read stay in the table.
    cached: bool,
}

/// What a look at the ages of a chunk's items has found.
struct Sifted {
    kept: Chunk,
    /// The newest of the ages that were kept.
    newest: i64,
    /// Not only were items left out that no read finds: some live on, or were given for the last time.
    must_be_written: bool,
}

impl<K: StateKey> ListTable<K> {
    /// A table of lists that `description` tells of.
    pub(crate) fn of_lists(cold: Cold, description: StateDescription) -> Self {
        let mut table = ValueTable::new(cold, description);
        table.live.count_memory();
        table
    }

    /// Adds an encoded item to the list of `key`.
    pub(crate) fn append(&mut self, key: &Key<K>, item: &[u8]) -> Result<()> {
        self.append_aged(key, item, self.live.now())
    }

    fn append_aged(&mut self, key: &Key<K>, item: &[u8], age: i64) -> Result<()> {
        let ages = self.ages();
        let at = self.open_end(key)?;
        if let Some(at) = at
            && self.live.value(at).is_some()
        {
            self.live.touch(at, &mut self.cold)?;
            self.restate(at, ages)?;
            self.close_if_full(key, at, item.len())?;
            let newest = self.live.updated(at).max(age);
            let Some(open) = self.live.value_mut(at) else { return Ok(()) };
            let grown = open.push(age, item);
            self.live.grown(grown as isize);
            self.mark(at, newest);
            return Ok(());
        }
        let mut open = Chunk { ages, ..Chunk::default() };
        open.push(age, item);
        let at = match at {
            Some(at) => {
                self.live.touch(at, &mut self.cold)?;
                self.live.grown(open.bytes.len() as isize);
                self.live.fill(at, open);
                at
            }
            None => self.live.insert_new(&chunk_key(key, OPEN), open, false),
        };
        self.mark(at, age);
        Ok(())
    }

    fn ages(&self) -> Ages {
        self.live.ttl().map(|ttl| ttl.clock).into()
    }

    fn mark(&mut self, at: u32, updated: i64) {
        match self.live.ages() {
            true => self.live.mark_updated(at, updated),
            false => self.live.mark(at),
        }
    }

    /// Writes the ages of the items of slot `at` as those of this table, if they are of a clock that it had before.
    fn restate(&mut self, at: u32, ages: Ages) -> Result<()> {
        let updated = self.live.updated(at);
        let Some(chunk) = self.live.value_mut(at).filter(|chunk| chunk.ages != ages) else { return Ok(()) };
        let mut restated = chunk.emptied(ages);
        for item in chunk.items() {
            restated.push(updated, item?.1);
        }
        *chunk = restated;
        Ok(())
    }

    /// Closes the open end in slot `at` if `more` bytes have no room in it.
    fn close_if_full(&mut self, key: &Key<K>, at: u32, more: usize) -> Result<()> {
        let updated = self.live.updated(at);
        let full = |open: &&mut Chunk| !open.bytes.is_empty() && open.bytes.len() + more > CHUNK_BYTES;
        let Some(open) = self.live.value_mut(at).filter(full) else { return Ok(()) };
        let number = match open.closed() {
            Ok(closed) => closed.end,
            Err(e) => return Err(self.damaged(key, OPEN, e)),
        };
        let mut bytes = std::mem::take(&mut open.bytes);
        bytes.shrink_to_fit();
        let closed = Chunk { ages: open.ages, bytes, ..Chunk::default() };
        open.before += 1;
        self.live.grown(-(closed.bytes.len() as isize));
        self.write_chunk(key, number, closed, updated)
    }

    fn write_chunk(&mut self, key: &Key<K>, number: u64, chunk: Chunk, updated: i64) -> Result<()> {
        let place = chunk_key(key, number);
        self.live.set(&place, chunk, &mut self.cold)?;
        if self.live.ages()
            && let Some(at) = self.live.find(&place)
        {
            self.live.mark_updated(at, updated);
        }
        Ok(())
    }

    fn find_chunk(&self, key: &Key<K>, number: u64) -> Option<u32> {
        let hash = element_hash(key.hash(), &number.to_be_bytes());
        self.live.find_by(hash, |place| place.number == number && place.key == **key)
    }

    /// The slot of a chunk, loaded if need be.
    fn chunk(&mut self, key: &Key<K>, number: u64) -> Result<Option<u32>> {
        match self.find_chunk(key, number) {
            Some(at) => {
                self.cold.hit();
                Ok(Some(at))
            }
            None => self.live.find_or_load(&chunk_key(key, number), &mut self.cold),
        }
    }

    /// The slot of the open end; a list that no read would find any more is gone.
    fn open_end(&mut self, key: &Key<K>) -> Result<Option<u32>> {
        match self.live.ages() {
            false => self.chunk(key, OPEN),
            true => self.find_to_change(&chunk_key(key, OPEN)),
        }
    }

    /// Appends the items of the next chunk to `out`, each behind its length; `false` at the end of the list.
    pub(crate) fn read_on(&mut self, key: &Key<K>, cursor: &mut ListCursor, out: &mut Vec<u8>) -> Result<bool> {
        let numbers = match &mut cursor.numbers {
            Some(numbers) => numbers,
            None => {
                let numbers = self.numbers(key)?;
                cursor.cached = numbers.left() <= CACHED_CHUNKS;
                cursor.numbers.insert(numbers)
            }
        };
        let Some(number) = self.next_number(key, numbers)? else { return Ok(false) };
        cursor.number = number;
        let there = self.read_chunk(key, number, cursor.cached || number == OPEN, out)?;
        self.met(key, numbers, number, there)?;
        Ok(true)
    }

    /// Whether the chunk was there.
    fn read_chunk(&mut self, key: &Key<K>, number: u64, cached: bool, out: &mut Vec<u8>) -> Result<bool> {
        let at = match self.find_chunk(key, number) {
            None if !cached => {
                let place = chunk_key(key, number);
                let Some(Aged { value: chunk, updated }) = self.live.load(&place, &self.cold)? else {
                    return Ok(false);
                };
                let sifted = self.sift(key, number, &chunk, updated, out)?;
                if !sifted.as_ref().is_some_and(|sifted| sifted.must_be_written) {
                    return Ok(!sifted.is_some_and(|sifted| sifted.kept.bytes.is_empty()));
                }
                let (hash, found) = (place.hash(), Some(Aged { value: chunk, updated }));
                let at = self.live.insert(place.value().clone(), hash, found, Origin::Store);
                return self.keep(number, at, sifted);
            }
            _ => self.chunk(key, number)?,
        };
        let Some(at) = at else { return Ok(false) };
        let Some(chunk) = self.live.value(at) else { return Ok(false) };
        let sifted = self.sift(key, number, chunk, self.live.updated(at), out)?;
        self.keep(number, at, sifted)
    }

    /// Appends the items of a chunk that are there to `out`. `None` if that leaves the chunk as it is.
    fn sift(
        &self,
        key: &Key<K>,
        number: u64,
        chunk: &Chunk,
        updated: i64,
        out: &mut Vec<u8>,
    ) -> Result<Option<Sifted>> {
        let (ages, now) = (self.ages(), self.live.now());
        let mut sifted = Sifted { kept: chunk.emptied(ages), newest: i64::MIN, must_be_written: false };
        let mut changed = false;
        for item in chunk.items() {
            let (age, item) = item.map_err(|e| self.damaged(key, number, e))?;
            if ages == Ages::None {
                push_item(item, out);
                continue;
            }
            let age = age.filter(|_| chunk.ages == ages).unwrap_or(updated);
            let verdict = self.live.judge_age(age);
            let kept = match verdict {
                Verdict::Live => Some(age),
                Verdict::Renewed => Some(now),
                Verdict::Gone | Verdict::Last => None,
            };
            if verdict != Verdict::Gone {
                push_item(item, out);
            }
            changed |= verdict != Verdict::Live;
            sifted.must_be_written |= match verdict {
                Verdict::Live => false,
                Verdict::Renewed | Verdict::Last => true,
                // An earlier time may still be asked about, and finds it gone whether or not the chunk was in the table.
                Verdict::Gone => !self.live.is_unreachable_age(age),
            };
            if let Some(age) = kept {
                sifted.newest = sifted.newest.max(age);
                sifted.kept.push(age, item);
            }
        }
        Ok(changed.then_some(sifted))
    }

    /// Leaves in slot `at` what was kept of its chunk; `false` if that is nothing.
    fn keep(&mut self, number: u64, at: u32, sifted: Option<Sifted>) -> Result<bool> {
        let Some(Sifted { kept, newest, .. }) = sifted else { return Ok(true) };
        // The open end outlives the chunks before it, which only it knows of.
        if kept.bytes.is_empty() && (number != OPEN || kept.before == 0) {
            self.live.expire(at, &mut self.cold)?;
            return Ok(false);
        }
        let updated = if number == OPEN { self.live.updated(at).max(newest) } else { newest };
        self.live.touch(at, &mut self.cold)?;
        if let Some(chunk) = self.live.value_mut(at) {
            *chunk = kept;
        }
        self.live.mark_updated(at, updated);
        Ok(true)
    }

    /// Whether the list has an item that has not expired.
    pub(crate) fn has_items(&mut self, key: &Key<K>) -> Result<bool> {
        self.catch_up()?;
        match self.has_items_in(key, OPEN)? {
            Some(false) => {}
            found => return Ok(found == Some(true)),
        }
        let mut numbers = self.numbers(key)?;
        while let Some(number) = self.next_number(key, &mut numbers)? {
            let found = self.has_items_in(key, number)?;
            if found == Some(true) && number != OPEN {
                return Ok(true);
            }
            self.met(key, &mut numbers, number, found.is_some())?;
        }
        Ok(false)
    }

    /// Whether a chunk has an item that has not expired; `None` if the chunk is missing.
    fn has_items_in(&mut self, key: &Key<K>, number: u64) -> Result<Option<bool>> {
        let Some(at) = (if number == OPEN { self.open_end(key)? } else { self.chunk(key, number)? }) else {
            return Ok(None);
        };
        let Some(chunk) = self.live.value(at) else { return Ok(None) };
        let (same, updated) = (chunk.ages == self.ages(), self.live.updated(at));
        for item in chunk.items() {
            let (age, _) = item.map_err(|e| self.damaged(key, number, e))?;
            let verdict = self.live.judge_age(age.filter(|_| same).unwrap_or(updated));
            if matches!(verdict, Verdict::Live | Verdict::Renewed) {
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    }

    /// Removes the items that `keep` refuses, and those that have expired.
    pub(crate) fn retain(&mut self, key: &Key<K>, mut keep: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        self.catch_up()?;
        let (mut numbers, mut left) = (self.numbers(key)?, false);
        while let Some(number) = self.next_number(key, &mut numbers)? {
            let kept = self.retain_in(key, number, &mut keep)?;
            left |= kept == Some(true);
            self.met(key, &mut numbers, number, kept.is_some())?;
        }
        if left { Ok(()) } else { self.clear(key) }
    }

    /// Removes items of a chunk, and it with the last of them. Whether items are left; `None` if the chunk is missing now.
    fn retain_in(
        &mut self,
        key: &Key<K>,
        number: u64,
        keep: &mut impl FnMut(&[u8]) -> Result<bool>,
    ) -> Result<Option<bool>> {
        let Some(at) = self.chunk(key, number)? else { return Ok(None) };
        let Some(chunk) = self.live.value(at) else { return Ok(None) };
        let (ages, updated) = (self.ages(), self.live.updated(at));
        let mut kept = chunk.emptied(ages);
        let mut newest = if number == OPEN { updated } else { i64::MIN };
        let mut changed = false;
        for item in chunk.items() {
            let (age, item) = item.map_err(|e| self.damaged(key, number, e))?;
            let age = age.filter(|_| chunk.ages == ages).unwrap_or(updated);
            let over = matches!(self.live.judge_age(age), Verdict::Gone | Verdict::Last);
            if !over && keep(item).map_err(|e| self.damaged(key, number, e))? {
                newest = newest.max(age);
                kept.push(age, item);
            } else {
                changed = true;
            }
        }
        let left = !kept.bytes.is_empty();
        if !changed {
            return Ok(Some(left));
        }
        if number != OPEN && !left {
            self.live.remove(at, &mut self.cold)?;
            return Ok(None);
        }
        self.live.touch(at, &mut self.cold)?;
        if let Some(chunk) = self.live.value_mut(at) {
            *chunk = kept;
        }
        self.mark(at, newest);
        Ok(Some(left))
    }

    /// Removes the list.
    pub(crate) fn clear(&mut self, key: &Key<K>) -> Result<()> {
        self.catch_up()?;
        let Some(at) = self.chunk(key, OPEN)? else { return Ok(()) };
        let Some(open) = self.live.value(at) else { return Ok(()) };
        let closed = open.closed().map_err(|e| self.damaged(key, OPEN, e))?;
        self.live.remove(at, &mut self.cold)?;
        let mut behind = self.cold.spilled();
        if closed.end - closed.start <= DELETES_MAX {
            for number in closed {
                match self.find_chunk(key, number) {
                    Some(at) => drop(self.live.remove(at, &mut self.cold)?),
                    None if behind => self.live.remove_blindly(&chunk_key(key, number)),
                    None => {}
                }
            }
            return Ok(());
        }
        for number in self.live_numbers(key, &closed) {
            if let Some(at) = self.find_chunk(key, number) {
                behind |= self.live.forget(at, &mut self.cold)?;
            }
        }
        if behind {
            self.dropped.push(store_key(key, closed.start), store_key(key, closed.end));
        }
        Ok(())
    }

    /// Moves the items of `sources` that have not expired to the end of the list of `target`, in the order given.
    pub(crate) fn merge(&mut self, target: &Key<K>, sources: &[&Key<K>]) -> Result<()> {
        self.catch_up()?;
        for source in sources {
            let mut numbers = self.numbers(source)?;
            while let Some(number) = self.next_number(source, &mut numbers)? {
                let at = self.chunk(source, number)?;
                let chunk = at.and_then(|at| Some((self.live.value(at)?.clone(), self.live.updated(at))));
                self.met(source, &mut numbers, number, chunk.is_some())?;
                let Some((chunk, updated)) = chunk else { continue };
                let same = chunk.ages == self.ages();
                for item in chunk.items() {
                    let (age, item) = item.map_err(|e| self.damaged(source, number, e))?;
                    let age = age.filter(|_| same).unwrap_or(updated);
                    if matches!(self.live.judge_age(age), Verdict::Live | Verdict::Renewed) {
                        self.append_aged(target, item, age)?;
                    }
                }
            }
            self.clear(source)?;
        }
        Ok(())
    }

    /// What is said of an item of the chunk that was read last.
    pub(crate) fn undecodable_item<T>(&self, key: &Key<K>, cursor: &ListCursor, error: Error) -> Error {
        self.cold.undecodable::<T>(&store_key(key, cursor.number), error)
    }

    /// What is said of an item that cannot be encoded.
    pub(crate) fn unencodable_item(&self, key: &Key<K>, error: Error) -> Error {
        error.at(format!("state `{}`, store key {}", self.cold.name, hex(&store_key(key, OPEN))))
    }

    /// What is said of a chunk whose items cannot be read.
    pub(crate) fn damaged(&self, key: &Key<K>, number: u64, error: Error) -> Error {
        self.cold.undecodable::<Chunk>(&store_key(key, number), error)
    }
}

fn store_key<K: StateKey>(key: &Key<K>, number: u64) -> Vec<u8> {
    let (mut store_key, place) = (Vec::new(), chunk_key(key, number));
    // A key that was looked up can be encoded.
    let _ = place.value().push_store_key(place.group(), WindowPart::None, &mut store_key);
    store_key
}

fn chunk_key<K: StateKey>(key: &Key<K>, number: u64) -> Key<ChunkKey<K>> {
    let hash = element_hash(key.hash(), &number.to_be_bytes());
    Key::from_parts(ChunkKey { key: key.value().clone(), number }, hash)
}
