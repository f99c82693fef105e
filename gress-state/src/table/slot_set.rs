//! A set of slots, one bit each: which of them a seal has to look at.

/// Slots by number. What it takes is a bit for each slot that there is, however often slots come and go.
#[derive(Default)]
pub(super) struct SlotSet {
    words: Vec<u64>,
    len: usize,
    /// No word before this one has a bit.
    from: usize,
}

impl SlotSet {
    /// Adds slot `at`, if it is not in the set.
    #[inline]
    pub(super) fn insert(&mut self, at: u32) {
        let (word, bit) = place(at);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.len += usize::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
        self.from = self.from.min(word);
    }

    /// Takes slot `at` out, if it is in the set.
    #[inline]
    pub(super) fn remove(&mut self, at: u32) {
        let (word, bit) = place(at);
        if let Some(word) = self.words.get_mut(word) {
            self.len -= usize::from(*word & bit != 0);
            *word &= !bit;
        }
    }

    /// The least slot of the set, which stays in it.
    pub(super) fn first(&mut self) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let empty = self.words.iter().skip(self.from).take_while(|word| **word == 0).count();
        self.from += empty;
        let word = self.words.get(self.from)?;
        Some(self.from as u32 * u64::BITS + word.trailing_zeros())
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The word of a slot, and its bit there.
fn place(at: u32) -> (usize, u64) {
    ((at / u64::BITS) as usize, 1 << (at % u64::BITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_slot_that_comes_and_goes_is_there_once_or_not_at_all() {
        let mut set = SlotSet::default();
        (0..1_000).for_each(|_| set.insert(70));
        set.insert(3);
        assert_eq!((set.len(), set.first()), (2, Some(3)));
        (0..2).for_each(|_| set.remove(3));
        set.remove(1_000_000);
        assert_eq!((set.len(), set.first()), (1, Some(70)));
        set.remove(70);
        assert_eq!((set.is_empty(), set.first()), (true, None));
        assert_eq!(set.words.len(), 2, "what it takes does not depend on how often");
    }

    proptest! {
        #[test]
        fn it_is_a_set(changes in prop::collection::vec((any::<bool>(), 0..300_u32), 0..500)) {
            let (mut set, mut model) = (SlotSet::default(), BTreeSet::new());
            for (inserted, at) in changes {
                match inserted {
                    true => { set.insert(at); model.insert(at); }
                    false => { set.remove(at); model.remove(&at); }
                }
                prop_assert_eq!((set.len(), set.first()), (model.len(), model.first().copied()));
            }
        }
    }
}
