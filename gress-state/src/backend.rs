//! One task's database, and what a config turns into.

use crate::store::StateStore;
use gress_core::{Result, StateName};
use std::{fmt::Debug, path::Path};

/// One task's database: a few stores that share files, caches and threads.
///
/// Used by one thread at a time. It is opened on an empty directory, at the task's first spill, and thrown away with the
/// task: a crashed process's files are never read again.
pub trait StateBackend: Debug + Send {
    /// The store of this name, created empty if the backend has none. Opening a name twice gives the same content.
    fn open_store(&self, name: &StateName) -> Result<Box<dyn StateStore>>;

    /// Writes what is buffered in memory to the backend's files, for every store.
    fn flush(&self) -> Result<()>;

    /// Rewrites the files so that what was deleted takes no space, for every store.
    fn compact(&self) -> Result<()>;

    /// What the backend holds and does, as far as it can tell without reading its data.
    fn stats(&self) -> Result<BackendStats>;

    /// A property of the backend by its own name (`rocksdb.estimate-num-keys`, say), summed over all stores where it is
    /// a number; `None` if the backend has no such property.
    fn property(&self, name: &str) -> Result<Option<String>>;

    /// Ends background work and releases files. Later calls of any method, of its stores too, return
    /// [`gress_core::ErrorKind::Closed`]; a second `close` does nothing.
    fn close(&self) -> Result<()>;
}

/// Sizes of a backend, in bytes and entries; estimates where the backend only has those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackendStats {
    /// Entries that are there, summed over all stores.
    pub entries: u64,
    /// Memory that the backend's buffers and caches take.
    pub memory_bytes: u64,
    /// Space that its files take.
    pub disk_bytes: u64,
}

/// Opens backends of one kind: what `state.backend` in a config turns into. Shared by all tasks of a process.
pub trait BackendFactory: Debug + Send + Sync {
    /// The name in `state.backend`, in manifests and in errors.
    fn name(&self) -> &'static str;

    /// Opens one task's database in `directory`, which exists and is empty.
    ///
    /// # Errors
    /// A directory that cannot be used, with its path and the setting that named it.
    fn open(&self, directory: &Path) -> Result<Box<dyn StateBackend>>;
}
