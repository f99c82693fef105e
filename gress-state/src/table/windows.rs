//! The table of windowed state: one hash table per window, so that a window that has fired is dropped as a whole.

use super::{
    Cold, Evicted, StateDescription, StateKind, StateTable, TableStats,
    live::{Entries, Live, Origin},
    values::put,
};
use crate::{
    key::{Key, StateKey},
    key_layout::{self, WindowPart},
    run::{RunCursor, UnsortedRun},
    store::{KeyRange, prefix_end},
    value::StateValue,
    version::{self, Versions},
};
use gress_core::{KeyGroup, Result, StateName, Timestamp};
use std::collections::BTreeMap;

/// How many rows of a store one look takes.
const SCAN_ROWS: usize = 1024;
/// In how many windows, the newest ones, what comes next is looked for ahead.
const LOOKED_AHEAD: usize = 1;
/// How many ranges of fired windows are kept for the next seal before a spill takes them along.
const DROPPED_RANGES: usize = 8192;

/// Accumulators by window and key. Windows are ordered as they fire: by end, then by start.
pub(crate) struct WindowTable<K, V> {
    live: BTreeMap<(Timestamp, Timestamp), Live<K, V>>,
    /// Ranges of windows that have fired since the last seal.
    dropped: Vec<(Vec<u8>, Vec<u8>)>,
    /// The last of the windows that have fired since the last seal.
    fired: Option<(Timestamp, Timestamp)>,
    /// A window that may have fired since the last seal was opened again.
    reopened: bool,
    cold: Cold,
    problem: Option<String>,
}

/// Start and end.
pub(crate) type Window = (Timestamp, Timestamp);

/// A window that fires: its content, key group by key group.
pub(crate) struct Firing<K, V> {
    /// End of the window.
    pub end: Timestamp,
    /// Start of the window.
    pub start: Timestamp,
    groups: std::vec::IntoIter<(KeyGroup, Entries<K, V>)>,
    in_store: bool,
}

impl<K: StateKey, V: StateValue> WindowTable<K, V> {
    pub(crate) fn new(cold: Cold) -> Self {
        WindowTable { live: BTreeMap::new(), dropped: Vec::new(), fired: None, reopened: false, cold, problem: None }
    }

    /// The accumulators have this version.
    pub(crate) fn version(&mut self, versions: Versions) {
        if let Err(problem) = version::give(&mut self.cold.versions, versions) {
            self.problem = Some(format!("the state `{}` {problem}", self.cold.name));
        }
    }

    /// Changes the accumulator of `key` in the window, `empty` at first.
    #[inline]
    pub(crate) fn update(
        &mut self,
        start: Timestamp,
        end: Timestamp,
        key: &Key<K>,
        empty: impl FnOnce() -> V,
        change: impl FnOnce(&mut V),
    ) -> Result<()> {
        let live = self.live.entry((end, start)).or_insert_with(|| {
            self.reopened |= self.fired >= Some((end, start));
            Live::new(WindowPart::Window(start, end))
        });
        match live.find_or_load(key, &mut self.cold) {
            Err(error) => {
                if live.is_unused() {
                    self.live.remove(&(end, start));
                }
                return Err(error);
            }
            Ok(Some(at)) => {
                live.touch(at, &mut self.cold)?;
                if let Some(value) = live.value_mut(at) {
                    change(value);
                    live.mark(at);
                } else {
                    let mut value = empty();
                    change(&mut value);
                    live.fill(at, value);
                }
            }
            Ok(None) => {
                let mut value = empty();
                change(&mut value);
                live.insert_new(key, value, false);
            }
        }
        Ok(())
    }

    /// Moves what `key` has in the windows `sources` into the window `target`, reduced into one accumulator from the earliest
    /// window to the latest. Nothing is taken before all of it is found.
    pub(crate) fn merge(
        &mut self,
        key: &Key<K>,
        target: Window,
        sources: &[Window],
        mut merge: impl FnMut(&mut V, V),
    ) -> Result<()> {
        let mut windows: Vec<_> = sources.iter().copied().filter(|source| *source != target).collect();
        let mut found = false;
        for source in &windows {
            found |= self.make_ready(*source, key)?;
        }
        if !found {
            return Ok(());
        }
        self.make_ready(target, key)?;
        windows.push(target);
        windows.sort_unstable();
        windows.dedup();
        let mut merged: Option<V> = None;
        for window in windows {
            let Some(later) = self.take(window, key)? else { continue };
            match &mut merged {
                None => merged = Some(later),
                Some(merged) => merge(merged, later),
            }
        }
        merged.map_or(Ok(()), |merged| self.set(target, key, merged))
    }

    /// Loads what `key` has in a window, and encodes what the seal under way needs of it: from then on it can be taken
    /// without fail. `true` if it has anything.
    fn make_ready(&mut self, (start, end): Window, key: &Key<K>) -> Result<bool> {
        let Some(live) = self.live.get_mut(&(end, start)) else { return Ok(false) };
        let Some(at) = live.find_or_load(key, &mut self.cold)? else { return Ok(false) };
        live.touch(at, &mut self.cold)?;
        Ok(live.value(at).is_some())
    }

    /// Removes what `key` has in a window and gives it.
    fn take(&mut self, (start, end): Window, key: &Key<K>) -> Result<Option<V>> {
        let Some(live) = self.live.get_mut(&(end, start)) else { return Ok(None) };
        let Some(at) = live.find_or_load(key, &mut self.cold)? else { return Ok(None) };
        let taken = live.remove(at, &mut self.cold)?;
        // Where nothing was spilled, what the table does not have is nowhere.
        if live.entries() == 0 && !self.cold.spilled() {
            self.live.remove(&(end, start));
        }
        Ok(taken)
    }

    fn set(&mut self, (start, end): Window, key: &Key<K>, value: V) -> Result<()> {
        let Self { live, cold, fired, reopened, .. } = self;
        let live = live.entry((end, start)).or_insert_with(|| {
            *reopened |= *fired >= Some((end, start));
            Live::new(WindowPart::Window(start, end))
        });
        live.set(key, value, cold)
    }

    /// End of the window that fires next.
    #[inline]
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        self.live.first_key_value().map(|((end, _), _)| *end)
    }

    /// Takes the next window out of the state: what remains of it lies in the returned value alone.
    pub(crate) fn fire_next(&mut self) -> Result<Option<Firing<K, V>>> {
        let Some(mut first) = self.live.first_entry() else { return Ok(None) };
        let drained = first.get_mut().drain(&mut self.cold)?;
        let ((end, start), _) = first.remove_entry();
        self.fired = self.fired.max(Some((end, start)));
        let in_store = self.cold.spilled();
        let used = drained.used;
        if drained.kept || in_store {
            for group in (0..128).filter(|g| used & (1 << g) != 0).map(KeyGroup) {
                let mut prefix = Vec::new();
                key_layout::push_prefix(group, WindowPart::Window(start, end), &mut prefix);
                if let Some(end) = prefix_end(&prefix) {
                    self.dropped.push((prefix, end));
                }
            }
        }
        let groups = drained.groups.into_iter().enumerate().filter(|(g, _)| used & (1 << g) != 0);
        let groups: Vec<_> = groups.map(|(g, entries)| (KeyGroup(g as u16), entries)).collect();
        Ok(Some(Firing { end, start, groups: groups.into_iter(), in_store }))
    }

    /// The content of the next key group of a window that fires, in ascending order of the keys' encoding; `None` when
    /// there is none left.
    pub(crate) fn fire_group(&mut self, firing: &mut Firing<K, V>) -> Result<Option<Vec<(K, V)>>> {
        let Some((group, live)) = firing.groups.next() else { return Ok(None) };
        let mut content = BTreeMap::new();
        if firing.in_store {
            self.load_group(group, firing, &mut content)?;
        }
        for (key, value) in live {
            let mut encoded = Vec::new();
            crate::key::encode_key(&key, &mut encoded)?;
            match value {
                Some(value) => drop(content.insert(encoded, (key, value))),
                None => drop(content.remove(&encoded)),
            }
        }
        Ok(Some(content.into_values().collect()))
    }

    /// Adds what the store has of a window and key group, and deletes it there.
    fn load_group(
        &mut self,
        group: KeyGroup,
        firing: &Firing<K, V>,
        content: &mut BTreeMap<Vec<u8>, (K, V)>,
    ) -> Result<()> {
        let Some(store) = self.cold.store() else { return Ok(()) };
        let mut lower = Vec::new();
        key_layout::push_prefix(group, WindowPart::Window(firing.start, firing.end), &mut lower);
        let (first, upper) = (lower.clone(), prefix_end(&lower));
        let mut next = Some(lower);
        let mut found = false;
        while let Some(lower) = next {
            let mut rows = Vec::new();
            let range = KeyRange { lower: &lower, upper: upper.as_deref() };
            next = store.scan(range, SCAN_ROWS, &mut |key, value| rows.push((key.to_vec(), value.to_vec())))?;
            found |= !rows.is_empty();
            for (store_key, bytes) in rows {
                let encoded = key_layout::split(&store_key, 2)?.encoded_key.to_vec();
                let key = self.cold.decode_key::<K>(&store_key, &encoded)?;
                let value = V::decode_value(&bytes).map_err(|e| self.cold.undecodable::<V>(&store_key, e))?;
                content.insert(encoded, (key, value));
            }
        }
        if let (true, Some(end)) = (found, upper) {
            let mut range = UnsortedRun::default();
            range.delete_range(&first, &end);
            self.cold.spill(range)?;
        }
        Ok(())
    }
}

impl<K: StateKey, V: StateValue> StateTable for WindowTable<K, V> {
    fn name(&self) -> &StateName {
        &self.cold.name
    }

    fn look_ahead(&self, soon: &[u64], later: &[u64]) {
        // Most events belong to one of the newest windows.
        self.live.values().rev().take(LOOKED_AHEAD).for_each(|live| live.look_ahead(soon, later));
    }

    fn describe(&self) -> StateDescription {
        let description = StateDescription::of::<K, V>(StateKind::Window);
        let version = self.cold.versions.as_ref().map_or(description.version, |versions| versions.number);
        StateDescription { version, ..description }
    }

    fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    fn versions(&self) -> Option<Versions> {
        self.cold.versions.clone()
    }

    fn begin_seal(&mut self) -> Result<()> {
        let dirty = self.live.values().map(Live::dirty_entries).sum();
        self.cold.begin_seal(self.live.values().all(Live::sealed), dirty)?;
        take_dropped(&mut self.dropped, &mut self.cold.sealed);
        (self.fired, self.reopened) = (None, false);
        self.live.values_mut().for_each(Live::begin_seal);
        Ok(())
    }

    fn seal_slice(&mut self, mut max: usize) -> Result<bool> {
        for live in self.live.values_mut() {
            max = live.seal_slice(max, &mut self.cold)?;
        }
        Ok(self.live.values().all(Live::sealed))
    }

    fn take_sealed(&mut self) -> UnsortedRun {
        self.cold.take_sealed()
    }

    fn take_back(&mut self, emptied: UnsortedRun) {
        self.cold.take_back(emptied);
    }

    fn release_room(&mut self) {
        self.cold.release_room();
    }

    fn restore(&mut self, content: &mut dyn RunCursor, budget: usize) -> Result<()> {
        let mut memory = self.memory_bytes();
        while let Some(entry) = content.next()? {
            let (store_key, bytes) = put(entry)?;
            let parts = key_layout::split(store_key, 2)?;
            let [start, end] = parts.times;
            // Every window needs its table, even where the values stay in the store: it says when to fire and what to drop.
            let live = self.live.entry((end, start)).or_insert_with(|| Live::new(WindowPart::Window(start, end)));
            if memory < budget {
                let key = self.cold.decode_key::<K>(store_key, parts.encoded_key)?;
                let value = live.decode(bytes).map_err(|e| self.cold.undecodable::<V>(store_key, e))?;
                let before = live.memory_bytes();
                live.insert(key, parts.hash, Some(value), Origin::Checkpoint);
                memory += live.memory_bytes().saturating_sub(before);
            } else {
                live.note_group(parts.group);
                let (key, value) = (store_key.to_vec(), bytes.to_vec());
                self.cold.spill_one(key, value)?;
            }
        }
        self.cold.spill_rest()
    }

    fn memory_bytes(&self) -> usize {
        let live = |live: &Live<K, V>| live.memory_bytes() + self.cold.to_be_sealed_bytes(live.dirty_entries());
        self.live.values().map(live).sum::<usize>() + self.cold.sealed.memory_bytes()
    }

    fn entries(&self) -> usize {
        self.live.values().map(Live::entries).sum()
    }

    fn stats(&self) -> TableStats {
        let mut stats = self.cold.stats();
        self.live.values().for_each(|live| live.add_to(&mut stats));
        stats
    }

    /// Evicts from the windows that fire last first.
    fn evict(&mut self, target: usize, slice_bytes: usize) -> Result<Option<Vec<u8>>> {
        let mut evicted = Evicted::new(slice_bytes, self.cold.dirty_entry_bytes());
        if self.reopened || self.dropped.len() > DROPPED_RANGES {
            // The run that is sealed next would hide what this one has of a window that was opened again.
            take_dropped(&mut self.dropped, &mut evicted.unsealed);
            (self.fired, self.reopened) = (None, false);
        }
        let target = target.saturating_sub(self.cold.sealed.memory_bytes());
        let mut total: usize = self.live.values().map(|live| live.weight(&evicted)).sum();
        for live in self.live.values_mut().rev() {
            if total <= target || evicted.is_full() {
                break;
            }
            let before = live.weight(&evicted);
            let keep = before.saturating_sub(total - target);
            live.evict(keep, &mut evicted, &mut self.cold)?;
            total = total - before + live.weight(&evicted);
        }
        evicted.spill(&mut self.cold)
    }
}

fn take_dropped(dropped: &mut Vec<(Vec<u8>, Vec<u8>)>, into: &mut UnsortedRun) {
    for (start, end) in dropped.drain(..) {
        into.delete_range(&start, &end);
    }
}
