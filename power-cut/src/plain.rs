//! Plain RocksDB with the settings that each mode needs: what the engine below gives, before anything stands above it.

use std::io;
use std::path::Path;

use gress_state_rocksdb::Durability;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{DB, Env, FlushOptions, IteratorMode, Options, WriteBatch, WriteOptions};

use crate::store::{Engine, Entry, Store, emptied_keys, range_of};
use crate::write::How;

/// Opens plain RocksDB, with write buffers so small that flushes and new logs happen all the time.
#[derive(Clone, Copy, Debug)]
pub struct PlainRocksDb {
    /// Whether RocksDB notices that the end of a log is missing while a later log is there (`track_and_verify_wals`).
    ///
    /// Without it, a power cut can leave later writes without earlier ones: RocksDB begins a new log with each new write
    /// buffer, the system writes out un-synced logs in any order, and an end that is missing at the border between two
    /// records looks like any other end. With it each log says how the one before it ended.
    pub verify_logs: bool,
}

impl Engine for PlainRocksDb {
    fn has_batches(&self) -> bool {
        true
    }

    fn survives_crashes(&self, _durability: Durability) -> bool {
        true
    }

    /// RocksDB renames a checkpoint and then syncs it.
    fn refuses_half_checkpoints(&self) -> bool {
        false
    }

    fn open(&self, env: Env, durability: Durability, folder: &Path) -> io::Result<Box<dyn Store>> {
        // RocksDB refuses to verify where there is no log at all, which is what a power cut right after the creation of a
        // database leaves. It begins one when it is opened without.
        if self.verify_logs && folder.join("CURRENT").exists() && !has_log(folder)? {
            PlainStore::open(&env, durability, false, folder)?;
        }
        Ok(Box::new(PlainStore::open(&env, durability, self.verify_logs, folder)?))
    }

    fn open_checkpoint(
        &self,
        env: Env,
        durability: Durability,
        checkpoint: &Path,
        folder: &Path,
    ) -> io::Result<Box<dyn Store>> {
        std::fs::create_dir(folder)?;
        for file in checkpoint.read_dir()? {
            let file = file?;
            std::fs::copy(file.path(), folder.join(file.file_name()))?;
        }
        self.open(env, durability, folder)
    }
}

fn has_log(folder: &Path) -> io::Result<bool> {
    let is_log = |entry: io::Result<std::fs::DirEntry>| Ok(entry?.path().extension().is_some_and(|end| end == "log"));
    let logs = folder.read_dir()?.map(is_log).collect::<io::Result<Vec<bool>>>()?;
    Ok(logs.contains(&true))
}

/// An open database of [`PlainRocksDb`].
struct PlainStore {
    database: DB,
    write: WriteOptions,
    has_log: bool,
}

impl PlainStore {
    fn open(env: &Env, durability: Durability, verify_logs: bool, folder: &Path) -> io::Result<Self> {
        // First of all: options from a string do not keep an `Env` alive that was set before.
        let verify = format!("track_and_verify_wals={verify_logs}");
        let mut options = Options::default().get_options_from_string(verify).map_err(io::Error::other)?;
        options.create_if_missing(true);
        options.set_env(env);
        options.set_write_buffer_size(64 << 10);
        options.set_max_write_buffer_number(4);
        options.set_keep_log_file_num(1);
        let mut write = WriteOptions::default();
        let has_log = durability != Durability::Checkpoint;
        write.disable_wal(!has_log);
        write.set_sync(durability == Durability::WalSync);
        Ok(Self { database: DB::open(&options, folder).map_err(io::Error::other)?, write, has_log })
    }
}

impl Store for PlainStore {
    fn write(&self, how: How, entries: &[Entry]) -> io::Result<()> {
        let mut batch = WriteBatch::default();
        match how {
            How::Range => {
                let (lower, upper) = range_of(entries);
                batch.delete_range(lower, upper);
            }
            How::Emptied => emptied_keys(entries).iter().for_each(|key| batch.delete(key)),
            // All keys are among them.
            How::Restored | How::Entries | How::Expiring | How::Files => {
                for (key, value) in entries {
                    match value {
                        Some(value) => batch.put(key, value),
                        None => batch.delete(key),
                    }
                }
            }
        }
        self.database.write_opt(batch, &self.write).map_err(io::Error::other)
    }

    fn scan(&self) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let entries = self.database.iterator(IteratorMode::Start);
        entries.map(|entry| entry.map(|(key, value)| (key.into(), value.into())).map_err(io::Error::other)).collect()
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

    fn close(&self) -> io::Result<()> {
        // Nothing else flushes what is in no log, and what is in one need not be flushed.
        if self.has_log { Ok(()) } else { self.flush() }
    }
}
