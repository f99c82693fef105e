//! Gress's key-value state on RocksDB, the store that this package is about.

use std::io;
use std::path::Path;
use std::time::Duration;

use gress_core::ByteSize;
use gress_state::key_value::Batch;
use gress_state::memory::MemoryBackend;
use gress_state::{KeyRange, KeyValueOptions, KeyValueState};
use gress_state_rocksdb::{Durability, RocksDbBackend, RocksDbConfig, RocksDbFactory};
use rocksdb::Env;

use crate::store::{Engine, Entry, Store, emptied_keys, range_of};
use crate::write::How;

/// Opens key-value states, with write buffers so small that flushes and new logs happen all the time, and files so small that
/// a large write becomes several.
#[derive(Clone, Copy, Debug)]
pub struct KeyValue;

impl KeyValue {
    fn config(durability: Durability, folder: &Path) -> RocksDbConfig {
        RocksDbConfig::balanced(folder)
            .durability(durability)
            .write_buffer_size(ByteSize::kib(64))
            .target_file_size_base(ByteSize::kib(512))
            .block_cache_size(ByteSize::mib(1))
            .enable_statistics(false)
    }
}

impl Engine for KeyValue {
    fn has_batches(&self) -> bool {
        true
    }

    fn survives_crashes(&self, durability: Durability) -> bool {
        durability != Durability::Checkpoint
    }

    fn refuses_half_checkpoints(&self) -> bool {
        true
    }

    fn open(&self, env: Env, durability: Durability, folder: &Path) -> io::Result<Box<dyn Store>> {
        let config = Self::config(durability, folder);
        let state = RocksDbBackend::open_with_env(config, KeyValueOptions::default(), env);
        Ok(Box::new(state.map_err(in_words)?))
    }

    fn open_checkpoint(
        &self,
        env: Env,
        durability: Durability,
        checkpoint: &Path,
        folder: &Path,
    ) -> io::Result<Box<dyn Store>> {
        std::fs::create_dir(folder)?;
        let factory = RocksDbFactory::for_key_values_in(Self::config(durability, folder), env);
        let options = KeyValueOptions::default();
        let state = factory.and_then(|it| KeyValueState::open_checkpoint(&it, checkpoint, Some(folder), options));
        Ok(Box::new(state.map_err(in_words)?))
    }
}

impl Store for KeyValueState {
    fn write(&self, how: How, entries: &[Entry]) -> io::Result<()> {
        let written = match (how, entries) {
            (How::Expiring, [(key, Some(value))]) => self.put_with_ttl(key, value, FOR_LONG),
            (How::Range, _) => {
                let (lower, upper) = range_of(entries);
                self.delete_range(KeyRange { lower: &lower, upper: Some(&upper) })
            }
            (How::Emptied, _) => self.batch_delete(emptied_keys(entries)),
            (How::Restored, _) => snapshot(entries).and_then(|bytes| self.restore(&bytes[..])).map(drop),
            (_, [(key, Some(value))]) => self.put(key, value),
            (_, [(key, None)]) => self.delete(key),
            _ => {
                let mut batch = Batch::default();
                for (key, value) in entries {
                    match value {
                        Some(value) => batch.put(key, value),
                        None => batch.delete(key),
                    };
                }
                KeyValueState::write(self, &batch)
            }
        };
        written.map_err(in_words)
    }

    fn scan(&self) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let all = KeyValueState::scan(self, KeyRange { lower: b"", upper: None }, usize::MAX);
        all.map(|slice| slice.entries).map_err(in_words)
    }

    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        KeyValueState::get(self, key).map_err(in_words)
    }

    fn flush(&self) -> io::Result<()> {
        KeyValueState::flush(self).map_err(in_words)
    }

    fn create_checkpoint(&self, folder: &Path) -> io::Result<()> {
        KeyValueState::create_checkpoint(self, folder).map(drop).map_err(in_words)
    }

    fn close(&self) -> io::Result<()> {
        KeyValueState::close(self).map_err(in_words)
    }
}

/// A snapshot that holds what the entries put.
fn snapshot(entries: &[Entry]) -> gress_core::Result<Vec<u8>> {
    let state = MemoryBackend::open()?;
    state.batch_put(entries.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))))?;
    let mut bytes = Vec::new();
    state.snapshot(&mut bytes)?;
    Ok(bytes)
}

/// Longer than any test.
const FOR_LONG: Duration = Duration::from_secs(1 << 24);

fn in_words(error: gress_core::Error) -> io::Error {
    io::Error::other(error.to_string())
}
