//! One task's database.

use crate::{
    checkpoint,
    database::Database,
    durability::Durability,
    error::wrap,
    logs::{self, Logs},
    options::{Options, RocksDbConfig},
    readings::readings,
    shared::Shared,
    stats::{property, sum},
    store::RocksDbStore,
    translate::{for_small_file, translate},
    unfinished::Unfinished,
};
use gress_core::{Error, Result, StateName};
use gress_state::{
    BackendStats, CheckpointFile, Reading, StateBackend, StateStore, directory::DirectoryLock, ttl::Expiry,
};
use rocksdb::{BottommostLevelCompaction, CompactOptions};
use std::{path::Path, sync::Arc, time::Duration};

/// One RocksDB database, with a column family for each store.
///
/// A task's has no log: after a crash of the process it holds what was flushed at some time, by whoever, and is good for
/// nothing. [`StateBackend::close`] does not flush it.
#[derive(Debug)]
pub struct RocksDbBackend {
    database: Arc<Database>,
    config: RocksDbConfig,
    options: Options,
    shared: Shared,
    durability: Durability,
    /// Of a database without a log that may outlive its process: the mark that tells the next one not to use it.
    unfinished: Option<Unfinished>,
}

impl RocksDbBackend {
    pub(crate) fn open_in(directory: &Path, parts: Parts) -> Result<Self> {
        let Parts { config, options, shared, durability, logs, lock, unfinished } = parts;
        let translated = |logs| translate(&options, &shared, logs).map_err(wrap("set the options of", directory));
        if logs == Logs::Verified {
            logs::begin_first(directory, translated(Logs::Believed)?)?;
        }
        let all = translated(logs)?;
        let small_file = for_small_file(&all, &options, &shared);
        let database = Arc::new(Database::open(directory, all, small_file, lock)?);
        if durability == Durability::Wal && options.wal_sync_interval_ms > 0 {
            database.sync_log_each(Duration::from_millis(options.wal_sync_interval_ms.into()))?;
        }
        Ok(RocksDbBackend { database, config, options, shared, durability, unfinished })
    }

    fn store(&self, name: &StateName) -> Box<dyn StateStore> {
        Box::new(RocksDbStore::new(self.database.clone(), name.clone(), &self.options, self.durability))
    }

    /// The options of this database: its share of the process's.
    pub fn options(&self) -> &Options {
        &self.options
    }
}

impl StateBackend for RocksDbBackend {
    fn open_store(&self, name: &StateName) -> Result<Box<dyn StateStore>> {
        self.database.create_family(name.as_str(), false)?;
        Ok(self.store(name))
    }

    /// Expired entries vanish when RocksDB compacts the file that they are in, which it does within a day.
    fn open_expiring_store(&self, name: &StateName, expiry: Arc<Expiry>) -> Result<Box<dyn StateStore>> {
        self.database.expiries.set(name.as_str(), expiry);
        self.database.create_family(name.as_str(), true)?;
        Ok(self.store(name))
    }

    fn flush(&self) -> Result<()> {
        self.database.with("flush", |open| checkpoint::flush(open, &self.database.directory))
    }

    /// Hard links to the files that never change; what is in memory is flushed first.
    fn checkpoint(&self, directory: &Path) -> Result<Vec<CheckpointFile>> {
        checkpoint::write(&self.database, directory)
    }

    /// # Errors
    /// RocksDB reports no error of a compaction by itself; what its counter of background errors says is passed on.
    fn compact(&self) -> Result<()> {
        self.database.with("compact", |open| {
            let errors = || {
                let count = open.db.property_int_value("rocksdb.background-errors");
                count.map_err(wrap("read a property of", &self.database.directory))
            };
            let before = errors()?;
            let mut options = CompactOptions::default();
            // What was ingested lies in the last level, deletes included.
            options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
            for (_, family) in open.families() {
                open.db.compact_range_cf_opt(&family, None::<&[u8]>, None::<&[u8]>, &options);
            }
            match errors()? > before {
                true => Err(Error::storage(format!(
                    "cannot compact the RocksDB database in `{0}`: its background work failed, see `{0}/LOG`",
                    self.database.directory.display()
                ))),
                false => Ok(()),
            }
        })
    }

    /// The cache is shared: its use counts in equal parts for all databases of the process.
    fn stats(&self) -> Result<BackendStats> {
        self.database.with("read statistics of", |open| {
            let sum = |name| sum(open, name).map_err(wrap("read a property of", &self.database.directory));
            let cache = (self.shared.cache.get_usage() / self.shared.instances) as u64;
            Ok(BackendStats {
                entries: sum("rocksdb.estimate-num-keys")?,
                memory_bytes: sum("rocksdb.size-all-mem-tables")? + sum("rocksdb.estimate-table-readers-mem")? + cache,
                disk_bytes: sum("rocksdb.total-sst-files-size")?,
            })
        })
    }

    /// Beside properties also counters (`rocksdb.bloom.filter.useful`) and histograms (`rocksdb.db.get.micros`), by
    /// RocksDB's names.
    fn property(&self, name: &str) -> Result<Option<String>> {
        self.database.with("read a property of", |open| {
            let found = property(open, &self.database.options, self.options.enable_statistics, name);
            found.map_err(wrap("read a property of", &self.database.directory))
        })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.config.settings();
        settings.retain(|(key, _)| *key != "durability");
        settings.push(("durability", self.durability.to_string()));
        settings
    }

    /// Counters only with `enable_statistics`. The block cache is that of the process: every database tells the same.
    fn readings(&self) -> Result<Vec<Reading>> {
        self.database.with("read statistics of", |open| {
            let told = readings(open, &self.database.options, self.options.enable_statistics);
            told.map_err(wrap("read statistics of", &self.database.directory))
        })
    }

    fn close(&self) -> Result<()> {
        self.database.close_after(|open| match &self.unfinished {
            Some(unfinished) => {
                // In one step with the end: what is written after a flush would be gone.
                checkpoint::flush(open, &self.database.directory)?;
                unfinished.end()
            }
            None => Ok(()),
        })
    }
}

/// What a database is opened with.
pub(crate) struct Parts {
    pub(crate) config: RocksDbConfig,
    /// This database's share of the config's.
    pub(crate) options: Options,
    pub(crate) shared: Shared,
    pub(crate) durability: Durability,
    pub(crate) logs: Logs,
    pub(crate) lock: Option<DirectoryLock>,
    pub(crate) unfinished: Option<Unfinished>,
}
