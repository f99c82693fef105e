//! Accumulators by key and window, for the window operator.

use crate::{
    key::{Key, StateKey},
    table::{Firing, WindowTable},
    value::StateValue,
    version::Version,
};
use gress_core::{Result, Timestamp};
use std::{cell::RefCell, rc::Rc};

/// One accumulator a key and window. Windows fire once, in order of (end, start), and leave nothing behind.
pub struct WindowState<K, V> {
    table: Rc<RefCell<WindowTable<K, V>>>,
}

impl<K: StateKey, V: StateValue> WindowState<K, V> {
    pub(crate) fn new(table: Rc<RefCell<WindowTable<K, V>>>) -> Self {
        WindowState { table }
    }

    /// Accumulators have this version, and those of older ones are migrated: see [`Version`]. Said once, where the state is
    /// declared.
    #[must_use]
    pub fn version(self, version: Version<V>) -> Self {
        self.table.borrow_mut().version(version.into_versions());
        self
    }

    /// Changes the accumulator of `key` in the window `start..end`; the first time it is what `empty` gives.
    ///
    /// # Errors
    /// Those of the store, and an accumulator that cannot be encoded.
    #[inline]
    pub fn update(
        &mut self,
        start: Timestamp,
        end: Timestamp,
        key: &Key<K>,
        empty: impl FnOnce() -> V,
        change: impl FnOnce(&mut V),
    ) -> Result<()> {
        self.table.borrow_mut().update(start, end, key, empty, change)
    }

    /// Moves what `key` has in the windows `sources` into the window `target`, as sessions do that grow into each other. What is
    /// there is reduced into one accumulator by `merge`, whose first operand is always that of the earlier window, by start
    /// and then end. Windows without one count as not there.
    ///
    /// # Errors
    /// Those of the store, which leave all windows as they were, and an accumulator that the checkpoint under way needs and
    /// that cannot be encoded.
    pub fn merge(
        &mut self,
        key: &Key<K>,
        target: (Timestamp, Timestamp),
        sources: &[(Timestamp, Timestamp)],
        merge: impl FnMut(&mut V, V),
    ) -> Result<()> {
        self.table.borrow_mut().merge(key, target, sources, merge)
    }

    /// End of the window that fires next.
    pub fn next_end(&self) -> Option<Timestamp> {
        self.table.borrow().next_end()
    }

    /// Takes the next window out of the state, to be fired slice by slice.
    ///
    /// # Errors
    /// An accumulator that cannot be encoded.
    pub fn fire_next(&mut self) -> Result<Option<FiringWindow<K, V>>> {
        let firing = self.table.borrow_mut().fire_next()?;
        Ok(firing.map(|firing| FiringWindow { firing, table: self.table.clone() }))
    }
}

/// A window that fires. Its content comes key group by key group, so that a large window needs little memory at a time.
pub struct FiringWindow<K, V> {
    firing: Firing<K, V>,
    table: Rc<RefCell<WindowTable<K, V>>>,
}

impl<K: StateKey, V: StateValue> FiringWindow<K, V> {
    /// Start of the window.
    pub fn start(&self) -> Timestamp {
        self.firing.start
    }

    /// End of the window.
    pub fn end(&self) -> Timestamp {
        self.firing.end
    }

    /// Keys and accumulators of the next key group, in order of the keys' encoding; `None` when all were given.
    ///
    /// # Errors
    /// Those of the store, and content that does not decode.
    pub fn next_group(&mut self) -> Result<Option<Vec<(K, V)>>> {
        self.table.borrow_mut().fire_group(&mut self.firing)
    }
}
