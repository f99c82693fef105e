//! One state of one task in a sorted map.

use crate::{
    memory::content::{Change, SharedContent},
    run::RunCursor,
    store::{EachRow, KeyRange, StateStore},
};
use gress_core::{Result, StateName};
use std::{fmt, ops::Bound};

/// A store of a [`crate::memory::MemoryBackend`].
pub struct MemoryStore {
    name: StateName,
    content: SharedContent,
}

impl MemoryStore {
    pub(super) fn new(name: StateName, content: SharedContent) -> Self {
        MemoryStore { name, content }
    }
}

impl StateStore for MemoryStore {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool> {
        self.content.read(&self.name, |content| content.map.get(key).map(|value| read(value)).is_some())
    }

    fn multi_get(&self, keys: &[&[u8]], read: &mut dyn FnMut(usize, Option<&[u8]>)) -> Result<()> {
        self.content.read(&self.name, |content| {
            for (index, key) in keys.iter().enumerate() {
                read(index, content.map.get(*key).map(|value| &**value));
            }
        })
    }

    fn scan(&self, range: KeyRange<'_>, limit: usize, row: &mut dyn FnMut(&[u8], &[u8])) -> Result<Option<Vec<u8>>> {
        self.content.read(&self.name, |content| {
            if range.upper.is_some_and(|upper| range.lower >= upper) {
                return None;
            }
            let upper = range.upper.map_or(Bound::Unbounded, Bound::Excluded);
            let mut entries = content.map.range::<[u8], _>((Bound::Included(range.lower), upper));
            for (key, value) in entries.by_ref().take(limit) {
                row(key, value);
            }
            entries.next().map(|(key, _)| key.to_vec())
        })
    }

    fn snapshot(&self, row: &mut EachRow<'_>) -> Result<()> {
        let view = self.content.write(&self.name, |content| content.open_view())?;
        let mut rows = Vec::new();
        loop {
            self.content.read(&self.name, |content| content.read_view(&view, &mut rows))?;
            if rows.is_empty() {
                return Ok(());
            }
            rows.drain(..).try_for_each(|(key, value)| row(&key, &value))?;
        }
    }

    fn apply_run(&self, run: &mut dyn RunCursor) -> Result<()> {
        // Outside of the lock: a run may be read from a disk.
        let changes = Change::collect(run)?;
        self.content.write(&self.name, |content| content.apply(changes))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("name", &self.name).finish_non_exhaustive()
    }
}
