//! Runs on their way into a column family: small ones by a write batch, large ones as files.
//!
//! ```text
//!  run ──▶ chunk ──ends within it──▶ WriteBatch ──▶ write buffer
//!            └────goes on after it──▶ SstFileWriter ──▶ incoming/0.sst ──linked──▶ level of the column family
//! ```
//!
//! Both keep a range delete away from the puts of its own run. In a batch each entry is newer than the one before, and
//! a put inside a range comes after it. In a file all entries are of the same age, and a range delete removes only what
//! is older. Where a run takes several files they are ingested in turn: no range of a later file begins before the
//! last key of an earlier one.

use crate::{chunk::Chunk, database::Database, error::wrap};
use gress_core::{Error, Result};
use gress_state::run::{RunCursor, RunEntry};
use rocksdb::{IngestExternalFileOptions, SstFileWriter, WriteBatch, WriteOptions};
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

/// Entries of one file. Filter and index of a file lie in memory until it is finished: about 10 bytes an entry.
const FILE_ENTRIES: usize = 2_000_000;

/// Applies `run` to the column family of `store`.
pub(crate) fn apply(database: &Database, store: &str, file_bytes: u64, run: &mut dyn RunCursor) -> Result<()> {
    let mut chunk = Chunk::default();
    while let Some(entry) = run.next()? {
        chunk.push(entry);
        if chunk.is_full() {
            return Ingest { database, store, file_bytes }.apply(&chunk, run);
        }
    }
    write(database, store, &chunk)
}

fn write(database: &Database, store: &str, chunk: &Chunk) -> Result<()> {
    database.with_family(store, "write to store", |db, family| {
        if chunk.is_empty() {
            return Ok(());
        }
        let mut batch = WriteBatch::with_capacity_bytes(chunk.size_bytes() * 2);
        for entry in chunk.iter() {
            match entry {
                RunEntry::Put { key, value } => batch.put_cf(&family, key, value),
                RunEntry::Delete { key } => batch.delete_cf(&family, key),
                RunEntry::DeleteRange { start, end } if start < end => batch.delete_range_cf(&family, start, end),
                RunEntry::DeleteRange { .. } => {}
            }
        }
        db.write_opt(batch, &without_log())
    })
}

/// The checkpoint and the source that can be read again are the log of a job.
fn without_log() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options
}

/// A large run on its way.
struct Ingest<'d> {
    database: &'d Database,
    store: &'d str,
    /// Size at which a file ends.
    file_bytes: u64,
}

impl Ingest<'_> {
    fn apply(&self, beginning: &Chunk, rest: &mut dyn RunCursor) -> Result<()> {
        // Before files are made in a folder that may be gone.
        self.database.with("write to", |_| Ok(()))?;
        let mut file = self.begin()?;
        for entry in beginning.iter() {
            file.add(entry)?;
        }
        while let Some(entry) = rest.next()? {
            if file.entries >= FILE_ENTRIES || file.writer.file_size() >= self.file_bytes {
                self.ingest(file)?;
                file = self.begin()?;
            }
            file.add(entry)?;
        }
        self.ingest(file)
    }

    /// A new file beside the database's own, whose names RocksDB would take for garbage.
    fn begin(&self) -> Result<Incoming<'_>> {
        let folder = self.database.directory.join("incoming");
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
        let path = folder.join(format!("{}.sst", self.database.next_file.fetch_add(1, Ordering::Relaxed)));
        let writer = SstFileWriter::create(&self.database.options);
        writer.open(&path).map_err(wrap("begin a file beside", &self.database.directory))?;
        Ok(Incoming { writer, path: Removed(path), entries: 0 })
    }

    fn ingest(&self, mut file: Incoming<'_>) -> Result<()> {
        if file.entries == 0 {
            return Ok(());
        }
        file.writer.finish().map_err(wrap("finish a file beside", &self.database.directory))?;
        warm(&file.path.0)?;
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        self.database.with_family(self.store, "add a file to store", |db, family| {
            db.ingest_external_file_cf_opts(&family, &options, vec![&file.path.0])
        })
    }
}

/// A file that is being written.
struct Incoming<'d> {
    writer: SstFileWriter<'d>,
    path: Removed,
    entries: usize,
}

impl Incoming<'_> {
    fn add(&mut self, entry: RunEntry<'_>) -> Result<()> {
        let added = match entry {
            RunEntry::Put { key, value } => self.writer.put(key, value),
            RunEntry::Delete { key } => self.writer.delete(key),
            RunEntry::DeleteRange { start, end } if start < end => self.writer.delete_range(start, end),
            RunEntry::DeleteRange { .. } => return Ok(()),
        };
        self.entries += 1;
        added.map_err(|e| Error::io("write", &self.path.0, std::io::Error::other(e)))
    }
}

/// The writer drops its file from the page cache. One sequential read brings it back, where single reads would wait for
/// the disk block by block.
fn warm(path: &Path) -> Result<()> {
    let read = File::open(path).and_then(|mut file| std::io::copy(&mut file, &mut std::io::sink()));
    read.map(drop).map_err(|e| Error::io("read", path, e))
}

/// A file that is removed when this is dropped: RocksDB has linked it under another name, or it is of no use.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
