//! The entries of one memory store, shared between the backend and the store's handles.

use crate::{
    memory::view::{View, Views},
    run::{RunCursor, RunEntry},
    ttl::Expiry,
};
use gress_core::{Error, ErrorKind, Result, StateName};
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// What an entry costs beside its bytes: two fat pointers, and its share of a node of the map.
const ENTRY_OVERHEAD_BYTES: u64 = 48;
/// Entries that each write looks at for some that have expired: all are seen while as many are written as a tenth of
/// them.
const CLEANED_PER_WRITE: usize = 10;

pub(super) type Map = BTreeMap<Box<[u8]>, Box<[u8]>>;
/// A copied entry.
pub(super) type Row = (Box<[u8]>, Box<[u8]>);

/// Entries in order of their keys, and what they take.
#[derive(Default)]
pub(super) struct Content {
    pub(super) map: Map,
    bytes: u64,
    views: Views,
    expiry: Option<Arc<Expiry>>,
    /// The next key that cleaning looks at.
    clean_from: Box<[u8]>,
}

/// One entry of a run, copied: runs are applied as a whole or not at all.
pub(super) enum Change {
    Put(Box<[u8]>, Box<[u8]>),
    Delete(Box<[u8]>),
    DeleteRange(Box<[u8]>, Box<[u8]>),
}

impl Change {
    /// All changes of a run.
    pub(super) fn collect(run: &mut dyn RunCursor) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        while let Some(entry) = run.next()? {
            changes.push(match entry {
                RunEntry::Put { key, value } => Change::Put(key.into(), value.into()),
                RunEntry::Delete { key } => Change::Delete(key.into()),
                RunEntry::DeleteRange { start, end } => Change::DeleteRange(start.into(), end.into()),
            });
        }
        Ok(changes)
    }
}

impl Content {
    /// Memory that the entries take.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.bytes + ENTRY_OVERHEAD_BYTES * self.map.len() as u64
    }

    /// Applies a run from its first change to its last.
    ///
    /// The order of a run suffices to keep a range delete away from the puts of its own run: a put inside the range
    /// comes after it, and one that comes before it lies before its start.
    pub(super) fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Put(key, value) => self.put(key, value),
                Change::Delete(key) => self.delete(&key),
                Change::DeleteRange(start, end) => self.delete_range(&start, &end),
            }
        }
        self.clean(CLEANED_PER_WRITE);
    }

    fn put(&mut self, key: Box<[u8]>, value: Box<[u8]>) {
        self.bytes += value.len() as u64;
        match self.map.get_mut(&key) {
            Some(old) => {
                let old = std::mem::replace(old, value);
                self.bytes -= old.len() as u64;
                self.views.keep(&key, Some(old));
            }
            None => {
                self.bytes += key.len() as u64;
                self.views.keep(&key, None);
                self.map.insert(key, value);
            }
        }
    }

    fn delete(&mut self, key: &[u8]) {
        if let Some(value) = self.map.remove(key) {
            self.bytes -= (key.len() + value.len()) as u64;
            self.views.keep(key, Some(value));
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

    /// From now on values begin with a stamp, and those that `expiry` gives free are removed.
    pub(super) fn expire(&mut self, expiry: Arc<Expiry>) {
        self.expiry = Some(expiry);
    }

    /// Looks at the next `count` entries, with the first one after the last one, and removes those that may go.
    pub(super) fn clean(&mut self, count: usize) {
        let Some(expiry) = self.expiry.clone() else { return };
        let from = std::mem::take(&mut self.clean_from);
        let after = self.map.range::<[u8], _>((Bound::Included(&*from), Bound::Unbounded));
        let mut entries = after.chain(self.map.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(&*from))));
        let looked_at = entries.by_ref().take(count);
        let removable: Vec<_> =
            looked_at.filter(|(_, value)| expiry.is_removable(value)).map(|(key, _)| key.clone()).collect();
        self.clean_from = entries.next().map(|(key, _)| key.clone()).unwrap_or_default();
        removable.iter().for_each(|key| self.delete(key));
    }

    /// Removes all entries that may go.
    pub(super) fn clean_all(&mut self) {
        self.clean_from = Box::default();
        self.clean(usize::MAX);
    }

    /// A view of the entries as they stand now; writers keep for it what they replace.
    pub(super) fn open_view(&mut self) -> Arc<View> {
        self.views.open()
    }

    /// The next rows of a view, copied; empty at its end.
    pub(super) fn read_view(&self, view: &View, rows: &mut Vec<Row>) {
        view.read(&self.map, rows);
    }
}

/// The content of a store until its backend is closed.
#[derive(Clone)]
pub(super) struct SharedContent(Arc<RwLock<Option<Content>>>);

impl SharedContent {
    pub(super) fn empty() -> Self {
        SharedContent(Arc::new(RwLock::new(Some(Content::default()))))
    }

    /// Lends the content of store `name` to a reader, or says that the backend was closed.
    pub(super) fn read<R>(&self, name: &StateName, then: impl FnOnce(&Content) -> R) -> Result<R> {
        match self.lock_for_reading().as_ref() {
            Some(content) => Ok(then(content)),
            None => Err(closed(&format!("store `{name}`"))),
        }
    }

    /// Lends the content of store `name` to a writer, or says that the backend was closed.
    pub(super) fn write<R>(&self, name: &StateName, then: impl FnOnce(&mut Content) -> R) -> Result<R> {
        match self.lock_for_writing().as_mut() {
            Some(content) => Ok(then(content)),
            None => Err(closed(&format!("store `{name}`"))),
        }
    }

    pub(super) fn close(&self) {
        *self.lock_for_writing() = None;
    }

    /// A reader that panics leaves the content whole, so its poison says nothing.
    fn lock_for_reading(&self) -> RwLockReadGuard<'_, Option<Content>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_for_writing(&self) -> RwLockWriteGuard<'_, Option<Content>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of every call after `close`.
pub(super) fn closed(what: &str) -> Error {
    Error::new(ErrorKind::Closed, format!("{what} of a memory backend was used after the backend was closed"))
}
