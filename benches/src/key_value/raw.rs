//! The `rocksdb` crate, as a program would use it, with the options that Gress would set.

use super::KeyValue;
use crate::keys::Key;
use gress_runtime::{Error, Result};
use gress_state::KeyRange;
use gress_state_rocksdb::{Durability, RocksDbConfig, RocksDbFactory};
use rocksdb::{
    BottommostLevelCompaction, ColumnFamilyDescriptor, CompactOptions, DB, DEFAULT_COLUMN_FAMILY_NAME, Options,
    ReadOptions, WriteBatch, WriteOptions, checkpoint::Checkpoint, statistics::Ticker,
};
use std::{hint::black_box, path::Path};

pub(crate) struct Raw {
    db: DB,
    options: Options,
    reads: ReadOptions,
    writes: WriteOptions,
}

impl Raw {
    pub(crate) fn open(config: &RocksDbConfig, directory: &Path) -> Result<Raw> {
        std::fs::create_dir_all(directory).map_err(|e| Error::io("create", directory, e))?;
        let options = RocksDbFactory::for_key_values(config.clone())?.raw_options(directory)?;
        let mut writes = WriteOptions::default();
        let durability = config.durability.unwrap_or_default();
        writes.disable_wal(durability == Durability::Checkpoint);
        writes.set_sync(durability == Durability::WalSync);
        // Named, so that there is a handle to it, which the batched read wants.
        let only = ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, options.clone());
        Ok(Raw {
            db: DB::open_cf_descriptors(&options, directory, [only])?,
            options,
            reads: ReadOptions::default(),
            writes,
        })
    }
}

impl KeyValue for Raw {
    fn get_with(&self, key: &[u8]) -> Result<Option<usize>> {
        Ok(self.db.get_pinned_opt(key, &self.reads)?.map(|value| black_box(&*value).len()))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.db.get_opt(key, &self.reads)?)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        Ok(self.db.put_opt(key, value, &self.writes)?)
    }

    fn delete(&self, key: &[u8]) -> Result<()> {
        Ok(self.db.delete_opt(key, &self.writes)?)
    }

    fn delete_range(&self, range: KeyRange<'_>) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.delete_range(range.lower, range.upper.unwrap_or(&[0xff; 32]));
        Ok(self.db.write_opt(batch, &self.writes)?)
    }

    fn batch_put(&self, entries: &[(Key, &[u8])]) -> Result<()> {
        let mut batch = WriteBatch::default();
        entries.iter().for_each(|(key, value)| batch.put(key, value));
        Ok(self.db.write_opt(batch, &self.writes)?)
    }

    fn batch_delete(&self, keys: &[Key]) -> Result<()> {
        let mut batch = WriteBatch::default();
        keys.iter().for_each(|key| batch.delete(key));
        Ok(self.db.write_opt(batch, &self.writes)?)
    }

    fn batch_get(&self, keys: &[Key]) -> Result<usize> {
        let mut sorted: Vec<&Key> = keys.iter().collect();
        sorted.sort_unstable();
        let family = self.db.cf_handle(DEFAULT_COLUMN_FAMILY_NAME);
        let family = family.ok_or_else(|| Error::storage("RocksDB has lost its default column family"))?;
        let values = self.db.batched_multi_get_cf_opt(&family, sorted, true, &self.reads);
        let values = values.into_iter().map(|value| Ok(value?.map(|value| value.to_vec())));
        Ok(values.collect::<Result<Vec<_>>>()?.iter().flatten().count())
    }

    fn scan(&self, range: KeyRange<'_>, limit: usize) -> Result<usize> {
        let mut options = ReadOptions::default();
        range.upper.into_iter().for_each(|upper| options.set_iterate_upper_bound(upper));
        let mut rows = self.db.raw_iterator_opt(options);
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        rows.seek(range.lower);
        while let Some((key, value)) = rows.item().filter(|_| found.len() < limit) {
            found.push((key.to_vec(), value.to_vec()));
            rows.next();
        }
        rows.status()?;
        Ok(black_box(found).len())
    }

    fn flush(&self) -> Result<()> {
        Ok(self.db.flush()?)
    }

    fn compact(&self) -> Result<()> {
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.db.compact_range_opt(None::<&[u8]>, None::<&[u8]>, &options);
        Ok(())
    }

    fn checkpoint(&self, directory: &Path) -> Result<()> {
        Ok(Checkpoint::new(&self.db)?.create_checkpoint(directory)?)
    }

    fn number(&self, name: &str) -> Result<u64> {
        match name.parse::<Ticker>() {
            Ok(ticker) => Ok(self.options.get_ticker_count(ticker)),
            Err(_) => Ok(self.db.property_int_value(name)?.unwrap_or(0)),
        }
    }

    fn close(&self) -> Result<()> {
        self.db.cancel_all_background_work(true);
        Ok(())
    }
}
