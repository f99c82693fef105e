//! One state of one task in a column family.

use crate::{
    database::Database, durability::Durability, emptied::Emptied, error::wrap_in_store, ingest::Apply,
    options::Options, scan::scan,
};
use gress_core::{Result, StateName};
use gress_state::{EachRow, KeyRange, StateStore, run::RunCursor};
use rocksdb::{ReadOptions, WriteOptions};
use std::{fmt, sync::Arc};

/// Keys of one `multi_get` whose values are pinned at once.
const PINNED_KEYS: usize = 1_024;

/// A store of a [`crate::RocksDbBackend`]: the column family named `operator/state`.
pub struct RocksDbStore {
    database: Arc<Database>,
    name: StateName,
    /// Size at which a file of a large run ends.
    file_bytes: u64,
    /// Made once: each is a C++ object.
    point_reads: ReadOptions,
    writes: WriteOptions,
    durability: Durability,
    emptied: Arc<Emptied>,
}

impl RocksDbStore {
    pub(crate) fn new(database: Arc<Database>, name: StateName, options: &Options, durability: Durability) -> Self {
        let (point_reads, writes) = (ReadOptions::default(), durability.write_options());
        let emptied = database.emptied(name.as_str());
        let file_bytes = options.target_file_size_base.0;
        RocksDbStore { database, name, file_bytes, point_reads, writes, durability, emptied }
    }
}

impl StateStore for RocksDbStore {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool> {
        self.database.with_family(self.name.as_str(), "read from store", |db, family| {
            let value = db.get_pinned_cf_opt(&family, key, &self.point_reads)?;
            Ok(value.map(|value| read(&value)).is_some())
        })
    }

    fn multi_get(&self, keys: &[&[u8]], read: &mut dyn FnMut(usize, Option<&[u8]>)) -> Result<()> {
        self.database.with_family(self.name.as_str(), "read from store", |db, family| {
            // One call reads as of one moment, and several do by a snapshot.
            let snapshot = (keys.len() > PINNED_KEYS).then(|| db.snapshot());
            let at_one_moment = snapshot.as_ref().map(|snapshot| {
                let mut options = ReadOptions::default();
                options.set_snapshot(snapshot);
                options
            });
            let options = at_one_moment.as_ref().unwrap_or(&self.point_reads);
            let mut index = 0;
            for keys in keys.chunks(PINNED_KEYS) {
                for value in db.batched_multi_get_cf_opt(&family, keys.iter().copied(), true, options) {
                    read(index, value?.as_deref());
                    index += 1;
                }
            }
            Ok(())
        })
    }

    fn scan(&self, range: KeyRange<'_>, limit: usize, row: &mut dyn FnMut(&[u8], &[u8])) -> Result<Option<Vec<u8>>> {
        self.database.with_family(self.name.as_str(), "scan store", |db, family| {
            match range.upper.is_some_and(|upper| range.lower >= upper) {
                true => Ok(None),
                false => scan(db, family, &self.emptied, range, limit, row),
            }
        })
    }

    fn snapshot(&self, row: &mut EachRow<'_>) -> Result<()> {
        let (purpose, store) = ("read a snapshot of store", self.name.as_str());
        self.database.with_store(store, purpose, |db, family| {
            let snapshot = db.snapshot();
            let mut options = ReadOptions::default();
            options.set_snapshot(&snapshot);
            // What is read once is not to push out what is read often.
            options.fill_cache(false);
            let mut rows = db.raw_iterator_cf_opt(&family, options);
            rows.seek_to_first();
            while let Some((key, value)) = rows.item() {
                row(key, value)?;
                rows.next();
            }
            rows.status().map_err(wrap_in_store(purpose, store, &self.database.directory))
        })
    }

    fn apply_run(&self, run: &mut dyn RunCursor) -> Result<()> {
        let (database, store, emptied) = (&self.database, self.name.as_str(), &*self.emptied);
        let logged = self.durability != Durability::Checkpoint;
        Apply { database, store, file_bytes: self.file_bytes, writes: &self.writes, logged, emptied }.run(run)
    }
}

impl fmt::Debug for RocksDbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksDbStore").field("name", &self.name).field("database", &self.database).finish()
    }
}
