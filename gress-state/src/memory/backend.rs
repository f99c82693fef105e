//! One task's stores in memory.

use crate::{
    backend::{BackendStats, StateBackend},
    memory::{
        MemoryStore,
        content::{SharedContent, closed},
    },
    store::StateStore,
};
use gress_core::{Result, StateName};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// One task's stores in memory: nothing is written anywhere, so [`StateBackend::flush`] and [`StateBackend::compact`]
/// have nothing to do.
pub struct MemoryBackend {
    /// `None` after `close`.
    stores: Mutex<Option<Stores>>,
}

type Stores = BTreeMap<StateName, SharedContent>;

impl Default for MemoryBackend {
    fn default() -> Self {
        MemoryBackend { stores: Mutex::new(Some(BTreeMap::new())) }
    }
}

impl MemoryBackend {
    fn lock(&self) -> MutexGuard<'_, Option<Stores>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, then: impl FnOnce(&mut Stores) -> Result<R>) -> Result<R> {
        match self.lock().as_mut() {
            Some(stores) => then(stores),
            None => Err(closed("a method")),
        }
    }
}

impl StateBackend for MemoryBackend {
    fn open_store(&self, name: &StateName) -> Result<Box<dyn StateStore>> {
        self.with(|stores| {
            let content = stores.entry(name.clone()).or_insert_with(SharedContent::empty).clone();
            Ok(Box::new(MemoryStore::new(name.clone(), content)) as Box<dyn StateStore>)
        })
    }

    fn flush(&self) -> Result<()> {
        self.with(|_| Ok(()))
    }

    fn compact(&self) -> Result<()> {
        self.with(|_| Ok(()))
    }

    fn stats(&self) -> Result<BackendStats> {
        self.with(|stores| {
            let mut sum = BackendStats::default();
            for (name, content) in stores.iter() {
                content.with(name, |content| {
                    sum.entries += content.map.len() as u64;
                    sum.memory_bytes += content.memory_bytes();
                })?;
            }
            Ok(sum)
        })
    }

    fn property(&self, _name: &str) -> Result<Option<String>> {
        self.with(|_| Ok(None))
    }

    fn close(&self) -> Result<()> {
        for content in self.lock().take().unwrap_or_default().values() {
            content.close();
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Option<Vec<String>> =
            self.lock().as_ref().map(|stores| stores.keys().map(StateName::to_string).collect());
        f.debug_struct("MemoryBackend").field("stores", &names).finish()
    }
}
