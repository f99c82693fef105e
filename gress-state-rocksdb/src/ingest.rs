//! Runs on their way into a column family: small ones by a write batch, large ones as files.
//!
//! ```text
//!  run ──known to be small───────────▶ WriteBatch ──▶ write buffer
//!   └───▶ chunk ──ends within it──────▶     ┘
//!            └────goes on after it──▶ SstFileWriter ──▶ incoming/0.sst, 1.sst, … ──linked, all at once──▶ levels
//! ```
//!
//! Either way a run is applied as a whole or not at all, and a range delete spares the puts of its own run. In a batch
//! each entry is newer than the one before, and a put inside a range comes after it. In files all entries are of the same
//! age, and a range delete removes only what is older. Files of one run must not overlap: a range that reaches into the
//! next file is cut at its first key, and goes on there.

use crate::{
    chunk::{Chunk, is_large},
    database::{Database, Db},
    emptied::{Bounds, Changes, Emptied, covered},
    error::{wrap, wrap_in_store},
};
use gress_core::{Error, Result};
use gress_state::run::{RunCursor, RunEntry, RunSize};
use rocksdb::{ColumnFamily, IngestExternalFileOptions, Options, SstFileWriter, WriteBatch, WriteOptions};
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

/// Entries of one file. Filter and index of a file lie in memory until it is finished: about 10 bytes an entry.
const FILE_ENTRIES: usize = 2_000_000;
/// Entries of a run up to which its file is small: its filter takes a quarter of a megabyte.
const SMALL_FILE_ENTRIES: usize = 200_000;
/// Bytes of a run up to which its files are read once more, into the page cache.
const WARMED_BYTES: u64 = 256 << 20;

/// A run that is to be applied to the column family of `store`.
pub(crate) struct Apply<'d> {
    pub(crate) database: &'d Database,
    pub(crate) store: &'d str,
    /// Size at which a file of a large run ends.
    pub(crate) file_bytes: u64,
    /// What a small run is written with.
    pub(crate) writes: &'d WriteOptions,
    /// Whether writes go to a log.
    pub(crate) logged: bool,
    pub(crate) emptied: &'d Emptied,
}

impl Apply<'_> {
    pub(crate) fn run(&self, run: &mut dyn RunCursor) -> Result<()> {
        let size = run.size();
        if let Some(size) = size.filter(|size| !is_large(*size)) {
            return self.write(run, size);
        }
        let small = size.is_some_and(|size| size.entries <= SMALL_FILE_ENTRIES);
        let mut chunk = Chunk::default();
        while let Some(entry) = run.next()? {
            chunk.push(entry);
            if is_large(chunk.pushed()) {
                return self.ingest(&mut chunk, run, small);
            }
        }
        let size = chunk.pushed();
        self.write(&mut chunk, size)
    }

    fn write(&self, run: &mut dyn RunCursor, size: RunSize) -> Result<()> {
        let purpose = "write to store";
        self.database.with_store(self.store, purpose, |db, family| {
            let failed = wrap_in_store(purpose, self.store, &self.database.directory);
            match size.entries {
                0 => Ok(()),
                1 => run.next()?.map_or(Ok(()), |entry| self.write_one(db, family, entry).map_err(failed)),
                _ => {
                    let (batch, changes) = self.batch(db, family, run, size)?;
                    self.emptied.write(&changes, || db.write_opt(batch, self.writes)).map_err(failed)?;
                    self.emptied.settle(db, family, &changes);
                    Ok(())
                }
            }
        })
    }

    /// RocksDB makes the batch itself.
    fn write_one(&self, db: &Db, family: &ColumnFamily, entry: RunEntry<'_>) -> Result<(), rocksdb::Error> {
        match entry {
            RunEntry::Put { key, value } => self.emptied.put(key, || db.put_cf_opt(family, key, value, self.writes)),
            RunEntry::Delete { key } => {
                db.delete_cf_opt(family, key, self.writes)?;
                self.emptied.settle_one(db, family, key);
                Ok(())
            }
            RunEntry::DeleteRange { start, end } if start < end => {
                let mut changes = self.emptied.changes();
                changes.add(&entry, |start, end| covered(db, family, start, end));
                self.emptied.write(&changes, || db.delete_range_cf_opt(family, start, end, self.writes))?;
                self.emptied.settle(db, family, &changes);
                Ok(())
            }
            RunEntry::DeleteRange { .. } => Ok(()),
        }
    }

    fn batch(
        &self,
        db: &Db,
        family: &ColumnFamily,
        run: &mut dyn RunCursor,
        size: RunSize,
    ) -> Result<(WriteBatch, Changes)> {
        // Beside keys and values, their lengths and kinds.
        let mut batch = WriteBatch::with_capacity_bytes(size.bytes + 32 * size.entries + 32);
        let mut changes = self.emptied.changes();
        while let Some(entry) = run.next()? {
            if is_empty(&entry) {
                continue;
            }
            changes.add(&entry, |start, end| covered(db, family, start, end));
            match entry {
                RunEntry::Put { key, value } => batch.put_cf(family, key, value),
                RunEntry::Delete { key } => batch.delete_cf(family, key),
                RunEntry::DeleteRange { start, end } => batch.delete_range_cf(family, start, end),
            }
        }
        Ok((batch, changes))
    }

    fn ingest(&self, beginning: &mut Chunk, rest: &mut dyn RunCursor, small: bool) -> Result<()> {
        // Before files are made in a folder that may be gone.
        self.database.with("write to", |_| Ok(()))?;
        let (mut files, mut puts) = (Files::new(self, small), Bounds::default());
        for run in [beginning as &mut dyn RunCursor, rest] {
            while let Some(entry) = run.next()? {
                if let RunEntry::Put { key, .. } = entry {
                    puts.add(key);
                }
                files.add(entry)?;
            }
        }
        let finished = files.finish()?;
        if finished.paths.is_empty() {
            // A run of empty ranges.
            return Ok(());
        }
        if finished.bytes <= WARMED_BYTES {
            finished.paths.iter().try_for_each(|path| warm(&path.0))?;
        }
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        self.database.with_family(self.store, "add files to store", |db, family| {
            if self.logged {
                // The files are on the disk at once, and so must be what was written before them.
                db.flush_wal(true)?;
            }
            let paths = finished.paths.iter().map(|path| &path.0).collect();
            self.emptied.put_between(&puts, || db.ingest_external_file_cf_opts(&family, &options, paths))
        })
    }
}

/// Whether it is a range delete of nothing.
fn is_empty(entry: &RunEntry<'_>) -> bool {
    matches!(entry, RunEntry::DeleteRange { start, end } if start >= end)
}

/// The folder of files that are on their way.
const INCOMING: &str = "incoming";

/// Removes what an interrupted process has left in the folder of incoming files. RocksDB may have linked such a file into
/// its levels already, and not yet removed its first name: whoever wrote to that name would write into the database.
pub(crate) fn remove_leftovers(directory: &Path) -> Result<()> {
    let folder = directory.join(INCOMING);
    if folder.is_dir() {
        std::fs::remove_dir_all(&folder).map_err(|e| Error::io("remove", &folder, e))?;
    }
    Ok(())
}

/// The files of one run, of which the last is being written.
struct Files<'d> {
    apply: &'d Apply<'d>,
    options: &'d Options,
    finished: Finished,
    current: Option<Incoming<'d>>,
    /// The end of the range that reaches furthest beyond the files that are finished.
    reaching: Option<Vec<u8>>,
}

#[derive(Default)]
struct Finished {
    paths: Vec<Removed>,
    bytes: u64,
}

impl<'d> Files<'d> {
    fn new(apply: &'d Apply<'d>, small: bool) -> Self {
        let options = if small { &apply.database.small_file } else { &apply.database.options };
        Files { apply, options, finished: Finished::default(), current: None, reaching: None }
    }

    fn add(&mut self, entry: RunEntry<'_>) -> Result<()> {
        if self.current.as_ref().is_some_and(|file| file.is_full(self.apply.file_bytes)) {
            self.end_file(Some(entry.key()))?;
        }
        let mut file = match self.current.take() {
            Some(file) => file,
            None => self.begin_file(entry.key())?,
        };
        file.add(entry)?;
        self.current = Some(file);
        Ok(())
    }

    /// A new file beside the database's own, whose names RocksDB would take for garbage. It begins with what reaches
    /// into it.
    fn begin_file(&mut self, first_key: &[u8]) -> Result<Incoming<'d>> {
        let database = self.apply.database;
        let folder = database.directory.join(INCOMING);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
        let path = folder.join(format!("{}.sst", database.next_file.fetch_add(1, Ordering::Relaxed)));
        let writer = SstFileWriter::create(self.options);
        writer.open(&path).map_err(wrap("begin a file beside", &database.directory))?;
        let mut file = Incoming { writer, path: Removed(path), entries: 0, ranges: Vec::new() };
        if let Some(end) = self.reaching.take() {
            file.add(RunEntry::DeleteRange { start: first_key, end: &end })?;
        }
        Ok(file)
    }

    /// Ends the current file, if there is one, before `next`, the first key of the file after it.
    fn end_file(&mut self, next: Option<&[u8]>) -> Result<()> {
        let Some(mut file) = self.current.take() else { return Ok(()) };
        self.reaching = file.cut(next)?;
        if file.entries == 0 {
            return Ok(());
        }
        file.writer.finish().map_err(wrap("finish a file beside", &self.apply.database.directory))?;
        self.finished.bytes += file.writer.file_size();
        self.finished.paths.push(file.path);
        Ok(())
    }

    fn finish(mut self) -> Result<Finished> {
        self.end_file(None)?;
        Ok(self.finished)
    }
}

/// A file that is being written.
struct Incoming<'d> {
    writer: SstFileWriter<'d>,
    path: Removed,
    entries: usize,
    /// Ranges of the file. How far they may reach is known at its end.
    ranges: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Incoming<'_> {
    fn is_full(&self, file_bytes: u64) -> bool {
        self.entries >= FILE_ENTRIES || self.writer.file_size() >= file_bytes
    }

    fn add(&mut self, entry: RunEntry<'_>) -> Result<()> {
        let added = match entry {
            RunEntry::Put { key, value } => self.writer.put(key, value),
            RunEntry::Delete { key } => self.writer.delete(key),
            RunEntry::DeleteRange { start, end } => {
                if start < end {
                    self.ranges.push((start.to_vec(), end.to_vec()));
                    self.entries += 1;
                }
                return Ok(());
            }
        };
        self.entries += 1;
        added.map_err(|e| self.failed(e))
    }

    /// Writes the ranges, up to `next`. Gives the furthest end beyond it.
    fn cut(&mut self, next: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
        let mut reaching: Option<Vec<u8>> = None;
        for (start, end) in std::mem::take(&mut self.ranges) {
            let cut = next.filter(|next| *next < end.as_slice()).unwrap_or(&end);
            match start.as_slice() < cut {
                true => self.writer.delete_range(start.as_slice(), cut).map_err(|e| self.failed(e))?,
                false => self.entries -= 1,
            }
            if next.is_some_and(|next| next < end.as_slice()) && reaching.as_ref().is_none_or(|far| *far < end) {
                reaching = Some(end);
            }
        }
        Ok(reaching)
    }

    fn failed(&self, error: rocksdb::Error) -> Error {
        Error::io("write", &self.path.0, std::io::Error::other(error))
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
