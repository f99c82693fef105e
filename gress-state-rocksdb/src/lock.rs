//! One owner for a directory.
//!
//! RocksDB locks its `LOCK` file by a record lock, which any reader of that file in the same process releases by closing
//! it. This lock belongs to one open file and nothing else releases it.

use gress_core::{Error, ErrorKind, Result};
use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
    path::Path,
};

const FILE: &str = "gress.lock";

/// The lock on a directory, until it is dropped.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Locks `directory` and writes the number of this process into its lock file.
    ///
    /// # Errors
    /// `Locked`, with the number of the process that holds it, where there is one.
    pub(crate) fn take(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        let failed = |what: &'static str| {
            let path = path.clone();
            move |e| Error::io(what, &path, e)
        };
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed("open"))?;
        if !try_lock(&file).map_err(failed("lock"))? {
            let mut holder = String::new();
            // Whether it can be read or not, the lock is taken.
            let _ = file.read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                id => format!("process {id}"),
            };
            return Err(Error::new(
                ErrorKind::Locked,
                format!("`{}` is in use by {holder}, which must close it first", directory.display()),
            ));
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed("write"))?;
        writeln!(file, "{}", std::process::id()).map_err(failed("write"))?;
        Ok(DirectoryLock { _file: file })
    }
}

#[cfg(unix)]
fn try_lock(file: &File) -> std::io::Result<bool> {
    use rustix::{
        fs::{FlockOperation, flock},
        io::Errno,
    };
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Elsewhere RocksDB's own lock is the only one.
#[cfg(not(unix))]
fn try_lock(_file: &File) -> std::io::Result<bool> {
    Ok(true)
}
