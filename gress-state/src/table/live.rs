//! Live entries: a hash index over a slab of slots. Slots do not move, so sets of dirty slots and the eviction hand
//! stay valid while the index grows.

use super::{
    Cold, Evicted, TableStats,
    aging::{Aged, Aging, Verdict},
    heap::HeapEstimate,
    slot::{Epoch, Mark, Slot, tag_of},
    slot_index::SlotIndex,
    slot_key::SlotKey,
    slot_set::SlotSet,
};
use crate::{
    key::Key,
    key_layout::WindowPart,
    prefetch::{LINE_BYTES, prefetch, prefetch_end},
    task_time::TaskTime,
    ttl::{Expiry, NEVER, Ttl},
    value::StateValue,
};
use gress_core::{KeyGroup, Result};
use std::{rc::Rc, sync::Arc};

/// A table up to this size grows by doubling.
const FEW_SLOTS: usize = 1 << 12;
/// Of the table's limit, what entries that are fetched for a batch may take.
const AHEAD_OF_LIMIT: usize = 16;
/// A table up to this size stays in the processor's caches by itself.
const CACHED_BYTES: usize = 1 << 17;

/// Live entries of one state and window.
pub(crate) struct Live<K, V> {
    window: WindowPart,
    index: SlotIndex,
    slots: Vec<Option<Slot<K, V>>>,
    /// What the table will take at most, where that is known.
    limit_bytes: Option<usize>,
    vacant: Vec<u32>,
    /// Changes at each seal. A slot is dirty if it was changed in this epoch, and pending if in the one before.
    epoch: Epoch,
    /// Slots that became dirty in this epoch.
    dirty: SlotSet,
    /// Slots that were dirty when the last seal began and may still be pending.
    sealing: SlotSet,
    hand: usize,
    heap: HeapEstimate,
    /// Key groups that ever held an entry: which ranges a dropped window deletes.
    groups: u128,
    /// Of a state whose entries expire: their ages.
    aging: Option<Box<Aging>>,
}

/// Where an entry that is put into the table comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A checkpoint: the store lacks it.
    Checkpoint,
    /// The store, by a read that found the key or its absence.
    Store,
}

impl<K: SlotKey, V: StateValue> Live<K, V> {
    pub(crate) fn new(window: WindowPart) -> Self {
        Live {
            window,
            index: SlotIndex::default(),
            slots: Vec::new(),
            limit_bytes: None,
            vacant: Vec::new(),
            epoch: Epoch::default(),
            dirty: SlotSet::default(),
            sealing: SlotSet::default(),
            hand: 0,
            heap: HeapEstimate::default(),
            groups: 0,
            aging: None,
        }
    }

    /// From now on entries expire. Gives the rule to share with the store.
    pub(crate) fn expire_by(&mut self, ttl: Ttl, time: Rc<TaskTime>) -> Arc<Expiry> {
        let aging = Aging::new(ttl, time);
        let expiry = aging.expiry().clone();
        self.aging = Some(Box::new(aging));
        expiry
    }

    /// Whether entries expire.
    #[inline]
    pub(crate) fn ages(&self) -> bool {
        self.aging.is_some()
    }

    /// By which rule entries expire, if they do.
    pub(crate) fn ttl(&self) -> Option<Ttl> {
        self.aging.as_ref().map(|aging| aging.ttl())
    }

    /// What the entry in slot `at` is to a reader now.
    pub(crate) fn judge(&self, at: u32) -> Verdict {
        self.aging.as_ref().map_or(Verdict::Live, |aging| aging.judge(aging.updated(at)))
    }

    /// What an entry with this last update, which is not live, is to a reader now.
    pub(crate) fn judge_age(&self, updated: i64) -> Verdict {
        self.aging.as_ref().map_or(Verdict::Live, |aging| aging.judge(updated))
    }

    /// Whether no later read finds an entry with this last update, whatever its time.
    pub(crate) fn is_unreachable_age(&self, updated: i64) -> bool {
        self.aging.as_ref().is_some_and(|aging| aging.is_unreachable_age(updated))
    }

    /// The time at which a read renews; meaningless where nothing expires.
    pub(crate) fn now(&self) -> i64 {
        self.aging.as_ref().map_or(NEVER, |aging| aging.now())
    }

    /// The time that no later read is behind, where entries expire.
    pub(crate) fn horizon(&self) -> Option<i64> {
        self.aging.as_ref().map(|aging| aging.horizon())
    }

    /// Counts a look at slot `at` by a call that keeps the value: it lives on if reads renew it, or if it has expired and
    /// is given all the same. The slot was made ready by [`Live::touch`].
    #[cold]
    pub(crate) fn keep(&mut self, at: u32) {
        if matches!(self.judge(at), Verdict::Renewed | Verdict::Last) {
            self.mark(at);
        }
    }

    /// Removes slot `at`, which has expired, and gives its value.
    pub(crate) fn expire(&mut self, at: u32, cold: &mut Cold) -> Result<Option<V>> {
        let value = self.remove(at, cold)?;
        self.count_expired();
        Ok(value)
    }

    fn count_expired(&mut self) {
        if let Some(aging) = &mut self.aging {
            aging.expired += 1;
        }
    }

    /// Entries that were found expired so far.
    pub(crate) fn expired(&self) -> u64 {
        self.aging.as_ref().map_or(0, |aging| aging.expired)
    }

    /// Looks at the ages of up to `max` slots, in turn, and removes the entries that no later read finds.
    pub(crate) fn clean(&mut self, max: usize, cold: &mut Cold) -> Result<()> {
        let Some(aging) = &mut self.aging else { return Ok(()) };
        for at in aging.next_unreachable(max) {
            let there = |slot: &Slot<K, V>| slot.value.is_some();
            if self.slots[at as usize].as_ref().is_some_and(there) {
                self.expire(at, cold)?;
            }
        }
        Ok(())
    }

    /// The checkpoint of the oldest seal that was not told of yet is complete.
    pub(crate) fn completed(&mut self) {
        if let Some(aging) = &mut self.aging {
            aging.completed();
        }
    }

    /// Whether slot `at` holds anything: a value, or that there is none.
    pub(crate) fn holds(&self, at: u32) -> bool {
        self.slots[at as usize].is_some()
    }

    /// The slot of `key`, if it is live.
    #[inline]
    pub(crate) fn find(&self, key: &Key<K>) -> Option<u32> {
        self.find_by(key.hash(), |other| *other == **key)
    }

    /// The slot with this hash whose key `is` the one that is looked for.
    #[inline]
    pub(crate) fn find_by(&self, hash: u64, is: impl Fn(&K) -> bool) -> Option<u32> {
        let found = |at: u32| self.slots[at as usize].as_ref().is_some_and(|slot| is(&slot.key));
        self.index.find(tag_of(hash), found)
    }

    /// Tells the processor what will be read: for `soon` the slots, for `later` where the index has them. Cache misses of
    /// several keys overlap, also with work on the keys before.
    pub(crate) fn look_ahead(&self, soon: &[u64], later: &[u64]) {
        if self.slots.len() * size_of::<Option<Slot<K, V>>>() < CACHED_BYTES {
            return;
        }
        let tag = |hash: &u64| tag_of(K::first_looked_for(*hash));
        later.iter().for_each(|hash| self.index.prefetch(tag(hash)));
        for slot in soon.iter().filter_map(|hash| self.index.guess(tag(hash))) {
            prefetch(&self.slots, slot as usize);
            // Slots of other sizes lie across the end of a line.
            if !LINE_BYTES.is_multiple_of(size_of::<Option<Slot<K, V>>>()) {
                prefetch_end(&self.slots, slot as usize);
            }
        }
    }

    /// The value in slot `at`, which was found just now.
    #[inline]
    pub(crate) fn value(&self, at: u32) -> Option<&V> {
        let slot = self.slots[at as usize].as_ref()?;
        slot.used();
        slot.value.as_ref()
    }

    /// The value in slot `at` together with the slot's mark of change.
    #[inline]
    pub(crate) fn value_mut(&mut self, at: u32) -> Option<&mut V> {
        self.slots[at as usize].as_mut()?.value.as_mut()
    }

    /// The slot of `key`, loaded from the store if it is not live and may be there; a key that the store lacks becomes a
    /// known absence. `None` if the key is absent and nothing was ever spilled.
    pub(crate) fn find_or_load(&mut self, key: &Key<K>, cold: &mut Cold) -> Result<Option<u32>> {
        match self.find(key) {
            Some(at) => {
                cold.hit();
                Ok(Some(at))
            }
            None => self.load_absent(key, cold),
        }
    }

    /// [`Live::find_or_load`] of a key that is not live. Apart from it, so that a hit saves no registers for this.
    #[inline(never)]
    fn load_absent(&mut self, key: &Key<K>, cold: &mut Cold) -> Result<Option<u32>> {
        if !cold.spilled() || key.value().is_whole() {
            cold.hit();
            return Ok(None);
        }
        let value = self.load(key, cold)?;
        Ok(Some(self.insert(key.value().clone(), key.hash(), value, Origin::Store)))
    }

    /// The value that the store has for `key`, which stays as it is in table and store.
    pub(crate) fn load(&self, key: &Key<K>, cold: &Cold) -> Result<Option<Aged<V>>> {
        if key.value().is_whole() {
            return Ok(None);
        }
        cold.load::<V, _>(|into| self.push_store_key(key, into), |stored| self.decode(stored))
    }

    /// Appends what the store knows `key` by.
    pub(crate) fn push_store_key(&self, key: &Key<K>, into: &mut Vec<u8>) -> Result<()> {
        key.value().push_store_key(key.group(), self.window, into)
    }

    /// Entries that may be put into the table for what follows: a part of what it holds at most.
    pub(crate) fn room_ahead(&self) -> usize {
        self.limit_bytes.map_or(usize::MAX, |bytes| bytes / AHEAD_OF_LIMIT / self.entry_bytes())
    }

    /// The value in stored bytes.
    pub(crate) fn decode(&self, stored: &[u8]) -> Result<Aged<V>> {
        let (updated, bytes) = match self.ages() {
            true => Aging::split(stored)?,
            false => (NEVER, stored),
        };
        Ok(Aged { value: V::decode_value(bytes)?, updated })
    }

    /// The last update that stored bytes tell of.
    pub(crate) fn decode_age(&self, stored: &[u8]) -> Result<i64> {
        Aging::split(stored).map(|(updated, _)| updated)
    }

    /// Puts an entry into the table that is not there yet.
    pub(crate) fn insert(&mut self, key: K, hash: u64, found: Option<Aged<V>>, origin: Origin) -> u32 {
        let (updated, value) = found.map_or((NEVER, None), |aged| (aged.updated, Some(aged.value)));
        let found = value.is_some();
        let at = self.insert_slot(key, hash, value);
        if let Some(aging) = &mut self.aging {
            aging.set(at, updated);
        }
        if let Some(slot) = &mut self.slots[at as usize] {
            slot.set(Mark::Stale, origin == Origin::Checkpoint);
            slot.set(Mark::InStore, origin == Origin::Store && found);
            slot.set(Mark::InCheckpoint, found);
        }
        at
    }

    fn insert_slot(&mut self, key: K, hash: u64, value: Option<V>) -> u32 {
        self.heap.placed(&key, value.as_ref());
        self.groups |= 1 << KeyGroup::of_hash(hash).0;
        let slot = Slot::new(key, hash, value);
        let at = self.vacant.pop().unwrap_or(self.slots.len() as u32);
        slot.key.placed(at);
        match self.slots.get_mut(at as usize) {
            Some(vacant) => *vacant = Some(slot),
            None => {
                if self.slots.len() == self.slots.capacity() {
                    self.make_room();
                }
                self.slots.push(Some(slot));
            }
        }
        self.index.insert(tag_of(hash), at);
        at
    }

    /// From now on the table has room for what it may take at most, once it is no longer small.
    pub(crate) fn limit(&mut self, bytes: usize) {
        self.limit_bytes = Some(bytes);
    }

    /// Room for all slots at once takes no memory before they are filled. Doubled step by step, they would be copied each
    /// time, and allocators keep what they were copied from.
    #[cold]
    fn make_room(&mut self) {
        if self.slots.len() >= FEW_SLOTS
            && let Some(bytes) = self.limit_bytes
        {
            let slots = bytes / size_of::<Option<Slot<K, V>>>();
            // What cannot be had at once is had step by step.
            let _ = self.slots.try_reserve_exact(slots.saturating_sub(self.slots.len()));
        }
    }

    /// The last update of slot `at`; meaningless where nothing expires.
    pub(crate) fn updated(&self, at: u32) -> i64 {
        self.aging.as_ref().map_or(NEVER, |aging| aging.updated(at))
    }

    /// From now on the memory of values is counted, not sampled: [`Live::grown`] tells what they gain.
    pub(crate) fn count_memory(&mut self) {
        self.heap.count();
    }

    /// A value has gained so many bytes, or lost them.
    pub(crate) fn grown(&mut self, bytes: isize) {
        self.heap.grown(bytes);
    }

    /// Makes slot `at` ready to be changed in this epoch: encodes it first if the seal under way still needs it.
    #[inline]
    pub(crate) fn touch(&mut self, at: u32, cold: &mut Cold) -> Result<()> {
        let epoch = self.epoch;
        let Some(slot) = self.slots[at as usize].as_mut() else { return Ok(()) };
        slot.used();
        self.heap.used(&slot.key, slot.value.as_ref());
        match slot.changed_in {
            Some(changed) if changed != epoch => self.encode_pending(at, cold),
            _ => Ok(()),
        }
    }

    /// Marks slot `at` as changed. It was made ready by [`Live::touch`].
    #[inline]
    pub(crate) fn mark(&mut self, at: u32) {
        if self.ages() {
            self.mark_age(at);
        }
        if let Some(slot) = &self.slots[at as usize]
            && slot.changed_in != Some(self.epoch)
        {
            self.become_dirty(at);
        }
    }

    /// Marks slot `at` as changed and gives its value, to be changed. It was made ready by [`Live::touch`].
    #[inline]
    pub(crate) fn change(&mut self, at: u32) -> Option<&mut V> {
        self.mark(at);
        self.value_mut(at)
    }

    /// Once an epoch for each slot, and so apart from what happens at each change.
    #[inline(never)]
    fn become_dirty(&mut self, at: u32) {
        if let Some(slot) = &mut self.slots[at as usize] {
            slot.changed_in = Some(self.epoch);
            slot.set(Mark::Stale, true);
            self.dirty.insert(at);
        }
    }

    /// What lies off the path of states that do not expire is kept off it.
    #[cold]
    fn mark_age(&mut self, at: u32) {
        if let Some(aging) = &mut self.aging {
            aging.update(at);
        }
    }

    /// As [`Live::mark`], for a change that was put off since `updated`.
    pub(crate) fn mark_updated(&mut self, at: u32, updated: i64) {
        self.mark(at);
        if let Some(aging) = &mut self.aging {
            aging.set(at, updated);
        }
    }

    /// Sets the value of `key` without reading what is there.
    pub(crate) fn set(&mut self, key: &Key<K>, value: V, cold: &mut Cold) -> Result<()> {
        match self.find(key) {
            Some(at) => self.set_at(at, value, cold)?,
            None => {
                self.insert_new(key, value, cold.spilled() && !key.value().is_whole());
            }
        }
        Ok(())
    }

    /// Sets the value of slot `at`.
    #[inline]
    pub(crate) fn set_at(&mut self, at: u32, value: V, cold: &mut Cold) -> Result<()> {
        self.touch(at, cold)?;
        if let Some(slot) = self.slots[at as usize].as_mut() {
            slot.value = Some(value);
        }
        self.mark(at);
        Ok(())
    }

    /// Puts a new value under a key that is not live; `maybe_cold` if the store might have an older one.
    pub(crate) fn insert_new(&mut self, key: &Key<K>, value: V, maybe_cold: bool) -> u32 {
        let at = self.insert_slot(key.value().clone(), key.hash(), Some(value));
        if let Some(slot) = &mut self.slots[at as usize] {
            slot.set(Mark::InStore, maybe_cold);
            slot.set(Mark::InCheckpoint, maybe_cold);
        }
        self.mark(at);
        at
    }

    /// Fills a slot that is known to be absent.
    pub(crate) fn fill(&mut self, at: u32, value: V) {
        if let Some(slot) = &mut self.slots[at as usize] {
            slot.value = Some(value);
        }
        self.mark(at);
    }

    /// Removes slot `at` and gives its value. What neither store nor checkpoint has leaves no trace.
    pub(crate) fn remove(&mut self, at: u32, cold: &mut Cold) -> Result<Option<V>> {
        self.touch(at, cold)?;
        let Some(slot) = self.slots[at as usize].as_mut() else { return Ok(None) };
        let Some(value) = slot.value.take() else { return Ok(None) };
        if slot.is(Mark::InStore) || slot.is(Mark::InCheckpoint) {
            self.mark(at);
        } else {
            self.free(at);
        }
        Ok(Some(value))
    }

    /// Removes `key`, which is not live, without reading what the store has.
    pub(crate) fn remove_blindly(&mut self, key: &Key<K>) {
        let at = self.insert_slot(key.value().clone(), key.hash(), None);
        if let Some(slot) = &mut self.slots[at as usize] {
            slot.set(Mark::InStore, true);
            slot.set(Mark::InCheckpoint, true);
        }
        self.mark(at);
    }

    /// Frees slot `at` without a trace: a cleared range covers what store and checkpoint have of it. `true` if they may
    /// have anything.
    pub(crate) fn forget(&mut self, at: u32, cold: &mut Cold) -> Result<bool> {
        self.encode_pending(at, cold)?;
        let behind =
            self.slots[at as usize].as_ref().is_some_and(|slot| slot.is(Mark::InStore) || slot.is(Mark::InCheckpoint));
        self.free(at);
        Ok(behind)
    }

    fn free(&mut self, at: u32) {
        if let Some(slot) = self.slots[at as usize].take() {
            self.index.remove(slot.tag, at);
            slot.key.freed();
            if let Some(aging) = &mut self.aging {
                aging.set(at, NEVER);
            }
            self.dirty.remove(at);
            self.sealing.remove(at);
            self.vacant.push(at);
        }
    }

    pub(crate) fn begin_seal(&mut self) {
        debug_assert!(self.sealing.is_empty(), "the seal before has ended");
        self.epoch = self.epoch.next();
        // The set that is empty now takes what becomes dirty from here on: neither is ever allocated anew.
        std::mem::swap(&mut self.sealing, &mut self.dirty);
        if let Some(aging) = &mut self.aging {
            aging.begin_seal();
        }
    }

    /// Encodes up to `max` pending entries and returns how many of `max` are left over; 0 if there may be more to do.
    pub(crate) fn seal_slice(&mut self, mut max: usize, cold: &mut Cold) -> Result<usize> {
        while max > 0 {
            let Some(at) = self.sealing.first() else { return Ok(max) };
            // An entry that cannot be encoded stays pending, so that no later seal misses it.
            self.encode_pending(at, cold)?;
            // Without effect where it was encoded just now.
            self.sealing.remove(at);
            self.free_if_moot(at);
            max -= 1;
        }
        Ok(0)
    }

    pub(crate) fn sealed(&self) -> bool {
        self.sealing.is_empty()
    }

    fn encode_pending(&mut self, at: u32, cold: &mut Cold) -> Result<()> {
        let (epoch, window) = (self.epoch, self.window);
        let Cold { sealed, name, .. } = cold;
        let Some(slot) = self.slots[at as usize].as_mut() else { return Ok(()) };
        if slot.changed_in.is_none_or(|changed| changed == epoch) {
            return Ok(());
        }
        let over = self.aging.as_ref().is_some_and(|aging| aging.was_over_at_barrier(at)) && slot.value.is_some();
        if !over {
            slot.encode(self.aging.as_deref().map(|aging| aging.updated(at)), window, name, sealed)?;
        } else if slot.is(Mark::InCheckpoint) {
            slot.encode_delete(window, name, sealed)?;
        }
        slot.changed_in = None;
        slot.set(Mark::InCheckpoint, slot.value.is_some() && !over);
        self.sealing.remove(at);
        Ok(())
    }

    /// Frees a slot that says only what store and checkpoint say too: that the key is absent.
    fn free_if_moot(&mut self, at: u32) {
        let moot = |slot: &Slot<K, V>| slot.value.is_none() && slot.changed_in.is_none() && !slot.is(Mark::InStore);
        if self.slots[at as usize].as_ref().is_some_and(moot) {
            self.free(at);
        }
    }

    /// Evicts entries that were not used recently into `evicted`, until that is full or at most `target` bytes are left.
    ///
    /// It stops at an entry that cannot be encoded. What went before is evicted: the error is that of the next call,
    /// which has nothing to lose.
    pub(crate) fn evict(&mut self, target: usize, evicted: &mut Evicted, cold: &mut Cold) -> Result<()> {
        let mut passed = 0;
        while self.weight(evicted) > target
            && self.entries() > 0
            && !evicted.is_full()
            && passed <= 2 * self.slots.len()
        {
            let at = self.hand % self.slots.len();
            self.hand = at + 1;
            passed += 1;
            let Some(slot) = &self.slots[at] else { continue };
            if slot.take_recent() {
                continue;
            }
            let companions = slot.key.companions();
            if companions.iter().any(|&at| self.slots[at as usize].as_ref().is_some_and(|slot| slot.is(Mark::Recent))) {
                continue;
            }
            let mut outcome = self.evict_slot(at as u32, evicted, cold);
            for other in companions {
                outcome = outcome.and_then(|()| self.evict_slot(other, evicted, cold));
            }
            if let Err(error) = outcome {
                self.hand = at;
                return if evicted.is_empty() { Err(error) } else { Ok(()) };
            }
        }
        Ok(())
    }

    /// What counts against the target of an eviction.
    pub(crate) fn weight(&self, evicted: &Evicted) -> usize {
        evicted.weight(self.memory_bytes(), self.dirty_entries())
    }

    fn evict_slot(&mut self, at: u32, evicted: &mut Evicted, cold: &mut Cold) -> Result<()> {
        self.encode_pending(at, cold)?;
        let Some(slot) = &self.slots[at as usize] else { return Ok(()) };
        if slot.value.is_some() {
            slot.key.evicted();
        }
        let into = if slot.changed_in.is_some() { &mut evicted.unsealed } else { &mut evicted.sealed };
        let behind = slot.is(Mark::InStore) || (slot.is(Mark::InCheckpoint) && slot.changed_in.is_some());
        if self.aging.as_ref().is_some_and(|aging| aging.is_unreachable(at)) && slot.value.is_some() {
            // What stands behind it, if anything, is as old or hidden by the delete.
            if slot.is(Mark::Stale) && behind {
                slot.encode_delete(self.window, &cold.name, into)?;
            }
            self.count_expired();
        } else if slot.changed_in.is_some() || slot.is(Mark::Stale) {
            let updated = self.aging.as_deref().map(|aging| aging.updated(at));
            slot.encode(updated, self.window, &cold.name, into)?;
        }
        self.free(at);
        Ok(())
    }

    /// Empties the table; what the seal under way needs is encoded first. Gives the entries by key group.
    pub(crate) fn drain(&mut self, cold: &mut Cold) -> Result<Drained<K, V>> {
        while self.seal_slice(usize::MAX, cold)? == 0 {}
        let slots = std::mem::take(&mut self.slots);
        let mut groups: Vec<Entries<K, V>> = (0..128).map(|_| Vec::new()).collect();
        let mut kept = false;
        for slot in slots.into_iter().flatten() {
            kept |= slot.is(Mark::InCheckpoint) || slot.is(Mark::InStore);
            groups[slot.group().0 as usize].push((slot.key, slot.value));
        }
        self.index.clear();
        Ok(Drained { groups, used: self.groups, kept })
    }

    /// Notes that the store holds an entry of `group`.
    pub(crate) fn note_group(&mut self, group: KeyGroup) {
        self.groups |= 1 << group.0;
    }

    /// Whether nothing was ever put into the table.
    pub(crate) fn is_unused(&self) -> bool {
        self.groups == 0
    }

    /// The keys of all live entries, known-absent ones included, in no order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.slots.iter().flatten().map(|slot| &slot.key)
    }

    /// Live entries, known-absent ones included.
    pub(crate) fn entries(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    /// Entries that were changed since they were last encoded for a checkpoint, at most.
    pub(crate) fn dirty_entries(&self) -> usize {
        (self.dirty.len() + self.sealing.len()).min(self.entries())
    }

    /// An estimate: slots and index, and what keys and values hold on the heap by the size of their encoding.
    pub(crate) fn memory_bytes(&self) -> usize {
        let entries = self.entries();
        // What the index once grew to for entries that are gone cannot be evicted, and does not count.
        entries * self.entry_bytes() + self.index.memory_bytes().min(entries * SlotIndex::ENTRY_BYTES_MAX)
    }

    /// What one entry takes beside the index.
    fn entry_bytes(&self) -> usize {
        let age = if self.ages() { size_of::<i64>() } else { 0 };
        size_of::<Option<Slot<K, V>>>() + K::BESIDE + age + self.heap.mean::<K, V>()
    }

    /// Adds what this table holds.
    pub(crate) fn add_to(&self, stats: &mut TableStats) {
        let (entries, dirty, bytes) = (self.entries(), self.dirty_entries(), self.memory_bytes());
        stats.entries += entries;
        stats.table_bytes += bytes;
        stats.dirty_entries += dirty;
        stats.dirty_bytes += (bytes as u128 * dirty as u128 / entries.max(1) as u128) as usize;
    }
}

/// Keys and their values; `None` for a key that is known to be absent.
pub(crate) type Entries<K, V> = Vec<(K, Option<V>)>;

/// The content of a table that was emptied.
pub(crate) struct Drained<K, V> {
    /// Key and value of each entry, by key group.
    pub groups: Vec<Entries<K, V>>,
    /// Bit g is set if key group g ever held an entry.
    pub used: u128,
    /// Whether a checkpoint or the store may hold any of the entries.
    pub kept: bool,
}
