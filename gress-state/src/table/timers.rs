//! The table of event-time timers: all in memory, ordered as they fire, with a log of changes for the next seal.

use super::{Cold, StateDescription, StateKind, StateTable, values::put};
use crate::{
    key::{Key, StateKey, encode_key},
    key_layout,
    run::{RunCursor, UnsortedRun},
};
use gress_core::{KeyGroup, Result, StateName, Timestamp};
use std::{any::type_name, collections::BTreeMap};

/// Timers by time and encoded key. (key, time) is one timer, however often it is set.
pub(crate) struct TimerTable<K> {
    due: BTreeMap<(Timestamp, Vec<u8>), (K, u64)>,
    changes: UnsortedRun,
    cold: Cold,
}

impl<K: StateKey> TimerTable<K> {
    pub(crate) fn new(cold: Cold) -> Self {
        TimerTable { due: BTreeMap::new(), changes: UnsortedRun::default(), cold }
    }

    pub(crate) fn set(&mut self, key: &Key<K>, time: Timestamp) -> Result<()> {
        let mut encoded = Vec::new();
        encode_key(key.value(), &mut encoded)?;
        let store_key = store_key(key.group(), time, &encoded);
        if self.due.insert((time, encoded), (key.value().clone(), key.hash())).is_none() {
            self.changes.put(append(&store_key), |_| Ok(()))?;
        }
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: &Key<K>, time: Timestamp) -> Result<()> {
        let mut encoded = Vec::new();
        encode_key(key.value(), &mut encoded)?;
        let store_key = store_key(key.group(), time, &encoded);
        if self.due.remove(&(time, encoded)).is_some() {
            self.changes.delete(append(&store_key))?;
        }
        Ok(())
    }

    /// When the next timer is due, and the encoding of its key.
    pub(crate) fn next_due(&self) -> Option<(Timestamp, &[u8])> {
        self.due.first_key_value().map(|((time, key), _)| (*time, key.as_slice()))
    }

    /// Takes the next timer out.
    pub(crate) fn pop(&mut self) -> Result<Option<(Timestamp, Key<K>)>> {
        let Some(((time, encoded), (key, hash))) = self.due.pop_first() else { return Ok(None) };
        self.changes.delete(append(&store_key(KeyGroup::of_hash(hash), time, &encoded)))?;
        Ok(Some((time, Key::from_parts(key, hash))))
    }
}

fn store_key(group: KeyGroup, time: Timestamp, encoded_key: &[u8]) -> Vec<u8> {
    let mut store_key = Vec::with_capacity(encoded_key.len() + 10);
    key_layout::push_timer_key(group, time, encoded_key, &mut store_key);
    store_key
}

fn append(bytes: &[u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<()> + '_ {
    move |into| {
        into.extend_from_slice(bytes);
        Ok(())
    }
}

impl<K: StateKey> StateTable for TimerTable<K> {
    fn name(&self) -> &StateName {
        &self.cold.name
    }

    fn describe(&self) -> StateDescription {
        let (key_type, value_type) = (type_name::<K>().to_owned(), "()".to_owned());
        StateDescription { kind: StateKind::EventTimers, key_type, value_type }
    }

    fn begin_seal(&mut self) -> Result<()> {
        self.cold.sealed = std::mem::take(&mut self.changes);
        Ok(())
    }

    fn seal_slice(&mut self, _: usize) -> Result<bool> {
        Ok(true)
    }

    fn take_sealed(&mut self) -> UnsortedRun {
        std::mem::take(&mut self.cold.sealed)
    }

    fn restore(&mut self, content: &mut dyn RunCursor, _: usize) -> Result<()> {
        while let Some(entry) = content.next()? {
            let parts = key_layout::split(put(entry)?.0, 1)?;
            let key = key_layout::decode_key::<K>(parts.encoded_key)?;
            self.due.insert((parts.times[0], parts.encoded_key.to_vec()), (key, parts.hash));
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        // An entry of the tree, its key's encoding and its share of the nodes.
        let entry = size_of::<(Timestamp, Vec<u8>, K, u64)>() + 32;
        self.due.len() * entry + self.changes.memory_bytes() + self.cold.sealed.memory_bytes()
    }

    fn entries(&self) -> usize {
        self.due.len()
    }

    fn evict(&mut self, _: usize) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}
