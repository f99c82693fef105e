//! A backend that tells what is written to it and read from it.

use super::task::{Content, Factory};
use crate::{
    backend::{BackendFactory, BackendStats, CheckpointFile, Reading, StateBackend},
    run::{RunCursor, RunEntry, RunReader, UnsortedRun},
    store::{EachRow, KeyRange, StateStore},
    ttl::Expiry,
};
use gress_core::{Result, StateName};
use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Opens backends of another factory and looks over their shoulder.
#[derive(Debug)]
pub struct Spy {
    factory: Factory,
    seen: Arc<Seen>,
}

/// A backend that its task and the spy use.
type Shared = Arc<Mutex<Box<dyn StateBackend>>>;

#[derive(Debug, Default)]
struct Seen {
    puts: AtomicUsize,
    deletes: AtomicUsize,
    gets: AtomicUsize,
    multi_gets: AtomicUsize,
    opened: Mutex<Option<Shared>>,
}

impl Spy {
    /// A spy on `factory`.
    pub fn new(factory: &Factory) -> Arc<Self> {
        Arc::new(Spy { factory: factory.clone(), seen: Arc::default() })
    }

    /// Puts that were applied so far, those of runs that hide each other included.
    pub fn puts(&self) -> usize {
        self.seen.puts.load(Relaxed)
    }

    /// Deletes and range deletes that were applied so far.
    pub fn deletes(&self) -> usize {
        self.seen.deletes.load(Relaxed)
    }

    /// Single reads so far.
    pub fn gets(&self) -> usize {
        self.seen.gets.load(Relaxed)
    }

    /// Reads of many keys at once so far.
    pub fn multi_gets(&self) -> usize {
        self.seen.multi_gets.load(Relaxed)
    }

    /// Whether a backend was opened at all.
    pub fn opened(&self) -> bool {
        self.backend().is_some()
    }

    fn backend(&self) -> Option<Shared> {
        self.seen.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn spied(&self, backend: Box<dyn StateBackend>) -> Box<dyn StateBackend> {
        let backend = Arc::new(Mutex::new(backend));
        *self.seen.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(backend.clone());
        Box::new(SpiedBackend { backend, seen: self.seen.clone() })
    }

    /// Compacts the last backend that was opened.
    pub fn compact(&self) -> Result<()> {
        match self.backend() {
            None => Ok(()),
            Some(backend) => backend.lock().unwrap_or_else(PoisonError::into_inner).compact(),
        }
    }

    /// Puts an entry into a store of the last backend that was opened, past the task.
    pub fn put(&self, state: &str, key: &[u8], value: &[u8]) -> Result<()> {
        let Some(backend) = self.backend() else { return Ok(()) };
        let store = backend.lock().unwrap_or_else(PoisonError::into_inner).open_store(&StateName::new("op", state))?;
        let mut run = UnsortedRun::default();
        let append = |bytes: &[u8]| {
            let bytes = bytes.to_vec();
            move |into: &mut Vec<u8>| {
                into.extend(bytes);
                Ok(())
            }
        };
        run.put(append(key), append(value))?;
        store.apply_run(&mut RunReader::from_bytes(run.into_bytes()?)?)
    }

    /// What the last backend that was opened holds of a state.
    pub fn content(&self, state: &str) -> Result<Content> {
        let mut content = Content::new();
        let Some(backend) = self.backend() else { return Ok(content) };
        let store = backend.lock().unwrap_or_else(PoisonError::into_inner).open_store(&StateName::new("op", state))?;
        let mut next = Some(Vec::new());
        while let Some(lower) = next {
            let range = KeyRange { lower: &lower, upper: None };
            next = store.scan(range, 100, &mut |key, value| drop(content.insert(key.to_vec(), value.to_vec())))?;
        }
        Ok(content)
    }
}

impl BackendFactory for Spy {
    fn name(&self) -> &'static str {
        self.factory.name()
    }

    fn open(&self, directory: &Path) -> Result<Box<dyn StateBackend>> {
        Ok(self.spied(self.factory.open(directory)?))
    }

    fn open_copy(&self, copy: &Path, directory: &Path) -> Result<Box<dyn StateBackend>> {
        Ok(self.spied(self.factory.open_copy(copy, directory)?))
    }
}

#[derive(Debug)]
struct SpiedBackend {
    backend: Shared,
    seen: Arc<Seen>,
}

impl SpiedBackend {
    fn with<R>(&self, then: impl FnOnce(&dyn StateBackend) -> R) -> R {
        then(&**self.backend.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StateBackend for SpiedBackend {
    fn open_store(&self, name: &StateName) -> Result<Box<dyn StateStore>> {
        let store = self.with(|backend| backend.open_store(name))?;
        Ok(Box::new(SpiedStore { store, seen: self.seen.clone() }))
    }

    fn open_expiring_store(&self, name: &StateName, expiry: Arc<Expiry>) -> Result<Box<dyn StateStore>> {
        let store = self.with(|backend| backend.open_expiring_store(name, expiry))?;
        Ok(Box::new(SpiedStore { store, seen: self.seen.clone() }))
    }

    fn checkpoint(&self, directory: &Path) -> Result<Vec<CheckpointFile>> {
        self.with(|backend| backend.checkpoint(directory))
    }

    fn flush(&self) -> Result<()> {
        self.with(|backend| backend.flush())
    }

    fn compact(&self) -> Result<()> {
        self.with(|backend| backend.compact())
    }

    fn stats(&self) -> Result<BackendStats> {
        self.with(|backend| backend.stats())
    }

    fn property(&self, name: &str) -> Result<Option<String>> {
        self.with(|backend| backend.property(name))
    }

    fn readings(&self) -> Result<Vec<Reading>> {
        self.with(|backend| backend.readings())
    }

    fn close(&self) -> Result<()> {
        self.with(|backend| backend.close())
    }
}

#[derive(Debug)]
struct SpiedStore {
    store: Box<dyn StateStore>,
    seen: Arc<Seen>,
}

impl StateStore for SpiedStore {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool> {
        self.seen.gets.fetch_add(1, Relaxed);
        self.store.get(key, read)
    }

    fn multi_get(&self, keys: &[&[u8]], read: &mut dyn FnMut(usize, Option<&[u8]>)) -> Result<()> {
        self.seen.multi_gets.fetch_add(1, Relaxed);
        self.store.multi_get(keys, read)
    }

    fn scan(&self, range: KeyRange<'_>, limit: usize, row: &mut dyn FnMut(&[u8], &[u8])) -> Result<Option<Vec<u8>>> {
        self.store.scan(range, limit, row)
    }

    fn snapshot(&self, row: &mut EachRow<'_>) -> Result<()> {
        self.store.snapshot(row)
    }

    fn apply_run(&self, run: &mut dyn RunCursor) -> Result<()> {
        self.store.apply_run(&mut SpiedRun { run, seen: &self.seen })
    }
}

struct SpiedRun<'a> {
    run: &'a mut dyn RunCursor,
    seen: &'a Seen,
}

impl RunCursor for SpiedRun<'_> {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        let entry = self.run.next()?;
        match entry {
            Some(RunEntry::Put { .. }) => self.seen.puts.fetch_add(1, Relaxed),
            Some(_) => self.seen.deletes.fetch_add(1, Relaxed),
            None => 0,
        };
        Ok(entry)
    }
}
