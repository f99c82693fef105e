//! Live entries: a hash index over a slab of slots. Slots do not move, so lists of dirty slots and the eviction hand
//! stay valid while the index grows.

use super::{Cold, TableStats, heap::HeapEstimate};
use crate::{
    key::{Key, StateKey, StateValue},
    key_layout::{self, WindowPart, hex},
    run::UnsortedRun,
};
use gress_core::{KeyGroup, Result, StateName, codec};
use hashbrown::HashTable;
use std::cell::Cell;

/// Live entries of one state and window.
pub(crate) struct Live<K, V> {
    window: WindowPart,
    index: HashTable<u32>,
    slots: Vec<Option<Slot<K, V>>>,
    vacant: Vec<u32>,
    /// Counts up at each seal. A slot is dirty if it was changed in this epoch, and pending if in an older one.
    epoch: u32,
    /// Slots that became dirty in this epoch. A hint: a slot may have been freed or evicted since.
    dirty: Vec<u32>,
    /// Slots that were dirty when the last seal began and may still be pending.
    sealing: Vec<u32>,
    hand: usize,
    heap: HeapEstimate,
    /// Key groups that ever held an entry: which ranges a dropped window deletes.
    groups: u128,
}

pub(crate) struct Slot<K, V> {
    hash: u64,
    /// The epoch in which the entry was changed and not yet encoded since; 0 if it is clean.
    changed_in: u32,
    /// The store does not have this value.
    stale: bool,
    /// The store may have some value for the key.
    in_store: bool,
    /// The checkpoint may have some value for the key.
    in_checkpoint: bool,
    /// Read or written since the eviction hand last passed.
    recent: Cell<bool>,
    pub key: K,
    /// `None`: known to be absent, or removed.
    pub value: Option<V>,
}

/// Where an entry that is put into the table comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A checkpoint: the store lacks it.
    Checkpoint,
    /// The store, by a read that found the key or its absence.
    Store,
}

impl<K: StateKey, V: StateValue> Live<K, V> {
    pub(crate) fn new(window: WindowPart) -> Self {
        Live {
            window,
            index: HashTable::new(),
            slots: Vec::new(),
            vacant: Vec::new(),
            epoch: 1,
            dirty: Vec::new(),
            sealing: Vec::new(),
            hand: 0,
            heap: HeapEstimate::default(),
            groups: 0,
        }
    }

    /// The slot of `key`, if it is live.
    #[inline]
    pub(crate) fn find(&self, key: &Key<K>) -> Option<u32> {
        self.index.find(key.hash(), |&at| self.is(at, key)).copied()
    }

    #[inline]
    fn is(&self, at: u32, key: &Key<K>) -> bool {
        self.slots[at as usize].as_ref().is_some_and(|slot| slot.hash == key.hash() && slot.key == **key)
    }

    /// Reads index and slot of each hash. No read depends on another, so their cache misses overlap.
    pub(crate) fn look_ahead(&self, hashes: &[u64]) {
        let slot_is = |at: u32, hash| self.slots[at as usize].as_ref().is_some_and(|slot| slot.hash == hash);
        let found = hashes.iter().filter(|&&hash| self.index.find(hash, |&at| slot_is(at, hash)).is_some());
        std::hint::black_box(found.count());
    }

    /// The value in slot `at`, which was found just now.
    #[inline]
    pub(crate) fn value(&self, at: u32) -> Option<&V> {
        let slot = self.slots[at as usize].as_ref()?;
        slot.recent.set(true);
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
        if !cold.spilled() {
            cold.hit();
            return Ok(None);
        }
        let value = self.load(key, cold)?;
        Ok(Some(self.insert(key.value().clone(), key.hash(), value, Origin::Store)))
    }

    /// The value that the store has for `key`, which stays as it is in table and store.
    pub(crate) fn load(&self, key: &Key<K>, cold: &Cold) -> Result<Option<V>> {
        cold.load(|into| key_layout::push_store_key(key.group(), self.window, key.value(), into))
    }

    /// Puts an entry into the table that is not there yet.
    pub(crate) fn insert(&mut self, key: K, hash: u64, value: Option<V>, origin: Origin) -> u32 {
        let found = value.is_some();
        let at = self.insert_slot(key, hash, value);
        if let Some(slot) = &mut self.slots[at as usize] {
            slot.stale = origin == Origin::Checkpoint;
            slot.in_store = origin == Origin::Store && found;
            slot.in_checkpoint = found;
        }
        at
    }

    fn insert_slot(&mut self, key: K, hash: u64, value: Option<V>) -> u32 {
        self.heap.used(&key, value.as_ref());
        self.groups |= 1 << KeyGroup::of_hash(hash).0;
        let slot = Slot {
            hash,
            changed_in: 0,
            stale: false,
            in_store: false,
            in_checkpoint: false,
            recent: Cell::new(true),
            key,
            value,
        };
        let at = match self.vacant.pop() {
            Some(at) => {
                self.slots[at as usize] = Some(slot);
                at
            }
            None => {
                self.slots.push(Some(slot));
                (self.slots.len() - 1) as u32
            }
        };
        let slots = &self.slots;
        self.index.insert_unique(hash, at, |&other| slots[other as usize].as_ref().map_or(0, |slot| slot.hash));
        at
    }

    /// Makes slot `at` ready to be changed in this epoch: encodes it first if the seal under way still needs it.
    #[inline]
    pub(crate) fn touch(&mut self, at: u32, cold: &mut Cold) -> Result<()> {
        let epoch = self.epoch;
        let Some(slot) = self.slots[at as usize].as_mut() else { return Ok(()) };
        slot.recent.set(true);
        self.heap.used(&slot.key, slot.value.as_ref());
        if slot.changed_in == epoch || slot.changed_in == 0 {
            return Ok(());
        }
        self.encode_pending(at, cold)
    }

    /// Marks slot `at` as changed. It was made ready by [`Live::touch`].
    #[inline]
    pub(crate) fn mark(&mut self, at: u32) {
        let epoch = self.epoch;
        if let Some(slot) = self.slots[at as usize].as_mut()
            && slot.changed_in != epoch
        {
            slot.changed_in = epoch;
            slot.stale = true;
            self.dirty.push(at);
            if self.dirty.len() > 2 * self.slots.len() + 64 {
                self.thin_out_hints();
            }
        }
    }

    /// Keeps one hint per dirty slot: slots that come and go leave many, and a job without checkpoints never seals.
    #[cold]
    fn thin_out_hints(&mut self) {
        let Live { dirty, slots, epoch, .. } = self;
        dirty.retain(|&at| slots[at as usize].as_ref().is_some_and(|slot| slot.changed_in == *epoch));
        dirty.sort_unstable();
        dirty.dedup();
    }

    /// Sets the value of `key` without reading what is there.
    pub(crate) fn set(&mut self, key: &Key<K>, value: V, cold: &mut Cold) -> Result<()> {
        match self.find(key) {
            Some(at) => {
                self.touch(at, cold)?;
                if let Some(slot) = self.slots[at as usize].as_mut() {
                    slot.value = Some(value);
                }
                self.mark(at);
            }
            None => {
                self.insert_new(key, value, cold.spilled());
            }
        }
        Ok(())
    }

    /// Puts a new value under a key that is not live; `maybe_cold` if the store might have an older one.
    pub(crate) fn insert_new(&mut self, key: &Key<K>, value: V, maybe_cold: bool) -> u32 {
        let at = self.insert_slot(key.value().clone(), key.hash(), Some(value));
        if let Some(slot) = &mut self.slots[at as usize] {
            (slot.in_store, slot.in_checkpoint) = (maybe_cold, maybe_cold);
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
        if slot.in_store || slot.in_checkpoint {
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
            (slot.in_store, slot.in_checkpoint) = (true, true);
        }
        self.mark(at);
    }

    fn free(&mut self, at: u32) {
        if let Some(slot) = self.slots[at as usize].take() {
            if let Ok(found) = self.index.find_entry(slot.hash, |&other| other == at) {
                found.remove();
            }
            self.vacant.push(at);
        }
    }

    pub(crate) fn begin_seal(&mut self) {
        debug_assert!(self.sealing.is_empty(), "the seal before has ended");
        self.epoch += 1;
        self.sealing = std::mem::take(&mut self.dirty);
    }

    /// Encodes up to `max` pending entries and returns how many of `max` are left over; 0 if there may be more to do.
    pub(crate) fn seal_slice(&mut self, mut max: usize, cold: &mut Cold) -> Result<usize> {
        while max > 0 {
            let Some(&at) = self.sealing.last() else { return Ok(max) };
            // An entry that cannot be encoded stays pending, so that no later seal misses it.
            self.encode_pending(at, cold)?;
            self.sealing.pop();
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
        if slot.changed_in == 0 || slot.changed_in == epoch {
            return Ok(());
        }
        encode(slot, window, name, sealed)?;
        slot.changed_in = 0;
        slot.in_checkpoint = slot.value.is_some();
        Ok(())
    }

    /// Frees a slot that says only what store and checkpoint say too: that the key is absent.
    fn free_if_moot(&mut self, at: u32) {
        let moot = |slot: &Slot<K, V>| slot.value.is_none() && slot.changed_in == 0 && !slot.in_store;
        if self.slots[at as usize].as_ref().is_some_and(moot) {
            self.free(at);
        }
    }

    /// Evicts entries that were not used recently until at most `target` bytes are left. `unsealed` gets what no
    /// checkpoint has yet, `sealed` what only the store lacks.
    ///
    /// It stops at an entry that cannot be encoded. What went before is evicted: the error is that of the next call,
    /// which has nothing to lose.
    pub(crate) fn evict(
        &mut self,
        target: usize,
        unsealed: &mut UnsortedRun,
        sealed: &mut UnsortedRun,
        cold: &mut Cold,
    ) -> Result<()> {
        let mut passed = 0;
        while self.memory_bytes() > target && self.entries() > 0 && passed <= 2 * self.slots.len() {
            let at = self.hand % self.slots.len();
            self.hand = at + 1;
            passed += 1;
            let Some(slot) = &self.slots[at] else { continue };
            if slot.recent.replace(false) {
                continue;
            }
            if let Err(error) = self.evict_slot(at as u32, unsealed, sealed, cold) {
                self.hand = at;
                return if unsealed.is_empty() && sealed.is_empty() { Err(error) } else { Ok(()) };
            }
        }
        Ok(())
    }

    fn evict_slot(
        &mut self,
        at: u32,
        unsealed: &mut UnsortedRun,
        sealed: &mut UnsortedRun,
        cold: &mut Cold,
    ) -> Result<()> {
        self.encode_pending(at, cold)?;
        let Some(slot) = &self.slots[at as usize] else { return Ok(()) };
        if slot.changed_in != 0 {
            encode(slot, self.window, &cold.name, unsealed)?;
        } else if slot.stale {
            encode(slot, self.window, &cold.name, sealed)?;
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
            kept |= slot.in_checkpoint || slot.in_store;
            groups[KeyGroup::of_hash(slot.hash).0 as usize].push((slot.key, slot.value));
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
        self.entries() * self.entry_bytes()
    }

    /// What one entry takes.
    fn entry_bytes(&self) -> usize {
        size_of::<Option<Slot<K, V>>>() + size_of::<u32>() + 2 + self.heap.mean::<K, V>()
    }

    /// Adds what this table holds.
    pub(crate) fn add_to(&self, stats: &mut TableStats) {
        let dirty = self.dirty_entries();
        stats.entries += self.entries();
        stats.table_bytes += self.memory_bytes();
        stats.dirty_entries += dirty;
        stats.dirty_bytes += dirty * self.entry_bytes();
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

fn encode<K: StateKey, V: StateValue>(
    slot: &Slot<K, V>,
    window: WindowPart,
    name: &StateName,
    into: &mut UnsortedRun,
) -> Result<()> {
    let group = KeyGroup::of_hash(slot.hash);
    let key = |into: &mut Vec<u8>| key_layout::push_store_key(group, window, &slot.key, into);
    let encoded = match &slot.value {
        Some(value) => into.put(key, |into| codec::encode(value, into)),
        None => into.delete(key),
    };
    encoded.map_err(|error| {
        let mut store_key = Vec::new();
        // A key that cannot be encoded is told as far as it goes: its error is the one that is passed on.
        let _ = key(&mut store_key);
        error.at(format!("state `{name}`, store key {}", hex(&store_key)))
    })
}
