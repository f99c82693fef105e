//! Keys that are fetched from the store by one call.

use super::{Cold, aging::Aged};
use crate::key::Key;
use gress_core::Result;
use std::ops::Range;

/// Keys of a batch with their store keys.
pub(super) struct Wanted<'k, K> {
    store_keys: Vec<u8>,
    keys: Vec<(Range<usize>, &'k Key<K>)>,
}

impl<'k, K> Wanted<'k, K> {
    pub(super) fn new() -> Self {
        Wanted { store_keys: Vec::new(), keys: Vec::new() }
    }

    /// Adds `key`, whose store key `push` appends.
    pub(super) fn add(&mut self, key: &'k Key<K>, push: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let start = self.store_keys.len();
        push(&mut self.store_keys)?;
        self.keys.push((start..self.store_keys.len(), key));
        Ok(())
    }

    /// How many keys were added, those that were added twice counted so.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Calls `found` once for each key, in the order of store keys, with what `decode` makes of the `V` that the store has.
    pub(super) fn fetch<V>(
        mut self,
        cold: &Cold,
        decode: impl Fn(&[u8]) -> Result<Aged<V>>,
        mut found: impl FnMut(&'k Key<K>, Option<Aged<V>>),
    ) -> Result<()> {
        let store_key = |at: &Range<usize>| &self.store_keys[at.clone()];
        self.keys.sort_unstable_by(|(one, _), (other, _)| store_key(one).cmp(store_key(other)));
        self.keys.dedup_by(|(one, _), (other, _)| store_key(one) == store_key(other));
        let store_keys: Vec<&[u8]> = self.keys.iter().map(|(at, _)| store_key(at)).collect();
        for ((_, key), value) in self.keys.iter().zip(cold.load_many::<V, _>(&store_keys, decode)?) {
            found(key, value);
        }
        Ok(())
    }
}
