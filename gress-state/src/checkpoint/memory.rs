//! Checkpoint storage in memory, for tests that run a whole job without touching a disk.

use super::storage::{CheckpointStorage, Put};
use crate::run::RunInput;
use gress_core::{Error, Result};
use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Files in memory. Nothing of it survives the process.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MemoryStorage {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckpointStorage for MemoryStorage {
    fn put(&self, name: &str, write: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<()> {
        let mut content = Vec::new();
        write(&mut content)?;
        match self.put_if_absent(name, &content)? {
            Put::Done => Ok(()),
            Put::Exists => Err(Error::storage(format!("the file `{name}` exists"))),
        }
    }

    fn put_if_absent(&self, name: &str, content: &[u8]) -> Result<Put> {
        let mut files = self.files();
        match files.get(name) {
            Some(there) if there != content => Ok(Put::Exists),
            _ => {
                files.insert(name.to_owned(), content.to_vec());
                Ok(Put::Done)
            }
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        self.files().get(name).cloned().ok_or_else(|| Error::damaged(format!("the file `{name}` is missing")))
    }

    fn open(&self, name: &str) -> Result<Box<dyn RunInput>> {
        Ok(Box::new(Arc::new(self.read(name)?)))
    }

    fn list(&self) -> Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.files().remove(name);
        Ok(())
    }

    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}
