//! One task's database.

use crate::{
    database::Database,
    error::wrap,
    options::Options,
    shared::Shared,
    stats::{property, sum},
    store::RocksDbStore,
    translate::translate,
};
use gress_core::{Error, Result, StateName};
use gress_state::{BackendStats, StateBackend, StateStore};
use rocksdb::{BottommostLevelCompaction, CompactOptions};
use std::{path::Path, sync::Arc};

/// One task's RocksDB database, with a column family for each store.
///
/// Its log is off: after a crash of the process it holds what was flushed at some time, by whoever, and is good for
/// nothing. [`StateBackend::close`] does not flush.
#[derive(Debug)]
pub struct RocksDbBackend {
    database: Arc<Database>,
    options: Options,
    shared: Shared,
}

impl RocksDbBackend {
    pub(crate) fn open(directory: &Path, options: Options, shared: Shared) -> Result<Self> {
        let translated = translate(&options, &shared).map_err(wrap("set the options of", directory))?;
        let database = Arc::new(Database::open(directory, translated)?);
        Ok(RocksDbBackend { database, options, shared })
    }

    /// The options of this database: its share of the process's.
    pub fn options(&self) -> &Options {
        &self.options
    }
}

impl StateBackend for RocksDbBackend {
    fn open_store(&self, name: &StateName) -> Result<Box<dyn StateStore>> {
        self.database.create_family(name.as_str())?;
        let file_bytes = self.options.target_file_size_base.0;
        Ok(Box::new(RocksDbStore::new(self.database.clone(), name.clone(), file_bytes)))
    }

    fn flush(&self) -> Result<()> {
        self.database.with("flush", |open| {
            // RocksDB's `flush` without a family flushes the default one alone.
            for (name, family) in open.families() {
                let purpose = format!("flush store `{name}` of");
                open.db.flush_cf(&family).map_err(wrap(&purpose, &self.database.directory))?;
            }
            Ok(())
        })
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

    fn close(&self) -> Result<()> {
        self.database.close();
        Ok(())
    }
}
