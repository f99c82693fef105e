//! One value a key, into which everything that is added is reduced.

use crate::{
    key::{Key, StateKey},
    table::ValueTable,
    ttl::Ttl,
    value::StateValue,
    version::Version,
};
use gress_core::Result;
use std::{cell::RefCell, rc::Rc};

/// Reduces its second operand, which came later, into the first.
pub(crate) type Reducer<V> = Box<dyn Fn(&mut V, V)>;

/// One value a key: the first one that was added, with all further ones reduced into it.
///
/// ```
/// # use gress_state::{Key, ReducingState};
/// # use gress_core::Result;
/// /// `longest` was declared with the reducer `|longest, word| if word.len() > longest.len() { *longest = word }`.
/// fn read(longest: &mut ReducingState<u32, String>, key: &Key<u32>, word: String) -> Result<Option<String>> {
///     longest.add(key, word)?;
///     longest.get(key)
/// }
/// ```
pub struct ReducingState<K, V> {
    table: Rc<RefCell<ValueTable<K, V>>>,
    reduce: Reducer<V>,
}

impl<K: StateKey, V: StateValue> ReducingState<K, V> {
    pub(crate) fn new(table: Rc<RefCell<ValueTable<K, V>>>, reduce: Reducer<V>) -> Self {
        ReducingState { table, reduce }
    }

    /// Values have this version, and those of older ones are migrated: see [`Version`]. Said once, where the state is declared.
    #[must_use]
    pub fn version(self, version: Version<V>) -> Self {
        self.table.borrow_mut().version(version.into_versions());
        self
    }

    /// Entries expire by `ttl`: see [`crate::ValueState::ttl`]. An addition is an update.
    #[must_use]
    pub fn ttl(self, ttl: Ttl) -> Self {
        self.table.borrow_mut().expire_by(ttl);
        self
    }

    /// Reduces `value` into what `key` has; the first one stays as it is.
    ///
    /// # Errors
    /// Those of the store, where what is there must be loaded, and a value before that the checkpoint under way needs and
    /// that cannot be encoded.
    #[inline]
    pub fn add(&mut self, key: &Key<K>, value: V) -> Result<()> {
        self.table.borrow_mut().upsert(key, value, |value| value, |old, value| (self.reduce)(old, value))
    }

    /// A clone of what `key` has.
    ///
    /// # Errors
    /// Those of the store, where the value must be loaded.
    pub fn get(&self, key: &Key<K>) -> Result<Option<V>>
    where
        V: Clone,
    {
        self.table.borrow_mut().read_with(key, V::clone)
    }

    /// Removes what `key` has and gives it.
    ///
    /// # Errors
    /// As [`ReducingState::add`].
    pub fn take(&mut self, key: &Key<K>) -> Result<Option<V>> {
        self.table.borrow_mut().take(key)
    }

    /// Removes what `key` has, without reading it from the store.
    ///
    /// # Errors
    /// A value before that the checkpoint under way needs and that cannot be encoded.
    pub fn clear(&mut self, key: &Key<K>) -> Result<()> {
        self.table.borrow_mut().remove(key)
    }

    /// Takes what the `sources` have and reduces it into what `target` has, in the order given: what is left of two
    /// operands came first. What has expired is left behind.
    ///
    /// # Errors
    /// As [`ReducingState::add`].
    pub fn merge(&mut self, target: &Key<K>, sources: &[&Key<K>]) -> Result<()> {
        for source in sources.iter().filter(|source| source.value() != target.value()) {
            if let Some(value) = self.take(source)? {
                self.add(target, value)?;
            }
        }
        Ok(())
    }
}
