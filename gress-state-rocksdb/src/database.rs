//! One open database, shared by a backend and its stores until one of them closes it.

use crate::{
    checkpoint::KnownFiles,
    emptied::Emptied,
    error::{closed, wrap, wrap_in_store},
    ingest,
    log_sync::LogSync,
    ttl_filter::Expiries,
};
use gress_core::Result;
use gress_state::directory::DirectoryLock;
use rocksdb::{ColumnFamily, ColumnFamilyDescriptor, DBWithThreadMode, Options, SingleThreaded};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock, atomic::AtomicU64},
    time::Duration,
};

/// The handle of RocksDB. Column families are made under the write lock below, so that it needs no lock of its own.
pub(crate) type Db = DBWithThreadMode<SingleThreaded>;

/// A database and the lock that `close` takes it out of: whatever still holds the `Database` afterwards holds no files.
pub(crate) struct Database {
    pub(crate) directory: PathBuf,
    /// What it was opened with: for further column families, and the way to its statistics.
    pub(crate) options: Options,
    /// What small files that are added to it are written with.
    pub(crate) small_file: Options,
    /// Numbers the files of [`crate::ingest`].
    pub(crate) next_file: AtomicU64,
    /// The checksums of its files, as far as they were read.
    pub(crate) known_files: KnownFiles,
    /// When entries of its stores expire.
    pub(crate) expiries: Expiries,
    /// What was deleted of its stores.
    emptied: Mutex<BTreeMap<String, Arc<Emptied>>>,
    open: Arc<RwLock<Option<Open>>>,
}

/// What is there between opening and closing.
pub(crate) struct Open {
    pub(crate) db: Db,
    /// Names of the stores, which are the column families but for the empty `default`.
    pub(crate) families: BTreeSet<String>,
    /// Given back after the database, since fields are dropped in this order.
    _lock: Option<DirectoryLock>,
}

impl Open {
    /// All column families of stores.
    pub(crate) fn families(&self) -> impl Iterator<Item = (&str, &ColumnFamily)> {
        self.families.iter().filter_map(|name| Some((name.as_str(), self.db.cf_handle(name)?)))
    }
}

impl Database {
    /// Opens the database of `directory` with all column families that it has, and holds `lock` until it is closed.
    pub(crate) fn open(
        directory: &Path,
        options: Options,
        small_file: Options,
        lock: Option<DirectoryLock>,
    ) -> Result<Self> {
        ingest::remove_leftovers(directory)?;
        let families = match directory.join("CURRENT").exists() {
            true => Db::list_cf(&options, directory).map_err(wrap("list the stores of", directory))?,
            false => Vec::new(),
        };
        let expiries = Expiries::default();
        let descriptors = families.iter().map(|name| {
            let mut options = options.clone();
            expiries.attach(name, &mut options);
            ColumnFamilyDescriptor::new(name, options)
        });
        let opened = match families.is_empty() {
            true => Db::open(&options, directory),
            false => Db::open_cf_descriptors(&options, directory, descriptors),
        };
        let db = opened.map_err(wrap("open", directory))?;
        let families = families.into_iter().filter(|name| name != rocksdb::DEFAULT_COLUMN_FAMILY_NAME).collect();
        Ok(Database {
            directory: directory.to_path_buf(),
            options,
            small_file,
            next_file: AtomicU64::new(0),
            known_files: KnownFiles::default(),
            expiries,
            emptied: Mutex::default(),
            open: Arc::new(RwLock::new(Some(Open { db, families, _lock: lock }))),
        })
    }

    /// Syncs the log in the background until the database is closed.
    pub(crate) fn sync_log_each(&self, interval: Duration) -> Result<()> {
        LogSync { open: self.open.clone(), directory: self.directory.clone(), synced: 0 }.each(interval)
    }

    /// Lends the open database, or says that it was closed before `purpose`.
    pub(crate) fn with<R>(&self, purpose: &str, then: impl FnOnce(&Open) -> Result<R>) -> Result<R> {
        match self.open.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(open) => then(open),
            None => Err(closed(purpose, &self.directory)),
        }
    }

    /// Lends the column family of a store.
    pub(crate) fn with_store<R>(
        &self,
        store: &str,
        purpose: &str,
        then: impl FnOnce(&Db, &ColumnFamily) -> Result<R>,
    ) -> Result<R> {
        self.with(purpose, |open| match open.db.cf_handle(store) {
            Some(family) => then(&open.db, family),
            None => Err(closed(purpose, &self.directory)),
        })
    }

    /// As [`Database::with_store`], for what has errors of RocksDB only.
    pub(crate) fn with_family<R>(
        &self,
        store: &str,
        purpose: &str,
        then: impl FnOnce(&Db, &ColumnFamily) -> Result<R, rocksdb::Error>,
    ) -> Result<R> {
        self.with_store(store, purpose, |db, family| {
            then(db, family).map_err(wrap_in_store(purpose, store, &self.directory))
        })
    }

    /// What was deleted of a store: the same for all handles to it.
    pub(crate) fn emptied(&self, store: &str) -> Arc<Emptied> {
        let mut all = self.emptied.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(store.to_owned()).or_default().clone()
    }

    /// Makes the column family of a store unless it is there; with `expiring`, one whose compactions remove what has
    /// expired.
    pub(crate) fn create_family(&self, store: &str, expiring: bool) -> Result<()> {
        let purpose = "make a store in";
        match self.open.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(open) if open.families.contains(store) => Ok(()),
            Some(open) => {
                let mut options = self.options.clone();
                if expiring {
                    self.expiries.attach(store, &mut options);
                }
                open.db.create_cf(store, &options).map_err(wrap(purpose, &self.directory))?;
                open.families.insert(store.to_owned());
                Ok(())
            }
            None => Err(closed(purpose, &self.directory)),
        }
    }

    /// Waits for calls that run, does what is `last` to be done, waits for background work, then releases the files. No
    /// call comes between `last` and the end. A second call waits for the first one and does nothing.
    ///
    /// # Errors
    /// Those of `last`: the database is still open, and may be closed again.
    pub(crate) fn close_after(&self, last: impl FnOnce(&Open) -> Result<()>) -> Result<()> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = open.as_ref() {
            last(open)?;
            open.db.cancel_all_background_work(true);
        }
        *open = None;
        Ok(())
    }
}

/// A backend that was only dropped leaves its database to the last store.
impl Drop for Database {
    fn drop(&mut self) {
        // There is nothing that could fail.
        let _ = self.close_after(|_| Ok(()));
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("directory", &self.directory).finish_non_exhaustive()
    }
}
