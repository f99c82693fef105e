//! The sink's folder: names in it become durable when it is synced.

use gress_core::{Error, ErrorKind, Result};
use gress_state::{
    directory::{create_directory, sync_directory},
    run::{FileDigest, FileSummary},
};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, DirEntry, File, OpenOptions},
    io::{self, ErrorKind as Io, Read},
    path::{Path, PathBuf},
    sync::Arc,
};
use xxhash_rust::xxh3::Xxh3Default;

/// The lock of a folder, held until it is dropped.
#[derive(Debug)]
pub(super) struct FolderLock {
    _folder: File,
}

/// A folder of output files.
#[derive(Clone, Debug)]
pub(super) struct Folder(Arc<Path>);

impl Folder {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Folder(path.into().into())
    }

    /// For messages.
    pub(super) fn display(&self) -> std::path::Display<'_> {
        self.0.display()
    }

    /// Creates the folder with its parents, and makes their names durable.
    pub(super) fn create(&self) -> Result<()> {
        create_directory(&self.0)
    }

    /// Takes the folder for this process. The lock is the folder's own, so no file tells of it, and goes with the process.
    pub(super) fn lock(&self) -> Result<FolderLock> {
        let folder = File::open(&self.0).map_err(|e| Error::io("open the output folder", &self.0, e))?;
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(FolderLock { _folder: folder }),
            Err(_) => Err(Error::new(ErrorKind::Locked, format!("another job writes to `{}`", self.display()))),
        }
    }

    /// Makes the names in the folder durable.
    pub(super) fn sync(&self) -> Result<()> {
        sync_directory(&self.0)
    }

    /// What is in the folder, by name; nothing if it does not exist.
    pub(super) fn list(&self) -> Result<Vec<DirEntry>> {
        let entries = || -> io::Result<Vec<DirEntry>> { fs::read_dir(&self.0)?.collect() };
        let mut entries = match entries() {
            Err(e) if e.kind() == Io::NotFound => Vec::new(),
            entries => entries.map_err(|e| Error::io("read the output folder", &self.0, e))?,
        };
        entries.sort_by_key(DirEntry::file_name);
        Ok(entries)
    }

    /// Creates a file that did not exist.
    pub(super) fn create_file(&self, name: &str) -> Result<OutputFile> {
        let path = self.0.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|e| Error::io("create", &path, e))?;
        Ok(OutputFile { file, path })
    }

    /// Opens a file to read it.
    pub(super) fn open_file(&self, name: &str) -> Result<File> {
        let path = self.0.join(name);
        File::open(&path).map_err(|e| Error::io("open", &path, e))
    }

    /// Length and checksum of a file; `None` if there is none.
    pub(super) fn summary(&self, name: &str) -> Result<Option<FileSummary>> {
        let path = self.0.join(name);
        match File::open(&path).and_then(summarise) {
            Ok(summary) => Ok(Some(summary)),
            Err(e) if e.kind() == Io::NotFound => Ok(None),
            Err(e) => Err(Error::io("read", &path, e)),
        }
    }

    /// Gives a file another name, which no file must have. Only the folder's owner calls it: nobody else can take the name
    /// between the look and the step.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.0.join(from), self.0.join(to));
        match fs::symlink_metadata(&to) {
            Err(e) if e.kind() == Io::NotFound => {}
            Err(e) => return Err(Error::io("look at", &to, e)),
            Ok(_) => return Err(Error::storage(format!("`{}` exists already; it is never replaced", to.display()))),
        }
        fs::rename(&from, &to).map_err(|e| Error::io("rename", &from, e))
    }

    /// Deletes a file if it exists.
    pub(super) fn delete(&self, name: &str) -> Result<()> {
        let path = self.0.join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != Io::NotFound => Err(Error::io("delete", &path, e)),
            _ => Ok(()),
        }
    }

    /// Damage to a file of this folder.
    pub(super) fn damaged(&self, name: &str, what: &str) -> Error {
        Error::new(ErrorKind::Damaged, format!("`{}` {what}", self.0.join(name).display()))
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct OutputFile {
    file: File,
    path: PathBuf,
}

impl OutputFile {
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        io::Write::write_all(&mut self.file, bytes).map_err(|e| Error::io("write", &self.path, e))
    }

    /// Makes the content durable; the name is the folder's business.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| Error::io("sync", &self.path, e))
    }
}

fn summarise(mut file: File) -> io::Result<FileSummary> {
    let (mut hasher, mut buffer, mut bytes) = (Xxh3Default::new(), vec![0; 1 << 16], 0);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(FileSummary { bytes, digest: FileDigest(hasher.digest128()) }),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
            Err(e) if e.kind() == Io::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
