//! A map from bytes to bytes, as Gress and as raw RocksDB offer it.

mod gress;
mod raw;

pub(crate) use gress::Gress;
pub(crate) use raw::Raw;

use crate::{
    keys::{Key, key},
    values::Values,
};
use gress_runtime::Result;
use gress_state::{KeyRange, KeyValueOptions, memory::MemoryBackend};
use gress_state_rocksdb::{Preset, RocksDbBackend, RocksDbConfig};
use std::path::Path;

/// What is measured of both.
pub(crate) trait KeyValue: Send + Sync {
    /// Looks at the value of a key where it lies. Gives its length.
    fn get_with(&self, key: &[u8]) -> Result<Option<usize>>;
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    fn put(&self, key: &[u8], value: &[u8]) -> Result<()>;
    fn delete(&self, key: &[u8]) -> Result<()>;
    fn delete_range(&self, range: KeyRange<'_>) -> Result<()>;
    fn batch_put(&self, entries: &[(Key, &[u8])]) -> Result<()>;
    fn batch_delete(&self, keys: &[Key]) -> Result<()>;
    /// Copies the values of keys. Gives how many there are.
    fn batch_get(&self, keys: &[Key]) -> Result<usize>;
    /// Copies entries of a range, at most `limit`. Gives how many.
    fn scan(&self, range: KeyRange<'_>, limit: usize) -> Result<usize>;
    fn flush(&self) -> Result<()>;
    fn compact(&self) -> Result<()>;
    fn checkpoint(&self, directory: &Path) -> Result<()>;
    /// One of RocksDB's properties or counters; 0 where there is none.
    fn number(&self, name: &str) -> Result<u64>;
    fn close(&self) -> Result<()>;
}

/// Which of them, and how it is configured.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Memory,
    Gress(RocksDbConfig),
    /// Raw RocksDB with the very options that Gress would give it.
    Raw(RocksDbConfig),
}

impl Subject {
    pub(crate) fn gress(preset: Preset) -> Subject {
        Subject::Gress(RocksDbConfig { preset, ..RocksDbConfig::default() })
    }

    pub(crate) fn raw(preset: Preset) -> Subject {
        Subject::Raw(RocksDbConfig { preset, ..RocksDbConfig::default() })
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Subject::Memory => "Gress, memory".into(),
            Subject::Gress(config) => format!("Gress, {}", config.preset),
            Subject::Raw(config) => format!("raw RocksDB, {}", config.preset),
        }
    }

    /// Opens it in `directory`, which it makes.
    pub(crate) fn open(&self, directory: &Path) -> Result<Box<dyn KeyValue>> {
        let at = |config: &RocksDbConfig| RocksDbConfig { path: Some(directory.into()), ..config.clone() };
        Ok(match self {
            Subject::Memory => Box::new(Gress(MemoryBackend::open()?)),
            Subject::Gress(config) => {
                Box::new(Gress(RocksDbBackend::open_with(at(config), KeyValueOptions::default())?))
            }
            Subject::Raw(config) => Box::new(Raw::open(&at(config), directory)?),
        })
    }
}

/// Entries that are written together while a state is filled.
const FILL_ENTRIES: u64 = 500;

/// Puts the keys with the numbers below `count`, in an order that is not theirs, and lets everything come to rest.
pub(crate) fn fill(state: &dyn KeyValue, count: u64, values: &Values) -> Result<()> {
    for start in (0..count).step_by(FILL_ENTRIES as usize) {
        let numbers = start..count.min(start + FILL_ENTRIES);
        let entries: Vec<_> = numbers.map(|number| (key(number), values.at(number))).collect();
        state.batch_put(&entries)?;
    }
    state.flush()?;
    state.compact()
}
