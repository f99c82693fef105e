//! The table of maps: a slot for each element, and a head for each key that knows its elements in order.
//!
//! ```text
//!  heads:  key ──▶ Head { whole?, element ▶ slot, element ▶ slot, … }      ascending by encoding
//!                              │
//!  values: (head, element) ──▶ slot with value, epoch, age                  a ValueTable of places
//! ```
//!
//! An element is found by one look into the index of the slots. A head is **whole** while whatever its key has in store or
//! checkpoint is live: then an element without a slot is absent, and a walk asks no store. A map that is small is loaded as
//! a whole when it is walked over, and evicted as a whole; of a large one elements come and go singly, and a walk lays the
//! live ones over slices of the store's rows.

mod head;
mod walk;

use super::{
    Cold, StateDescription, StateTable, TableStats, ValueTable, aging::Verdict, live::Origin, slot_key::element_hash,
    values::Found,
};
use crate::{
    key::{Key, MapKey, StateKey},
    run::{RunCursor, UnsortedRun},
    store::{KeyRange, prefix_end},
    ttl::{Expiry, Ttl},
    value::StateValue,
    version::Versions,
};
use gress_core::{Error, Result, StateName};
use hashbrown::HashTable;
pub(crate) use head::{Head, Place};
use std::{
    any::type_name,
    cell::{Cell, RefCell},
    collections::VecDeque,
    marker::PhantomData,
    ops::Bound,
    rc::Rc,
    sync::Arc,
};
use walk::Row;
pub(crate) use walk::{Met, Walk};

/// As many elements are deleted one by one; more of them as a range.
const DELETES_MAX: usize = 64;
/// Maps of at most so many rows are loaded as a whole when they are walked over.
const LOADED_ROWS: usize = 1024;

/// Maps by key.
pub(crate) struct MapTable<K, E, V> {
    pub values: ValueTable<Place<K>, V>,
    heads: RefCell<HashTable<Rc<Head<K>>>>,
    head_bytes: Cell<usize>,
    emptied: Rc<RefCell<Vec<u64>>>,
    /// Heads whose cleared range is on its way to the store.
    cleared: Vec<Rc<Head<K>>>,
    of: PhantomData<fn(E)>,
}

impl<K: StateKey, E: MapKey, V: StateValue> MapTable<K, E, V> {
    pub(crate) fn new(cold: Cold) -> Self {
        MapTable {
            values: ValueTable::new(cold, StateDescription::of_map::<K, E, V>()),
            heads: RefCell::default(),
            head_bytes: Cell::new(0),
            emptied: Rc::default(),
            cleared: Vec::new(),
            of: PhantomData,
        }
    }

    pub(crate) fn expire_by(&mut self, ttl: Ttl) {
        self.values.expire_by(ttl);
    }

    /// The head of `key`, if anything is known of its map.
    pub(crate) fn head(&self, key: &Key<K>) -> Option<Rc<Head<K>>> {
        self.heads.borrow().find(key.hash(), |head| head.is(key)).cloned()
    }

    /// The head of `key`, made if there is none. One without elements is gone after the batch.
    fn head_or_new(&self, key: &Key<K>) -> Result<Rc<Head<K>>> {
        if let Some(head) = self.head(key) {
            return Ok(head);
        }
        let head = Rc::new(Head::new(key, !self.values.cold.spilled(), self.emptied.clone())?);
        self.head_bytes.set(self.head_bytes.get() + head.memory_bytes());
        self.emptied.borrow_mut().push(key.hash());
        self.heads.borrow_mut().insert_unique(key.hash(), head.clone(), |head| head.hash);
        Ok(head)
    }

    /// Whether what has no slot of the map of `key` is absent.
    pub(crate) fn is_whole(&self, key: &Key<K>) -> bool {
        !self.values.cold.spilled() || self.head(key).is_some_and(|head| head.whole.get())
    }

    /// The slot of an element, if it is live.
    #[inline]
    pub(crate) fn find(&self, key: &Key<K>, element: &[u8]) -> Option<u32> {
        let is = |place: &Place<K>| *place.element == *element && place.head.is(key);
        self.values.live.find_by(element_hash(key.hash(), element), is)
    }

    /// The token of an element, for calls that may put it into the table.
    pub(crate) fn place(&self, key: &Key<K>, element: &[u8]) -> Result<Key<Place<K>>> {
        let place = Place { head: self.head_or_new(key)?, element: element.into() };
        Ok(Key::from_parts(place, element_hash(key.hash(), element)))
    }

    /// The slot of an element for a call that changes its value in place.
    pub(crate) fn find_to_change(&mut self, key: &Key<K>, element: &[u8]) -> Result<Option<u32>> {
        if let (false, Some(at)) = (self.values.live.ages(), self.find(key, element)) {
            self.values.cold.hit();
            return Ok(Some(at));
        }
        let place = self.place(key, element)?;
        self.values.find_to_change(&place)
    }

    /// Sets the value of an element without reading the one before.
    pub(crate) fn set(&mut self, key: &Key<K>, element: &[u8], value: V) -> Result<()> {
        if self.values.live.ages() {
            self.values.catch_up()?;
        }
        if let Some(at) = self.find(key, element) {
            return self.values.live.set_at(at, value, &mut self.values.cold);
        }
        let place = self.place(key, element)?;
        self.values.live.set(&place, value, &mut self.values.cold)
    }

    /// Changes the value of an element in place if there is one; `true` if there was.
    pub(crate) fn update(&mut self, key: &Key<K>, element: &[u8], change: impl FnOnce(&mut V)) -> Result<bool> {
        let Some(at) = self.find_to_change(key, element)? else { return Ok(false) };
        let ValueTable { live, cold, .. } = &mut self.values;
        live.touch(at, cold)?;
        let Some(value) = live.value_mut(at) else { return Ok(false) };
        change(value);
        live.mark(at);
        Ok(true)
    }

    /// Removes an element and gives its value.
    pub(crate) fn take(&mut self, key: &Key<K>, element: &[u8]) -> Result<Option<V>> {
        let Some(at) = self.find_to_change(key, element)? else { return Ok(None) };
        self.values.live.remove(at, &mut self.values.cold)
    }

    /// Removes an element without reading it.
    pub(crate) fn remove(&mut self, key: &Key<K>, element: &[u8]) -> Result<()> {
        if self.values.live.ages() {
            self.values.catch_up()?;
        }
        match self.find(key, element) {
            Some(at) => self.values.live.remove(at, &mut self.values.cold).map(drop),
            None if self.is_whole(key) => Ok(()),
            None => {
                let place = self.place(key, element)?;
                self.values.live.remove_blindly(&place);
                Ok(())
            }
        }
    }

    /// Removes all elements of `key`.
    pub(crate) fn clear(&mut self, key: &Key<K>) -> Result<()> {
        self.values.catch_up()?;
        let mut few = true;
        if !self.is_whole(key) {
            let head = self.head_or_new(key)?;
            let end = prefix_end(&head.prefix);
            let (rows, _) = self.rows(&head.prefix, end.as_deref(), head.prefix.len(), DELETES_MAX + 1)?;
            few = rows.len() <= DELETES_MAX;
            if few {
                for (element, _) in &rows {
                    self.remove(key, element)?;
                }
                head.whole.set(true);
            }
        }
        let Some(head) = self.head(key) else { return Ok(()) };
        let slots = head.slots();
        if few && slots.len() <= DELETES_MAX {
            return slots.into_iter().try_for_each(|at| self.values.live.remove(at, &mut self.values.cold).map(drop));
        }
        let mut behind = !few;
        for at in slots {
            behind |= self.values.live.forget(at, &mut self.values.cold)?;
        }
        head.whole.set(true);
        if let (true, Some(end)) = (behind, prefix_end(&head.prefix)) {
            self.values.dropped.push(head.prefix.to_vec(), end);
            if !head.cleared.replace(true) {
                self.cleared.push(head);
            }
        }
        Ok(())
    }

    /// Up to `max` rows of the store from a store key on, and the store key to go on from. User code never runs inside.
    fn rows(
        &self,
        from: &[u8],
        end: Option<&[u8]>,
        prefix_len: usize,
        max: usize,
    ) -> Result<(VecDeque<Row>, Option<Vec<u8>>)> {
        let Some(store) = self.values.cold.store() else { return Ok((VecDeque::new(), None)) };
        let mut rows = VecDeque::new();
        let range = KeyRange { lower: from, upper: end };
        let next = store.scan(range, max, &mut |store_key, stored| {
            rows.push_back((store_key[prefix_len.min(store_key.len())..].to_vec(), stored.to_vec()));
        })?;
        Ok((rows, next))
    }

    /// A walk over all elements of `key`; a small map becomes whole by it.
    pub(crate) fn walk_and_load(&mut self, key: &Key<K>) -> Result<Walk> {
        if self.is_whole(key) {
            return Walk::all(key, VecDeque::new(), None);
        }
        let head = self.head_or_new(key)?;
        let end = prefix_end(&head.prefix);
        let (rows, next) = self.rows(&head.prefix, end.as_deref(), head.prefix.len(), LOADED_ROWS)?;
        if next.is_some() {
            return Walk::all(key, rows, next);
        }
        for (element, stored) in rows {
            if self.find(key, &element).is_none() {
                let found = self.decode(&head, &element, &stored)?;
                let place = self.place(key, &element)?;
                self.values.live.insert(place.value().clone(), place.hash(), Some(found), Origin::Store);
            }
        }
        head.whole.set(true);
        Walk::all(key, VecDeque::new(), None)
    }

    fn decode(&self, head: &Head<K>, element: &[u8], stored: &[u8]) -> Result<super::aging::Aged<V>> {
        let undecodable = |e| self.values.cold.undecodable::<V>(&[&head.prefix, element].concat(), e);
        self.values.live.decode(stored).map_err(undecodable)
    }

    /// What a walk has met, as a read finds it: `None` where nothing is.
    pub(crate) fn read_met(&self, key: &Key<K>, met: &Met) -> Result<Option<Found<V>>> {
        let found = match met {
            Met::Live(_, at) if !self.values.live.ages() => {
                return Ok(self.values.live.value(*at).is_some().then_some(Found::In(*at)));
            }
            Met::Live(element, _) => self.values.read_beside(&self.place(key, element)?)?,
            Met::Row(element, stored) => {
                let head = self.head_or_new(key)?;
                let found = self.decode(&head, element, stored)?;
                self.values.loaded_beside(&self.place(key, element)?, found)
            }
        };
        Ok(match found {
            Found::Nothing => None,
            found => Some(found),
        })
    }

    /// Whether what a walk has met is there, which changes nothing.
    pub(crate) fn is_there(&self, met: &Met) -> Result<bool> {
        let verdict = match met {
            Met::Live(_, at) if self.values.live.value(*at).is_none() => return Ok(false),
            Met::Live(_, at) => self.values.live.judge(*at),
            Met::Row(_, stored) if self.values.live.ages() => {
                self.values.live.judge_age(self.values.live.decode_age(stored)?)
            }
            Met::Row(..) => Verdict::Live,
        };
        Ok(matches!(verdict, Verdict::Live | Verdict::Renewed))
    }

    /// What `look` says of the value that a walk has met.
    pub(crate) fn look_at(&self, key: &Key<K>, met: &Met, look: impl FnOnce(&V) -> bool) -> Result<bool> {
        match met {
            Met::Live(_, at) => Ok(self.values.live.value(*at).is_none_or(look)),
            Met::Row(element, stored) => {
                let head = self.head_or_new(key)?;
                Ok(look(&self.decode(&head, element, stored)?.value))
            }
        }
    }

    /// The last element before `upper`, in the table or the store.
    pub(crate) fn last(&self, key: &Key<K>, upper: &Bound<Vec<u8>>) -> Result<Option<Met>> {
        let bound = match upper {
            Bound::Excluded(element) => Bound::Excluded(element.as_slice()),
            _ => Bound::Unbounded,
        };
        let live = self.head(key).and_then(|head| head.last(bound));
        let row = if self.is_whole(key) { None } else { self.last_row(key, bound)? };
        Ok(match (live, row) {
            (Some((element, at)), Some((row, _))) if *element >= *row => Some(Met::Live(element, at)),
            (_, Some((row, stored))) => Some(Met::Row(row, stored)),
            (Some((element, at)), None) => Some(Met::Live(element, at)),
            (None, None) => None,
        })
    }

    /// The last row of the store: looks for any row in the upper half of what is left, and halves it.
    fn last_row(&self, key: &Key<K>, upper: Bound<&[u8]>) -> Result<Option<Row>> {
        let head = self.head_or_new(key)?;
        let prefix = &*head.prefix;
        let Some(mut end) = (match upper {
            Bound::Excluded(element) => Some([prefix, element].concat()),
            _ => prefix_end(prefix),
        }) else {
            return Ok(None);
        };
        let first = |from: &[u8], end: &[u8]| -> Result<Option<Row>> {
            Ok(self.rows(from, Some(end), prefix.len(), 1)?.0.pop_front())
        };
        let Some(mut last) = first(prefix, &end)? else { return Ok(None) };
        loop {
            let after = [prefix, &last.0, &[0]].concat();
            let Some(next) = first(&after, &end)? else { return Ok(Some(last)) };
            last = next;
            // Rows up to `last` lie behind; of what is left, the upper half is looked at until it holds a row.
            let mut from = [prefix, &last.0].concat();
            while let Some(middle) = middle(&from, &end) {
                match first(&middle, &end)? {
                    Some(found) => {
                        last = found;
                        from = [prefix, &last.0].concat();
                    }
                    None => end = middle,
                }
            }
        }
    }

    /// The map key behind its encoding.
    pub(crate) fn decode_element(&self, element: &[u8]) -> Result<E> {
        let at = |e| {
            Error::damaged(format!("state `{}`, a map key of type `{}`: {e}", self.values.cold.name, type_name::<E>()))
        };
        self.values.cold.decode_key(element, element).map_err(at)
    }

    /// Removes heads that have nothing to tell any more.
    fn sweep(&mut self) {
        let emptied = self.emptied.take();
        let mut heads = self.heads.borrow_mut();
        for hash in emptied {
            let idle = |head: &Rc<Head<K>>| head.hash == hash && head.len() == 0 && !head.cleared.get();
            while let Ok(found) = heads.find_entry(hash, idle) {
                if Rc::strong_count(found.get()) > 1 {
                    // A change that was put off is about one of its elements.
                    self.emptied.borrow_mut().push(hash);
                    break;
                }
                let (head, _) = found.remove();
                self.head_bytes.set(self.head_bytes.get() - head.memory_bytes());
            }
        }
    }

    /// Cleared ranges have reached the store.
    fn uncleared(&mut self) {
        for head in self.cleared.drain(..) {
            head.cleared.set(false);
            self.emptied.borrow_mut().push(head.hash);
        }
        self.sweep();
    }
}

/// Bytes about half way between two others, and truly between them; `None` if they are too close to have any of their length.
fn middle(from: &[u8], end: &[u8]) -> Option<Vec<u8>> {
    let len = from.len().max(end.len());
    let digit = |bytes: &[u8], at: usize| u16::from(bytes.get(at).copied().unwrap_or(0));
    let (mut sum, mut carry) = (vec![0_u16; len], 0);
    for at in (0..len).rev() {
        let total = digit(from, at) + digit(end, at) + carry;
        (sum[at], carry) = (total & 0xff, total >> 8);
    }
    let mut middle = Vec::with_capacity(len);
    for digit in sum {
        let total = (carry << 8) | digit;
        middle.push((total / 2) as u8);
        carry = total % 2;
    }
    (*middle > *from && *middle < *end).then_some(middle)
}

impl<K: StateKey, E: MapKey, V: StateValue> StateTable for MapTable<K, E, V> {
    fn name(&self) -> &StateName {
        &self.values.cold.name
    }

    fn describe(&self) -> StateDescription {
        self.values.described()
    }

    fn problem(&self) -> Option<String> {
        self.values.problem()
    }

    fn versions(&self) -> Option<Versions> {
        self.values.cold.versions.clone()
    }

    fn expiry(&self) -> Option<Arc<Expiry>> {
        self.values.cold.expiry.clone()
    }

    fn clean(&mut self, max: usize) -> Result<()> {
        self.values.clean_live(max)?;
        self.sweep();
        Ok(())
    }

    fn completed(&mut self) {
        self.values.live.completed();
    }

    fn nothing_is_replayed(&self) {
        self.values.advance_expiry();
    }

    fn expired(&self) -> u64 {
        self.values.live.expired()
    }

    fn begin_seal(&mut self) -> Result<()> {
        self.values.begin_seal_of_live()?;
        if self.values.dropped.is_empty() {
            self.uncleared();
        }
        Ok(())
    }

    fn seal_slice(&mut self, max: usize) -> Result<bool> {
        let done = self.values.seal_live(max)?;
        self.sweep();
        Ok(done)
    }

    fn take_sealed(&mut self) -> UnsortedRun {
        self.values.cold.take_sealed()
    }

    fn take_back(&mut self, emptied: UnsortedRun) {
        self.values.cold.take_back(emptied);
    }

    fn release_room(&mut self) {
        self.values.cold.release_room();
    }

    fn restore(&mut self, content: &mut dyn RunCursor, budget: usize) -> Result<()> {
        let MapTable { values, heads, head_bytes, emptied, .. } = self;
        let mut last: Option<Rc<Head<K>>> = None;
        values.fill(content, budget, |values, store_key| {
            let parts = values.cold.split_element::<K>(store_key)?;
            values.cold.decode_key::<E>(store_key, parts.element)?;
            let hash = element_hash(parts.hash, parts.element);
            let head = match last.take().filter(|head| *head.prefix == *parts.prefix) {
                Some(head) => head,
                None => {
                    let key = Key::from_parts(parts.key, parts.hash);
                    let head = Rc::new(Head::new(&key, true, emptied.clone())?);
                    head_bytes.set(head_bytes.get() + head.memory_bytes());
                    heads.borrow_mut().insert_unique(parts.hash, head.clone(), |head| head.hash);
                    head
                }
            };
            last = Some(head.clone());
            Ok((Place { head, element: parts.element.into() }, hash))
        })?;
        if let (true, Some(head)) = (values.cold.spilled(), last) {
            // The rest of its elements may have come after the table was full.
            head.whole.set(false);
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.values.all_memory_bytes() + self.head_bytes.get()
    }

    fn entries(&self) -> usize {
        self.values.live.entries()
    }

    fn stats(&self) -> TableStats {
        let mut stats = self.values.table_stats();
        stats.table_bytes += self.head_bytes.get();
        stats
    }

    fn evict(&mut self, target: usize, slice_bytes: usize) -> Result<Option<Vec<u8>>> {
        let run = self.values.evict_live(target.saturating_sub(self.head_bytes.get()), slice_bytes)?;
        self.uncleared();
        Ok(run)
    }
}
