//! A walk over the chunks of a list by their numbers, which goes around what is gone.
//!
//! Only the open end says which chunks a list may have. Some of them may have expired, or been emptied: each is a look into
//! table and store that finds nothing. Of a list that items have run through for years that would be all its numbers, and a
//! damaged end can claim any. So after a few misses in a row a walk asks which number comes next, and the open end is told
//! where its list begins.

use super::{Key, ListTable, OPEN, StateKey, store_key};
use crate::store::KeyRange;
use gress_core::Result;
use std::ops::Range;

/// As many chunks may be missing one after another before a walk looks for the next one.
const MISSES: u64 = 64;

/// Which chunk of a list comes next: the closed ones in ascending order, then the open end.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    closed: Range<u64>,
    over: bool,
    /// How many were missing, one after another, up to here.
    missing: u64,
    /// Where the open end says that the list begins, as long as no chunk was met.
    begin: Option<u64>,
    /// The chunks in the table, in descending order, once a walk had to know them.
    live: Option<Vec<u64>>,
}

impl Numbers {
    fn of_list(closed: Range<u64>) -> Self {
        Numbers { begin: Some(closed.start), closed, ..Numbers::default() }
    }

    fn of_none() -> Self {
        Numbers { over: true, ..Numbers::default() }
    }

    /// How many closed chunks are still to come, at most.
    pub(super) fn left(&self) -> u64 {
        self.closed.end - self.closed.start
    }

    fn go_on(&mut self) -> Option<u64> {
        let number = self.closed.next().or((!self.over).then_some(OPEN));
        self.over |= number == Some(OPEN);
        number
    }

    /// Told whether the chunk that was given last was there; gives the number where the list truly begins, if that is worth
    /// to be written down.
    fn met(&mut self, number: u64, there: bool) -> Option<u64> {
        self.missing = if there { 0 } else { self.missing + 1 };
        if !there && number != OPEN {
            return None;
        }
        let begin = self.begin.take()?;
        let begins = if number == OPEN { self.closed.end } else { number };
        (begins - begin >= MISSES).then_some(begins)
    }
}

impl<K: StateKey> ListTable<K> {
    /// A walk over the chunks of the list of `key`; over at once if there is no list.
    pub(super) fn numbers(&mut self, key: &Key<K>) -> Result<Numbers> {
        let Some(at) = self.open_end(key)? else { return Ok(Numbers::of_none()) };
        let Some(open) = self.live.value(at) else { return Ok(Numbers::of_none()) };
        open.closed().map(Numbers::of_list).map_err(|e| self.damaged(key, OPEN, e))
    }

    /// The number of the next chunk, which may be missing: say so by [`ListTable::met`].
    pub(super) fn next_number(&self, key: &Key<K>, numbers: &mut Numbers) -> Result<Option<u64>> {
        if numbers.missing >= MISSES && numbers.left() > 0 {
            numbers.missing = 0;
            let live = self.live_number(key, numbers);
            let before = live.unwrap_or(numbers.closed.end);
            numbers.closed.start = self.stored_number(key, numbers.closed.start..before)?.unwrap_or(before);
        }
        Ok(numbers.go_on())
    }

    /// Whether chunk `number` was there. A list that begins far behind where it should is told so.
    pub(super) fn met(&mut self, key: &Key<K>, numbers: &mut Numbers, number: u64, there: bool) -> Result<()> {
        let Some(begins) = numbers.met(number, there) else { return Ok(()) };
        let Some(at) = self.find_chunk(key, OPEN) else { return Ok(()) };
        self.live.touch(at, &mut self.cold)?;
        let Some(open) = self.live.value_mut(at) else { return Ok(()) };
        open.first = begins;
        let updated = self.live.updated(at);
        self.mark(at, updated);
        Ok(())
    }

    /// The next chunk in the table.
    fn live_number(&self, key: &Key<K>, numbers: &mut Numbers) -> Option<u64> {
        let Numbers { closed, live, .. } = numbers;
        let live = live.get_or_insert_with(|| {
            let mut live = self.live_numbers(key, closed);
            live.sort_unstable_by(|a, b| b.cmp(a));
            live
        });
        while live.pop_if(|number| *number < closed.start).is_some() {}
        live.last().copied()
    }

    /// Which chunks are in the table, in no order. It looks at each of them or at each entry, whichever are fewer.
    pub(super) fn live_numbers(&self, key: &Key<K>, within: &Range<u64>) -> Vec<u64> {
        if within.end - within.start <= self.live.entries() as u64 {
            return within.clone().filter(|number| self.find_chunk(key, *number).is_some()).collect();
        }
        let of_key = self.live.keys().filter(|place| place.key == **key).map(|place| place.number);
        of_key.filter(|number| within.contains(number)).collect()
    }

    /// The first chunk in the store.
    fn stored_number(&self, key: &Key<K>, within: Range<u64>) -> Result<Option<u64>> {
        let Some(store) = self.cold.store().filter(|_| !within.is_empty()) else { return Ok(None) };
        let (lower, upper) = (store_key(key, within.start), store_key(key, within.end));
        let mut found = None;
        let range = KeyRange { lower: &lower, upper: Some(&upper) };
        store.scan(range, 1, &mut |store_key, _| found = store_key.last_chunk::<8>().copied())?;
        Ok(found.map(u64::from_be_bytes))
    }
}
