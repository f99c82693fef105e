//! The entries of one memory store, shared between the backend and the store's handles.

use crate::run::{RunCursor, RunEntry};
use gress_core::{Error, ErrorKind, Result, StateName};
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What an entry costs beside its bytes: two fat pointers, and its share of a node of the map.
const ENTRY_OVERHEAD_BYTES: u64 = 48;

/// Entries in order of their keys, and what they take.
#[derive(Default)]
pub(super) struct Content {
    pub(super) map: BTreeMap<Box<[u8]>, Box<[u8]>>,
    bytes: u64,
}

impl Content {
    /// Memory that the entries take.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.bytes + ENTRY_OVERHEAD_BYTES * self.map.len() as u64
    }

    /// Applies a run from its first entry to its last.
    ///
    /// The order of a run suffices to keep a range delete away from the puts of its own run: a put inside the range
    /// comes after it, and one that comes before it lies before its start.
    pub(super) fn apply(&mut self, run: &mut dyn RunCursor) -> Result<()> {
        while let Some(entry) = run.next()? {
            match entry {
                RunEntry::Put { key, value } => self.put(key, value),
                RunEntry::Delete { key } => self.delete(key),
                RunEntry::DeleteRange { start, end } => self.delete_range(start, end),
            }
        }
        Ok(())
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.bytes += value.len() as u64;
        match self.map.get_mut(key) {
            Some(old) => self.bytes -= std::mem::replace(old, value.into()).len() as u64,
            None => {
                self.bytes += key.len() as u64;
                self.map.insert(key.into(), value.into());
            }
        }
    }

    fn delete(&mut self, key: &[u8]) {
        if let Some(value) = self.map.remove(key) {
            self.bytes -= (key.len() + value.len()) as u64;
        }
    }

    fn delete_range(&mut self, start: &[u8], end: &[u8]) {
        if start >= end {
            return;
        }
        let bounds = (Bound::Included(start), Bound::Excluded(end));
        while let Some(key) = self.map.range::<[u8], _>(bounds).next().map(|(key, _)| key.clone()) {
            self.delete(&key);
        }
    }
}

/// The content of a store until its backend is closed.
#[derive(Clone)]
pub(super) struct SharedContent(Arc<Mutex<Option<Content>>>);

impl SharedContent {
    pub(super) fn empty() -> Self {
        SharedContent(Arc::new(Mutex::new(Some(Content::default()))))
    }

    /// Lends the content of store `name`, or says that the backend was closed.
    pub(super) fn with<R>(&self, name: &StateName, then: impl FnOnce(&mut Content) -> R) -> Result<R> {
        match self.lock().as_mut() {
            Some(content) => Ok(then(content)),
            None => Err(closed(&format!("store `{name}`"))),
        }
    }

    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    /// A reader that panics leaves the content whole, so its poison says nothing.
    fn lock(&self) -> MutexGuard<'_, Option<Content>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of every call after `close`.
pub(super) fn closed(what: &str) -> Error {
    Error::new(ErrorKind::Closed, format!("{what} of a memory backend was used after the backend was closed"))
}
