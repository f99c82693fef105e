//! Plain RocksDB with the settings that each mode needs: what the engine below gives, before anything stands above it.

use std::io;
use std::path::Path;

use rocksdb::checkpoint::Checkpoint;
use rocksdb::{DB, Env, FlushOptions, Options, WriteBatch, WriteOptions};

use crate::store::{Durability, Engine, Entry, Store};

/// Opens plain RocksDB, with write buffers so small that flushes and new logs happen all the time.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainRocksDb;

impl Engine for PlainRocksDb {
    fn has_batches(&self) -> bool {
        true
    }

    fn open(&self, env: Env, durability: Durability, folder: &Path) -> io::Result<Box<dyn Store>> {
        Ok(Box::new(PlainStore::open(&env, durability, folder)?))
    }

    fn open_checkpoint(&self, env: Env, folder: &Path) -> io::Result<Box<dyn Store>> {
        Ok(Box::new(PlainStore::open(&env, Durability::Checkpoint, folder)?))
    }
}

/// An open database of [`PlainRocksDb`].
pub struct PlainStore {
    database: DB,
    write: WriteOptions,
}

impl PlainStore {
    /// Opens the database of `folder`.
    ///
    /// # Errors
    /// RocksDB refuses.
    pub fn open(env: &Env, durability: Durability, folder: &Path) -> io::Result<Self> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_env(env);
        options.set_write_buffer_size(64 << 10);
        options.set_max_write_buffer_number(4);
        options.set_keep_log_file_num(1);
        let mut write = WriteOptions::default();
        write.disable_wal(durability == Durability::Checkpoint);
        write.set_sync(durability == Durability::WalSync);
        Ok(Self { database: DB::open(&options, folder).map_err(io::Error::other)?, write })
    }

    /// The database itself.
    pub fn database(&self) -> &DB {
        &self.database
    }
}

impl Store for PlainStore {
    fn write(&self, entries: &[Entry]) -> io::Result<()> {
        let mut batch = WriteBatch::default();
        for (key, value) in entries {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        self.database.write_opt(batch, &self.write).map_err(io::Error::other)
    }

    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        self.database.get(key).map_err(io::Error::other)
    }

    fn flush(&self) -> io::Result<()> {
        let mut options = FlushOptions::default();
        options.set_wait(true);
        self.database.flush_opt(&options).map_err(io::Error::other)
    }

    fn create_checkpoint(&self, folder: &Path) -> io::Result<()> {
        let checkpoint = Checkpoint::new(&self.database).map_err(io::Error::other)?;
        checkpoint.create_checkpoint(folder).map_err(io::Error::other)
    }
}
