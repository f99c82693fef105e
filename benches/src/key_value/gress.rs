//! The key-value state of Gress.

use super::KeyValue;
use crate::keys::Key;
use gress_runtime::Result;
use gress_state::{KeyRange, KeyValueState};
use std::{hint::black_box, path::Path};

pub(crate) struct Gress(pub(crate) KeyValueState);

impl KeyValue for Gress {
    fn get_with(&self, key: &[u8]) -> Result<Option<usize>> {
        self.0.get_with(key, |value| black_box(value).len())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.get(key)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.0.put(key, value)
    }

    fn delete(&self, key: &[u8]) -> Result<()> {
        self.0.delete(key)
    }

    fn delete_range(&self, range: KeyRange<'_>) -> Result<()> {
        self.0.delete_range(range)
    }

    fn batch_put(&self, entries: &[(Key, &[u8])]) -> Result<()> {
        self.0.batch_put(entries.iter().copied())
    }

    fn batch_delete(&self, keys: &[Key]) -> Result<()> {
        self.0.batch_delete(keys)
    }

    fn batch_get(&self, keys: &[Key]) -> Result<usize> {
        Ok(self.0.batch_get(keys)?.iter().flatten().count())
    }

    fn scan(&self, range: KeyRange<'_>, limit: usize) -> Result<usize> {
        Ok(self.0.scan(range, limit)?.entries.len())
    }

    fn flush(&self) -> Result<()> {
        self.0.flush()
    }

    fn compact(&self) -> Result<()> {
        self.0.compact()
    }

    fn checkpoint(&self, directory: &Path) -> Result<()> {
        self.0.create_checkpoint(directory).map(drop)
    }

    fn number(&self, name: &str) -> Result<u64> {
        Ok(self.0.property(name)?.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    fn close(&self) -> Result<()> {
        self.0.close()
    }
}
