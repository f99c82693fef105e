//! One accumulator a key.

use crate::{
    Accumulator,
    key::{Key, StateKey},
    table::ValueTable,
    ttl::Ttl,
    version::Version,
};
use gress_core::Result;
use std::{cell::RefCell, marker::PhantomData, rc::Rc};

/// One accumulator a key: what is added may be of another type than what is kept, and that of another than the result. The
/// result is computed when it is asked for and never stored.
pub struct AggregatingState<K, T, A> {
    table: Rc<RefCell<ValueTable<K, A>>>,
    empty: A,
    of: PhantomData<fn(T)>,
}

impl<K: StateKey, T, A: Accumulator<T>> AggregatingState<K, T, A> {
    pub(crate) fn new(table: Rc<RefCell<ValueTable<K, A>>>, empty: A) -> Self {
        AggregatingState { table, empty, of: PhantomData }
    }

    /// Accumulators have this version, and those of older ones are migrated: see [`Version`]. Said once, where the state is declared.
    #[must_use]
    pub fn version(self, version: Version<A>) -> Self {
        self.table.borrow_mut().version(version.into_versions());
        self
    }

    /// Entries expire by `ttl`: see [`crate::ValueState::ttl`]. An addition is an update.
    #[must_use]
    pub fn ttl(self, ttl: Ttl) -> Self {
        self.table.borrow_mut().expire_by(ttl);
        self
    }

    /// Adds `value` to the accumulator of `key`, a clone of the empty one at first.
    ///
    /// # Errors
    /// Those of the store, where the accumulator must be loaded, and one before that the checkpoint under way needs and
    /// that cannot be encoded.
    #[inline]
    pub fn add(&mut self, key: &Key<K>, value: &T) -> Result<()> {
        let first = |value: &T| {
            let mut accumulator = self.empty.clone();
            accumulator.add(value);
            accumulator
        };
        self.table.borrow_mut().upsert(key, value, first, |accumulator, value| accumulator.add(value))
    }

    /// The result for `key`; `None` if nothing was added.
    ///
    /// # Errors
    /// Those of the store, where the accumulator must be loaded.
    pub fn get(&self, key: &Key<K>) -> Result<Option<A::Out>> {
        self.table.borrow_mut().read_with(key, |accumulator| accumulator.clone().finish())
    }

    /// Removes the accumulator of `key` and gives the result.
    ///
    /// # Errors
    /// As [`AggregatingState::add`].
    pub fn take(&mut self, key: &Key<K>) -> Result<Option<A::Out>> {
        Ok(self.table.borrow_mut().take(key)?.map(A::finish))
    }

    /// Removes the accumulator of `key`, without reading it from the store.
    ///
    /// # Errors
    /// A value before that the checkpoint under way needs and that cannot be encoded.
    pub fn clear(&mut self, key: &Key<K>) -> Result<()> {
        self.table.borrow_mut().remove(key)
    }

    /// Takes the accumulators of `sources` and merges them into that of `target`, in the order given: what is left of two
    /// operands came first. What has expired is left behind.
    ///
    /// # Errors
    /// As [`AggregatingState::add`].
    pub fn merge(&mut self, target: &Key<K>, sources: &[&Key<K>]) -> Result<()> {
        for source in sources.iter().filter(|source| source.value() != target.value()) {
            let mut table = self.table.borrow_mut();
            if let Some(accumulator) = table.take(source)? {
                table.upsert(target, accumulator, |first| first, A::merge)?;
            }
        }
        Ok(())
    }
}
