//! Directories: made so that a power cut does not lose their names, and owned by one process at a time.

use gress_core::{Error, ErrorKind, Result};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind as Io, Read, Seek, Write},
    path::{Path, PathBuf},
};

/// Makes the names in a directory survive a power cut.
///
/// # Errors
/// Those of the file system, with the directory.
pub fn sync_directory(directory: &Path) -> Result<()> {
    File::open(directory).and_then(|d| d.sync_all()).map_err(|e| Error::io("sync the directory", directory, e))
}

/// Creates a directory with those above it that are missing, and makes the names of all of them survive a power cut.
///
/// # Errors
/// Those of the file system, with the directory.
pub fn create_directory(directory: &Path) -> Result<()> {
    let changed = changed_by_creating(directory);
    fs::create_dir_all(directory).map_err(|e| Error::io("create the directory", directory, e))?;
    changed.iter().try_for_each(|directory| sync_directory(directory))
}

/// Directories that get another name in them when `directory` is created, from the inside out.
fn changed_by_creating(directory: &Path) -> Vec<PathBuf> {
    let missing = directory.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    missing.filter_map(Path::parent).map(or_working_directory).map(Path::to_path_buf).collect()
}

/// The directory above `path`; that of the working directory's own content is `.`.
pub fn parent(path: &Path) -> &Path {
    path.parent().map_or(path, or_working_directory)
}

fn or_working_directory(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

const LOCK_FILE: &str = "gress.lock";

/// A directory's lock, held until it is dropped.
///
/// The lock belongs to one open file, not to the process: it goes when the process dies, however it dies, and nobody
/// who opens and closes the file elsewhere releases it, as the lock of RocksDB's `LOCK` would be.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
    path: PathBuf,
}

impl DirectoryLock {
    /// Takes the lock, creating the lock file where it is missing; the directory exists. Tells nobody who holds it: that
    /// is [`DirectoryLock::sign`].
    ///
    /// # Errors
    /// `Locked`, with the process that holds it if it signed.
    pub fn take(directory: &Path) -> Result<Self> {
        let path = directory.join(LOCK_FILE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        Self::lock(file.map_err(|e| Error::io("create", &path, e))?, path)
    }

    /// Takes the lock if there is a lock file already. Writes nothing.
    ///
    /// # Errors
    /// As [`DirectoryLock::take`].
    pub fn take_existing(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(LOCK_FILE);
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => Self::lock(file, path).map(Some),
            Err(e) if e.kind() == Io::NotFound => Ok(None),
            Err(e) => Err(Error::io("open", &path, e)),
        }
    }

    fn lock(mut file: File, path: PathBuf) -> Result<Self> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(DirectoryLock { file, path }),
            Err(Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // Whether it can be read or not, the lock is taken.
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    id => format!("process {id}"),
                };
                let directory = parent(&path).display();
                Err(Error::new(ErrorKind::Locked, format!("`{directory}` is in use by {holder}, which must end first")))
            }
            Err(e) => Err(Error::io("lock", &path, e.into())),
        }
    }

    /// Writes the number of this process into the lock file, for the message to others.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sign(&mut self) -> Result<()> {
        let signed = self.file.rewind().and_then(|()| {
            self.file.set_len(0)?;
            writeln!(self.file, "{}", std::process::id())
        });
        signed.map_err(|e| Error::io("write", &self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directory_that_gets_a_name_is_known_before() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(changed_by_creating(folder.path()), [""; 0].map(PathBuf::from));
        let all = [at("a/b/c/d"), at("a/b/c"), at("a/b"), at("a"), folder.path().into()];
        assert_eq!(changed_by_creating(&at("a/b/c/d/e")), all);
        create_directory(&at("a/b/c/d/e")).unwrap();
        assert!(at("a/b/c/d/e").is_dir());
        assert_eq!(changed_by_creating(&at("a/b/x")), [at("a/b")]);
        assert_eq!(changed_by_creating(Path::new("no-such/folder")), ["no-such", "."].map(PathBuf::from));
    }

    #[test]
    fn a_second_holder_is_refused_and_named_the_first() {
        let directory = tempfile::tempdir().unwrap();
        assert!(DirectoryLock::take_existing(directory.path()).unwrap().is_none());
        let mut first = DirectoryLock::take(directory.path()).unwrap();
        let refused = DirectoryLock::take(directory.path()).unwrap_err();
        assert!(refused.to_string().contains("in use by another process"), "{refused}");
        first.sign().unwrap();
        let refused = DirectoryLock::take_existing(directory.path()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Locked);
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
        // Reading the lock file releases nothing.
        fs::read(directory.path().join(LOCK_FILE)).unwrap();
        assert!(DirectoryLock::take(directory.path()).is_err());
        drop(first);
        assert!(DirectoryLock::take_existing(directory.path()).unwrap().is_some());
    }
}
