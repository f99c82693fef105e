//! The directories of a job: one process at a time works on them.

use crate::config::Config;
use gress_core::{Error, ErrorKind, Result};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind as Io, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

const LOCK_FILE: &str = "gress.lock";

/// Holds the lock of a checkpoint directory until it is dropped.
///
/// The lock belongs to the open file, not to the process: it goes when the process dies, however it dies, and reading
/// the file elsewhere does not release it.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Takes the lock if the directory has a lock file already. Writes nothing.
    pub(crate) fn take_existing(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(LOCK_FILE);
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => Self::lock(file, &path).map(Some),
            Err(e) if e.kind() == Io::NotFound => Ok(None),
            Err(e) => Err(Error::io("open", &path, e)),
        }
    }

    /// Takes the lock, creating directory and file where they are missing.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory).map_err(|e| Error::io("create the checkpoint directory", directory, e))?;
        let path = directory.join(LOCK_FILE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        Self::lock(file.map_err(|e| Error::io("create", &path, e))?, &path)
    }

    fn lock(mut file: File, path: &Path) -> Result<Self> {
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            let directory = path.parent().unwrap_or(path).display();
            return Err(Error::new(ErrorKind::Locked, format!("{holder} works on `{directory}` already")));
        }
        Ok(DirectoryLock { file })
    }

    /// Writes the process's id into the lock file, for the message to others.
    pub(crate) fn sign(&mut self) -> Result<()> {
        let signed = self.file.rewind().and_then(|()| {
            self.file.set_len(0)?;
            writeln!(self.file, "{}", std::process::id())
        });
        signed.map_err(|e| Error::storage(format!("cannot write the lock file: {e}")).because(e))
    }
}

/// Makes the directory of working files empty: what a process that is gone has left there is never read.
pub(crate) fn empty_directory(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(e) if e.kind() != Io::NotFound => {
            return Err(Error::io("empty the directory of working files", directory, e));
        }
        _ => {}
    }
    fs::create_dir_all(directory).map_err(|e| Error::io("create the directory of working files", directory, e))
}

/// Where working files go: below the directory that the config names, else in a temporary place.
pub(crate) fn work_directory(config: &Config) -> PathBuf {
    if let Some((directory, _)) = config.working_directory() {
        return directory.join("work");
    }
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("gress-{}-{unique}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_named_the_first() {
        let directory = tempfile::tempdir().unwrap();
        assert!(DirectoryLock::take_existing(directory.path()).unwrap().is_none());
        let mut first = DirectoryLock::create(directory.path()).unwrap();
        first.sign().unwrap();
        let refused = DirectoryLock::take_existing(directory.path()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Locked);
        assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
        // Reading the lock file releases nothing.
        fs::read(directory.path().join(LOCK_FILE)).unwrap();
        assert!(DirectoryLock::create(directory.path()).is_err());
        drop(first);
        assert!(DirectoryLock::take_existing(directory.path()).unwrap().is_some());
    }
}
