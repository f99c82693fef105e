//! One entry of a table, as small as it gets: two slots of numbers share a cache line.

use super::slot_key::SlotKey;
use crate::{
    key_layout::{WindowPart, hex},
    run::UnsortedRun,
    ttl::Stamp,
    value::StateValue,
};
use gress_core::{Error, KeyGroup, Result, StateName};
use std::cell::Cell;

/// A key, what is known of its value, and what store and checkpoint have of it.
pub(super) struct Slot<K, V> {
    /// The part of the hash by which the index finds the slot.
    pub tag: u32,
    group: u8,
    /// The epoch in which the entry was changed and not yet encoded since; `None` if it is clean.
    pub changed_in: Option<Epoch>,
    marks: Cell<u8>,
    pub key: K,
    /// `None`: known to be absent, or removed.
    pub value: Option<V>,
}

/// The time between two seals. The entries of one are all encoded before the next one begins, so that two can be told apart
/// for ever by turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Epoch {
    #[default]
    Even,
    Odd,
}

impl Epoch {
    pub(super) fn next(self) -> Epoch {
        match self {
            Epoch::Even => Epoch::Odd,
            Epoch::Odd => Epoch::Even,
        }
    }
}

/// What is noted of an entry, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Mark {
    /// The store does not have this value.
    Stale = 1,
    /// The store may have some value for the key.
    InStore = 2,
    /// The checkpoint may have some value for the key.
    InCheckpoint = 4,
    /// Read or written since the eviction hand last passed.
    Recent = 8,
}

/// The part of a hash that an index goes by. The key group is not in it: all entries of a task may have the same.
#[inline]
pub(super) fn tag_of(hash: u64) -> u32 {
    hash as u32
}

impl<K, V> Slot<K, V> {
    /// A clean slot, used just now.
    pub(super) fn new(key: K, hash: u64, value: Option<V>) -> Self {
        let (group, marks) = (KeyGroup::of_hash(hash).0 as u8, Cell::new(Mark::Recent as u8));
        Slot { tag: tag_of(hash), group, changed_in: None, marks, key, value }
    }

    pub(super) fn group(&self) -> KeyGroup {
        KeyGroup(self.group.into())
    }

    #[inline]
    pub(super) fn is(&self, mark: Mark) -> bool {
        self.marks.get() & mark as u8 != 0
    }

    #[inline]
    pub(super) fn set(&mut self, mark: Mark, to: bool) {
        let marks = self.marks.get_mut();
        *marks = if to { *marks | mark as u8 } else { *marks & !(mark as u8) };
    }

    /// Notes a use.
    #[inline]
    pub(super) fn used(&self) {
        self.marks.set(self.marks.get() | Mark::Recent as u8);
    }

    /// Whether the slot was used since it was asked this last.
    pub(super) fn take_recent(&self) -> bool {
        let was = self.is(Mark::Recent);
        self.marks.set(self.marks.get() & !(Mark::Recent as u8));
        was
    }
}

impl<K: SlotKey, V: StateValue> Slot<K, V> {
    /// Encodes what the slot says of its key, with the time of its last update where the state's entries expire.
    pub(super) fn encode(
        &self,
        updated: Option<i64>,
        window: WindowPart,
        name: &StateName,
        into: &mut UnsortedRun,
    ) -> Result<()> {
        let Some(value) = &self.value else { return self.encode_delete(window, name, into) };
        let put = into.put(
            |into| self.push_store_key(window, into),
            |into| {
                if let Some(updated) = updated {
                    Stamp::Updated(updated).encode(into);
                }
                value.encode_value(into)
            },
        );
        put.map_err(|error| self.unencodable(window, name, error))
    }

    /// Encodes that there is no value.
    pub(super) fn encode_delete(&self, window: WindowPart, name: &StateName, into: &mut UnsortedRun) -> Result<()> {
        let delete = into.delete(|into| self.push_store_key(window, into));
        delete.map_err(|error| self.unencodable(window, name, error))
    }

    fn push_store_key(&self, window: WindowPart, into: &mut Vec<u8>) -> Result<()> {
        self.key.push_store_key(self.group(), window, into)
    }

    fn unencodable(&self, window: WindowPart, name: &StateName, error: Error) -> Error {
        let mut key = Vec::new();
        // A key that cannot be encoded is told as far as it goes: its error is the one that is passed on.
        let _ = self.push_store_key(window, &mut key);
        error.at(format!("state `{name}`, store key {}", hex(&key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gress_core::key_group::KEY_GROUPS;

    #[test]
    fn slots_of_numbers_are_half_a_cache_line() {
        assert_eq!(size_of::<Option<Slot<u64, u64>>>(), 32);
        const { assert!(KEY_GROUPS <= 1 << 8) };
    }

    #[test]
    fn marks_are_independent_of_each_other() {
        let mut slot = Slot::new(1_u64, u64::MAX, Some(2_u64));
        assert_eq!((slot.group(), slot.tag), (KeyGroup(KEY_GROUPS - 1), u32::MAX));
        assert!(slot.take_recent() && !slot.take_recent());
        slot.set(Mark::InStore, true);
        slot.used();
        slot.set(Mark::Stale, true);
        slot.set(Mark::InStore, false);
        let all = [Mark::Stale, Mark::InStore, Mark::InCheckpoint, Mark::Recent];
        assert_eq!(all.map(|mark| slot.is(mark)), [true, false, false, true]);
        assert_eq!(Epoch::Even.next().next(), Epoch::Even);
    }
}
