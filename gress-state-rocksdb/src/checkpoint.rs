//! Copies of a whole database: hard links of its files, which never change, and copies of the few that do.

use crate::{
    database::{Database, Open},
    error::wrap,
};
use gress_core::{Error, Result};
use gress_state::{CheckpointFile, directory::sync_directory, run::FileSummary};
use rocksdb::checkpoint::Checkpoint;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Checksums of files that were in a copy before. Within one open database a name stands for one content for ever, so
/// that each file is read once, however many copies it is in.
#[derive(Debug, Default)]
pub(crate) struct KnownFiles(Mutex<BTreeMap<String, FileSummary>>);

/// Writes a copy of `database` into `directory`.
pub(crate) fn write(database: &Database, directory: &Path) -> Result<Vec<CheckpointFile>> {
    database.with("copy", |open| {
        // Without a log size it flushes every column family first, each by itself since `atomic_flush` is off. A flush
        // of ours before that would leave twice as many small files, and nearly twice the work to compactions.
        let copied = Checkpoint::new(&open.db).and_then(|checkpoint| checkpoint.create_checkpoint(directory));
        copied.map_err(wrap(&format!("copy to `{}`", directory.display()), &database.directory))
    })?;
    database.known_files.describe(directory)
}

/// Flushes every store: RocksDB's `flush` without a family flushes the default one alone.
pub(crate) fn flush(open: &Open, directory: &Path) -> Result<()> {
    for (name, family) in open.families() {
        open.db.flush_cf(&family).map_err(|error| wrap(&format!("flush store `{name}` of"), directory)(error))?;
    }
    Ok(())
}

impl KnownFiles {
    /// Length and checksum of every file in `copy`.
    fn describe(&self, copy: &Path) -> Result<Vec<CheckpointFile>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = BTreeMap::new();
        let mut files = Vec::new();
        for name in file_names(copy)? {
            let is_table = name.ends_with(TABLE);
            let summary = match known.get(&name) {
                Some(summary) if is_table => *summary,
                _ => FileSummary::of_file(&copy.join(&name))?,
            };
            if is_table {
                now.insert(name.clone(), summary);
            }
            files.push(CheckpointFile { name, summary });
        }
        *known = now;
        Ok(files)
    }
}

/// Extension of the files that never change.
const TABLE: &str = ".sst";

/// Brings the files of `copy` into `directory`, so that a database opened there leaves the copy as it is.
pub(crate) fn link(copy: &Path, directory: &Path) -> Result<()> {
    let names = file_names(copy)?;
    if !names.iter().any(|name| name == "CURRENT") {
        let copy = copy.display();
        return Err(Error::refused(format!("`{copy}` holds no RocksDB database: another backend wrote it")));
    }
    for name in &names {
        let (from, to) = (copy.join(name), directory.join(name));
        // Another file system takes no links.
        if !name.ends_with(TABLE) || fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).map_err(|e| Error::io("copy to", &to, e))?;
        }
        File::open(&to).and_then(|file| file.sync_all()).map_err(|e| Error::io("sync", &to, e))?;
    }
    sync_directory(directory)
}

fn file_names(directory: &Path) -> Result<Vec<String>> {
    let failed = |e| Error::io("read the directory", directory, e);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.into_string().map_err(|name| {
            Error::refused(format!("`{}` has a file of a strange name, {}", directory.display(), name.display()))
        })?;
        names.push(name);
    }
    names.sort();
    Ok(names)
}
