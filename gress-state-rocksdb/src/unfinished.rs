//! Whether what lies in a directory is a state of some one moment.
//!
//! It is not while a copy is on its way into it, and without a log it is not while a process works on it: after a crash
//! there is what was flushed at some time or other. A mark stands in the directory for as long.

use gress_core::{Error, Result};
use gress_state::directory::sync_directory;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

const MARK: &str = "gress.unfinished";
/// Begins the names of files that are none of the database's.
const OWN: &str = "gress.";

/// The mark in a directory, from [`Unfinished::begin`] to [`Unfinished::end`].
#[derive(Debug)]
pub(crate) struct Unfinished {
    directory: PathBuf,
}

impl Unfinished {
    /// Refuses a directory with a mark, unless there is nothing else in it.
    ///
    /// # Errors
    /// `Refused`, with what can be done.
    pub(crate) fn check(directory: &Path) -> Result<()> {
        match directory.join(MARK).exists() && has_database(directory)? {
            false => Ok(()),
            true => Err(Error::refused(format!(
                "the database in `{}` was not closed by the process that wrote it, which had `durability: checkpoint` or \
                 was opening a checkpoint: it holds no state of any one moment. Remove the directory and open a \
                 checkpoint in its place",
                directory.display()
            ))),
        }
    }

    /// Sets the mark, before anything else changes in `directory`.
    pub(crate) fn begin(directory: &Path) -> Result<Self> {
        let mark = directory.join(MARK);
        File::create(&mark).and_then(|file| file.sync_all()).map_err(|e| Error::io("write", &mark, e))?;
        sync_directory(directory)?;
        Ok(Unfinished { directory: directory.to_path_buf() })
    }

    /// Takes the mark away, after everything else is on the disk.
    pub(crate) fn end(&self) -> Result<()> {
        let mark = self.directory.join(MARK);
        fs::remove_file(&mark).map_err(|e| Error::io("remove", &mark, e))?;
        sync_directory(&self.directory)
    }
}

fn has_database(directory: &Path) -> Result<bool> {
    let failed = |e| Error::io("read the directory", directory, e);
    for entry in fs::read_dir(directory).map_err(failed)? {
        if !entry.map_err(failed)?.file_name().to_string_lossy().starts_with(OWN) {
            return Ok(true);
        }
    }
    Ok(false)
}
