//! Event-time timers: a call back for a key, when the watermark passes a time.

use crate::{
    key::{Key, StateKey},
    table::TimerTable,
};
use gress_core::{Result, Timestamp};
use std::{cell::RefCell, rc::Rc};

/// Event-time timers of one purpose. (key, time) is one timer, however often it is set.
pub struct Timers<K> {
    table: Rc<RefCell<TimerTable<K>>>,
}

impl<K: StateKey> Timers<K> {
    pub(crate) fn new(table: Rc<RefCell<TimerTable<K>>>) -> Self {
        Timers { table }
    }

    /// Sets a timer: `on_timer` is called for `key` once the watermark reaches `time`. A time that the watermark has
    /// passed already fires at the next watermark; inside a callback, in the same advance.
    ///
    /// # Errors
    /// A key that cannot be encoded.
    pub fn set(&mut self, key: &Key<K>, time: Timestamp) -> Result<()> {
        self.table.borrow_mut().set(key, time)
    }

    /// Deletes a timer; one that is not set is no error.
    ///
    /// # Errors
    /// A key that cannot be encoded.
    pub fn delete(&mut self, key: &Key<K>, time: Timestamp) -> Result<()> {
        self.table.borrow_mut().delete(key, time)
    }
}

/// A timer that is due.
pub struct DueTimer<K> {
    /// The name that its state has in the operator.
    pub name: &'static str,
    /// The time it was set for.
    pub time: Timestamp,
    /// The key it was set for.
    pub key: Key<K>,
}

/// All timers of one operator in one task, for the runtime: gives them in the order in which they fire.
pub struct TimersOfTask<K> {
    tables: Vec<(&'static str, Rc<RefCell<TimerTable<K>>>)>,
}

impl<K> Default for TimersOfTask<K> {
    fn default() -> Self {
        TimersOfTask { tables: Vec::new() }
    }
}

impl<K: StateKey> TimersOfTask<K> {
    pub(crate) fn add(&mut self, name: &'static str, table: Rc<RefCell<TimerTable<K>>>) {
        self.tables.push((name, table));
    }

    /// Whether the operator has no timers at all.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Takes the first timer that is due at `watermark`, in order of (time, encoded key, declaration).
    ///
    /// # Errors
    /// None in practice.
    pub fn pop_due(&mut self, watermark: Timestamp) -> Result<Option<DueTimer<K>>> {
        let mut first: Option<(usize, (Timestamp, Vec<u8>))> = None;
        for (at, (_, table)) in self.tables.iter().enumerate() {
            let table = table.borrow();
            let Some((time, key)) = table.next_due() else { continue };
            let earlier = first.as_ref().is_none_or(|(_, (t, k))| (time, key) < (*t, k.as_slice()));
            if time <= watermark && earlier {
                first = Some((at, (time, key.to_vec())));
            }
        }
        let Some((at, _)) = first else { return Ok(None) };
        let (name, table) = &self.tables[at];
        let popped = table.borrow_mut().pop();
        Ok(popped.map(|(time, key)| DueTimer { name, time, key }))
    }
}
