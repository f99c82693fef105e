//! One task's database, and what a config turns into.

use crate::{run::FileSummary, store::StateStore, ttl::Expiry};
use gress_core::{Result, StateName};
use std::{fmt::Debug, path::Path, sync::Arc};

/// One task's database: a few stores that share files, caches and threads.
///
/// A task's is opened on an empty directory, at its first spill, and thrown away with the task: a crashed process's files
/// are never read again. One that stands behind a [`crate::KeyValueState`] may outlive a process.
pub trait StateBackend: Debug + Send + Sync {
    /// The store of this name, created empty if the backend has none. Opening a name twice gives the same content.
    fn open_store(&self, name: &StateName) -> Result<Box<dyn StateStore>>;

    /// As [`StateBackend::open_store`], for a store whose values begin with a [`crate::ttl::Stamp`]: the backend may
    /// remove those that [`Expiry::is_removable`] says, at any time, and no others. [`StateBackend::compact`] should
    /// leave none of them.
    ///
    /// A backend that never removes any is correct, and grows.
    fn open_expiring_store(&self, name: &StateName, expiry: Arc<Expiry>) -> Result<Box<dyn StateStore>> {
        drop(expiry);
        self.open_store(name)
    }

    /// Writes what is buffered in memory to the backend's files, for every store.
    fn flush(&self) -> Result<()>;

    /// Rewrites the files so that what was deleted takes no space, for every store.
    fn compact(&self) -> Result<()>;

    /// Writes a copy of all stores, as they stand at one moment of the call, into `directory`, which does not exist and
    /// whose parent does. It is what [`BackendFactory::open_copy`] of the same kind of backend opens. Writers may go on.
    ///
    /// Gives every file of the copy, whose names are relative to `directory` and contain no folder; all of them, and the
    /// directory, are on the disk when it returns. Its parent is the caller's to sync.
    fn checkpoint(&self, directory: &Path) -> Result<Vec<CheckpointFile>>;

    /// What the backend holds and does, as far as it can tell without reading its data.
    fn stats(&self) -> Result<BackendStats>;

    /// A property of the backend by its own name (`rocksdb.estimate-num-keys`, say), summed over all stores where it is
    /// a number; `None` if the backend has no such property.
    fn property(&self, name: &str) -> Result<Option<String>>;

    /// What the backend was configured with: each setting and its value, as a config file would have them.
    fn settings(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What the backend tells of itself for metrics, each number under a name of its own that never changes. Read every few
    /// seconds, on the thread of the task that uses the backend, so it must be cheap; a name that was left out once may
    /// come later. A backend that has nothing to tell keeps this default.
    fn readings(&self) -> Result<Vec<Reading>> {
        Ok(Vec::new())
    }

    /// Ends background work and releases files. Later calls of any method, of its stores too, return
    /// [`gress_core::ErrorKind::Closed`]; a second `close` does nothing.
    fn close(&self) -> Result<()>;
}

/// One file of a copy of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointFile {
    /// Its name in the directory of the copy.
    pub name: String,
    /// Its length and checksum.
    pub summary: FileSummary,
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

/// A number that a backend tells of itself, summed over its stores.
///
/// Its name is that of a metric without the prefix `gress_`: words of a to z and 0 to 9 between underscores, the backend's
/// name first, the unit last (`rocksdb_block_cache_usage_bytes`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// How much there is now.
    Level(&'static str, f64),
    /// How much there was since the backend was opened: it only grows.
    Total(&'static str, u64),
}

/// Opens backends of one kind: what `state.backend` in a config turns into. Shared by all tasks of a process.
pub trait BackendFactory: Debug + Send + Sync {
    /// The name in `state.backend`, in manifests and in errors.
    fn name(&self) -> &'static str;

    /// Opens a database in `directory`, which exists. For a task it is empty.
    ///
    /// # Errors
    /// A directory that cannot be used, with its path and the setting that named it.
    fn open(&self, directory: &Path) -> Result<Box<dyn StateBackend>>;

    /// Opens in `directory`, which exists and is empty, what [`StateBackend::checkpoint`] wrote into `copy`. The copy
    /// stays as it is: it can be opened again. Its files have been compared with their checksums.
    ///
    /// # Errors
    /// As [`BackendFactory::open`]; a copy that another kind of backend wrote.
    fn open_copy(&self, copy: &Path, directory: &Path) -> Result<Box<dyn StateBackend>>;
}
