//! The table of event-time timers: all in memory, ordered as they fire, with what the next seal has to say of them.

use super::{Cold, StateDescription, StateKind, StateTable, TableStats, cold::append, values::put};
use crate::{
    key::{Key, StateKey, encode_key},
    key_layout,
    run::{RunCursor, UnsortedRun},
};
use gress_core::{KeyGroup, Result, StateName, Timestamp, key_group::key_hash};
use std::collections::{BTreeMap, btree_map::Entry};

/// Timers by time and encoded key. (key, time) is one timer, however often it is set.
pub(crate) struct TimerTable<K> {
    due: BTreeMap<Place, (K, u64)>,
    /// How the timers differ from those of the last seal: `true` where one is set, `false` where one is gone. One that
    /// is set and gone again between two seals is not here.
    changes: BTreeMap<Place, bool>,
    /// Changes that the seal under way has not encoded yet.
    sealing: BTreeMap<Place, bool>,
    cold: Cold,
}

/// Time and encoded key of a timer.
type Place = (Timestamp, Vec<u8>);

impl<K: StateKey> TimerTable<K> {
    pub(crate) fn new(cold: Cold) -> Self {
        TimerTable { due: BTreeMap::new(), changes: BTreeMap::new(), sealing: BTreeMap::new(), cold }
    }

    pub(crate) fn set(&mut self, key: &Key<K>, time: Timestamp) -> Result<()> {
        let place = place(key, time)?;
        if let Entry::Vacant(vacant) = self.due.entry(place) {
            change(&mut self.changes, vacant.key(), true);
            vacant.insert((key.value().clone(), key.hash()));
        }
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: &Key<K>, time: Timestamp) -> Result<()> {
        let place = place(key, time)?;
        if self.due.remove(&place).is_some() {
            change(&mut self.changes, &place, false);
        }
        Ok(())
    }

    /// When the next timer is due, and the encoding of its key.
    pub(crate) fn next_due(&self) -> Option<(Timestamp, &[u8])> {
        self.due.first_key_value().map(|((time, key), _)| (*time, key.as_slice()))
    }

    /// Takes the next timer out.
    pub(crate) fn pop(&mut self) -> Option<(Timestamp, Key<K>)> {
        let (place, (key, hash)) = self.due.pop_first()?;
        change(&mut self.changes, &place, false);
        Some((place.0, Key::from_parts(key, hash)))
    }
}

fn place<K: StateKey>(key: &Key<K>, time: Timestamp) -> Result<Place> {
    let mut encoded = Vec::new();
    encode_key(key.value(), &mut encoded)?;
    Ok((time, encoded))
}

/// Notes that a timer is set now, or gone. Twice a change is none.
fn change(changes: &mut BTreeMap<Place, bool>, place: &Place, set: bool) {
    if changes.remove(place).is_none() {
        changes.insert(place.clone(), set);
    }
}

impl<K: StateKey> StateTable for TimerTable<K> {
    fn name(&self) -> &StateName {
        &self.cold.name
    }

    fn describe(&self) -> StateDescription {
        StateDescription::of::<K, ()>(StateKind::EventTimers)
    }

    fn begin_seal(&mut self) -> Result<()> {
        self.cold.begin_seal(self.sealing.is_empty(), self.changes.len())?;
        self.sealing = std::mem::take(&mut self.changes);
        Ok(())
    }

    fn seal_slice(&mut self, max: usize) -> Result<bool> {
        for _ in 0..max {
            let Some(((time, encoded), set)) = self.sealing.pop_first() else { break };
            let group = KeyGroup::of_hash(key_hash(&encoded));
            let store_key = |into: &mut Vec<u8>| {
                key_layout::push_timer_key(group, time, &encoded, into);
                Ok(())
            };
            match set {
                true => self.cold.sealed.put(store_key, append(&[]))?,
                false => self.cold.sealed.delete(store_key)?,
            }
        }
        Ok(self.sealing.is_empty())
    }

    fn take_sealed(&mut self) -> UnsortedRun {
        self.cold.take_sealed()
    }

    fn restore(&mut self, content: &mut dyn RunCursor, _: usize) -> Result<()> {
        while let Some(entry) = content.next()? {
            let (store_key, _) = put(entry)?;
            let parts = key_layout::split(store_key, 1)?;
            let key = self.cold.decode_key::<K>(store_key, parts.encoded_key)?;
            self.due.insert((parts.times[0], parts.encoded_key.to_vec()), (key, parts.hash));
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        let TableStats { table_bytes, sealed_bytes, .. } = self.stats();
        table_bytes + sealed_bytes
    }

    fn entries(&self) -> usize {
        self.due.len()
    }

    fn stats(&self) -> TableStats {
        // An entry of a tree, its key's encoding and its share of the nodes.
        let (due, change) = (size_of::<(Place, K, u64)>() + 32, size_of::<(Place, bool)>() + 32);
        let changes = self.changes.len() + self.sealing.len();
        TableStats {
            entries: self.due.len(),
            dirty_entries: changes,
            dirty_bytes: changes * change,
            table_bytes: self.due.len() * due + changes * change,
            ..self.cold.stats()
        }
    }

    fn evict(&mut self, _: usize, _: usize) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}
