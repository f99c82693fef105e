//! Raw RocksDB, as most programs use it: without log, bloom filter on.

use super::Engine;
use crate::measure::{Sample, measure};
use gress_runtime::{Error, Result};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, DB, DEFAULT_COLUMN_FAMILY_NAME, IteratorMode, Options, WriteBatch,
    WriteOptions,
};
use std::ops::Range;
use tempfile::TempDir;

/// Events that raw RocksDB handles at most: it is slow. The first events of a key find nothing, which is quick, so that
/// fewer events are in its favour.
pub(crate) const EVENTS: u64 = 1_000_000;
/// Events of a batch.
const BATCH: u64 = 1_000;

/// What a database may take of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub block_cache: u64,
    /// All of them together; `None` leaves them to RocksDB.
    pub write_buffers: Option<u64>,
}

impl Memory {
    /// As much as is common, and the usual write buffers.
    pub(crate) const ENOUGH: Memory = Memory { block_cache: 128 << 20, write_buffers: None };
}

/// A database, removed when it is dropped.
pub(crate) struct Raw {
    db: DB,
    no_log: WriteOptions,
    _folder: TempDir,
}

/// How events change the database: a value is found by a key, and changed.
pub(crate) trait Change {
    /// Appends the key of event `index`.
    fn key(&self, index: u64, into: &mut Vec<u8>);

    /// Changes the value, which is empty at first, by event `index`.
    fn apply(&self, index: u64, value: &mut Vec<u8>) -> Result<()>;
}

/// How an engine handles a range of events.
pub(crate) type Handler<C> = fn(&Raw, Range<u64>, &C) -> Result<()>;

/// The way of an engine, if it is raw RocksDB.
pub(crate) fn handler<C: Change>(engine: Engine) -> Option<Handler<C>> {
    match engine {
        Engine::RawRocksDb => Some(Raw::each),
        Engine::RawRocksDbBatched => Some(Raw::in_batches),
        _ => None,
    }
}

/// Measures `change` over `events` events in the way of `engine`, then calls `check` with the database; `None` if the engine
/// is another one.
pub(crate) fn run<C: Change>(
    engine: Engine,
    memory: Memory,
    events: u64,
    change: &C,
    check: impl FnOnce(&Raw) -> Result<()>,
) -> Result<Option<Sample>> {
    let Some(handle) = handler(engine) else { return Ok(None) };
    let raw = Raw::open(memory)?;
    let sample = measure(events, || handle(&raw, 0..events, change).map(|()| 0))?;
    check(&raw)?;
    Ok(Some(sample))
}

impl Raw {
    pub(crate) fn open(memory: Memory) -> Result<Raw> {
        let folder = tempfile::tempdir()?;
        let (mut options, mut blocks) = (Options::default(), BlockBasedOptions::default());
        options.create_if_missing(true);
        blocks.set_bloom_filter(10.0, false);
        blocks.set_block_cache(&Cache::new_lru_cache(memory.block_cache as usize));
        options.set_block_based_table_factory(&blocks);
        if let Some(bytes) = memory.write_buffers {
            // Several, so that one is filled while others are flushed.
            options.set_db_write_buffer_size(bytes as usize);
            options.set_write_buffer_size(bytes as usize / 4);
            options.set_max_write_buffer_number(4);
        }
        // Named, so that it has a handle.
        let families = [(DEFAULT_COLUMN_FAMILY_NAME, options.clone())];
        let db = DB::open_cf_with_opts(&options, folder.path(), families)?;
        let mut no_log = WriteOptions::default();
        no_log.disable_wal(true);
        Ok(Raw { db, no_log, _folder: folder })
    }

    /// A get and a put for each event.
    fn each<C: Change>(&self, events: Range<u64>, change: &C) -> Result<()> {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for index in events {
            key.clear();
            change.key(index, &mut key);
            value.clear();
            if let Some(found) = self.db.get_pinned(&key)? {
                value.extend_from_slice(&found);
            }
            change.apply(index, &mut value)?;
            self.db.put_opt(&key, &value, &self.no_log)?;
        }
        Ok(())
    }

    /// A sorted multi-get and a write batch for each 1,000 events.
    fn in_batches<C: Change>(&self, events: Range<u64>, change: &C) -> Result<()> {
        let family = self.family()?;
        let (mut bytes, mut keys, mut value) = (Vec::new(), Vec::new(), Vec::new());
        for start in events.clone().step_by(BATCH as usize) {
            bytes.clear();
            keys.clear();
            for index in start..events.end.min(start + BATCH) {
                let from = bytes.len();
                change.key(index, &mut bytes);
                keys.push((from..bytes.len(), index));
            }
            let key = |at: &Range<usize>| &bytes[at.clone()];
            keys.sort_by(|(one, _), (other, _)| key(one).cmp(key(other)));
            let groups: Vec<_> = keys.chunk_by(|(one, _), (other, _)| key(one) == key(other)).collect();
            let found = self.db.batched_multi_get_cf(family, groups.iter().map(|group| key(&group[0].0)), true);
            let mut batch = WriteBatch::default();
            for (group, found) in groups.iter().zip(found) {
                value.clear();
                if let Some(found) = found? {
                    value.extend_from_slice(&found);
                }
                for (_, index) in *group {
                    change.apply(*index, &mut value)?;
                }
                batch.put(key(&group[0].0), &value);
            }
            self.db.write_opt(batch, &self.no_log)?;
        }
        Ok(())
    }

    /// Adds up what `of` makes of each key and value.
    pub(crate) fn sum(&self, of: impl Fn(&[u8], &[u8]) -> Result<u64>) -> Result<u64> {
        self.db.iterator(IteratorMode::Start).try_fold(0, |sum, row| {
            let (key, value) = row?;
            Ok(sum + of(&key, &value)?)
        })
    }

    /// Removes everything.
    pub(crate) fn clear(&self) -> Result<()> {
        Ok(self.db.delete_range_cf_opt(self.family()?, [].as_slice(), [0xff; 32].as_slice(), &self.no_log)?)
    }

    fn family(&self) -> Result<&ColumnFamily> {
        self.db.cf_handle(DEFAULT_COLUMN_FAMILY_NAME).ok_or_else(|| Error::storage("there is no default column family"))
    }
}

/// Counts one more in a value of eight bytes.
pub(crate) fn count(value: &mut Vec<u8>) -> Result<()> {
    let count = if value.is_empty() { 0 } else { number(value)? };
    value.clear();
    value.extend_from_slice(&(count + 1).to_le_bytes());
    Ok(())
}

pub(crate) fn number(value: &[u8]) -> Result<u64> {
    let bytes = value.try_into().map_err(|_| Error::damaged("a count has 8 bytes"))?;
    Ok(u64::from_le_bytes(bytes))
}
