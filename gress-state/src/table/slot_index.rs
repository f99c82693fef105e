//! Which slots have a hash: open addressing with linear probing, eight bytes an entry.
//!
//! ```text
//!  entry   tag u32 ‖ slot u32          the tag is a part of the hash
//!  home    the top bits of the tag, as many as the index has entries
//! ```
//!
//! An entry and its neighbours share a cache line, so a look costs one miss, and one more for the slot. What follows from a
//! tag alone is an entry's home: growth and removal read no slots.

use crate::prefetch::prefetch;

/// No slot has this number.
const EMPTY: u64 = u64::MAX;
/// The fewest entries that are allocated: one cache line.
const FEW: usize = 8;

/// An index of slots by tag. Tags may be the same, slots may not.
#[derive(Debug, Default)]
pub(super) struct SlotIndex {
    /// Of a power of two, or nothing.
    entries: Vec<u64>,
    len: usize,
    /// By which a tag becomes its home.
    shift: u32,
}

#[inline]
fn entry(tag: u32, slot: u32) -> u64 {
    u64::from(tag) << 32 | u64::from(slot)
}

#[inline]
fn parts(entry: u64) -> (u32, u32) {
    ((entry >> 32) as u32, entry as u32)
}

impl SlotIndex {
    /// What an entry takes at most, where nothing was removed: right after the index grew.
    pub(super) const ENTRY_BYTES_MAX: usize = 22;

    pub(super) fn memory_bytes(&self) -> usize {
        self.entries.len() * size_of::<u64>()
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        // In 64 bits, where a shift by 32 is one; and never checked, since it is never more.
        u64::from(tag).wrapping_shr(self.shift) as usize
    }

    /// The slot with this tag that `is` the one looked for.
    #[inline]
    pub(super) fn find(&self, tag: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        let entries = &self.entries[..];
        let mask = entries.len().checked_sub(1)?;
        let mut at = self.home(tag);
        loop {
            let entry = entries[at & mask];
            if entry == EMPTY {
                return None;
            }
            let (other, slot) = parts(entry);
            if other == tag && is(slot) {
                return Some(slot);
            }
            at = at.wrapping_add(1);
        }
    }

    /// The first slot with this tag: most often the one that is looked for, without a look at any slot.
    #[inline]
    pub(super) fn guess(&self, tag: u32) -> Option<u32> {
        self.find(tag, |_| true)
    }

    /// Tells the processor that a look for `tag` comes soon.
    #[inline]
    pub(super) fn prefetch(&self, tag: u32) {
        prefetch(&self.entries, self.home(tag));
    }

    /// Adds a slot that is not in the index.
    pub(super) fn insert(&mut self, tag: u32, slot: u32) {
        if (self.len + 1) * 4 > self.entries.len() * 3 {
            self.grow();
        }
        self.len += 1;
        self.place(entry(tag, slot));
    }

    fn place(&mut self, entry: u64) {
        let mask = self.entries.len() - 1;
        let mut at = self.home(parts(entry).0);
        while self.entries[at & mask] != EMPTY {
            at += 1;
        }
        self.entries[at & mask] = entry;
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.entries.len() * 2).max(FEW);
        let before = std::mem::replace(&mut self.entries, vec![EMPTY; size]);
        self.shift = u32::BITS - size.trailing_zeros();
        // In order of their homes, so that both are read and written from one end to the other.
        before.into_iter().filter(|entry| *entry != EMPTY).for_each(|entry| self.place(entry));
    }

    /// Removes a slot; nothing happens if the index does not have it.
    pub(super) fn remove(&mut self, tag: u32, slot: u32) {
        let Some(mask) = self.entries.len().checked_sub(1) else { return };
        let removed = entry(tag, slot);
        let mut hole = self.home(tag) & mask;
        while self.entries[hole] != removed {
            if self.entries[hole] == EMPTY {
                return;
            }
            hole = (hole + 1) & mask;
        }
        // What stands behind the hole moves up, unless that would be before its home.
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let entry = self.entries[at];
            if entry == EMPTY {
                break;
            }
            let from_home = at.wrapping_sub(self.home(parts(entry).0)) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = EMPTY;
        self.len -= 1;
    }

    pub(super) fn clear(&mut self) {
        *self = SlotIndex::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Few homes, many collisions, runs that go around the end.
        #[test]
        fn slots_are_found_by_their_tags_as_in_a_map(
            steps in prop::collection::vec((any::<bool>(), 0..40_u32, 0..3_u32), 0..400),
        ) {
            let tag_of = |slot: u32, kind: u32| match kind {
                0 => slot % 3,
                1 => u32::MAX - slot % 3,
                _ => slot.wrapping_mul(0x9e37_79b9),
            };
            let (mut index, mut model) = (SlotIndex::default(), BTreeMap::new());
            for (add, slot, kind) in steps {
                if add {
                    let tag = *model.entry(slot).or_insert_with(|| {
                        index.insert(tag_of(slot, kind), slot);
                        tag_of(slot, kind)
                    });
                    prop_assert_eq!(index.find(tag, |other| other == slot), Some(slot));
                } else if let Some(tag) = model.remove(&slot) {
                    index.remove(tag, slot);
                    prop_assert_eq!(index.find(tag, |other| other == slot), None);
                } else {
                    index.remove(tag_of(slot, kind), slot);
                }
                prop_assert_eq!(index.len, model.len());
                for (slot, tag) in &model {
                    prop_assert_eq!(index.find(*tag, |other| other == *slot), Some(*slot));
                }
            }
        }
    }

    #[test]
    fn a_tag_without_a_slot_is_not_found_and_a_guess_has_its_tag() {
        let mut index = SlotIndex::default();
        assert_eq!((index.find(7, |_| true), index.guess(7)), (None, None));
        index.remove(7, 1);
        index.insert(7, 1);
        index.insert(7, 2);
        assert_eq!(index.find(7, |slot| slot == 2), Some(2), "the slots say which is meant, not the index");
        assert!(index.guess(7).is_some());
        assert_eq!(index.guess(8), None);
        index.clear();
        assert_eq!(index.guess(7), None);
    }
}
