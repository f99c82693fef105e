//! Checkpoint storage in a local directory.
//!
//! A file's content is synced before its name is, and the directory is synced before a call returns: what a manifest
//! names is on the disk before the manifest is.

use super::storage::{CheckpointStorage, Put};
use crate::{
    directory::{create_directory, sync_directory},
    run::RunInput,
};
use gress_core::{Error, ErrorKind, Result};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind as Io, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Checkpoint storage in one local directory.
#[derive(Debug)]
pub struct LocalStorage {
    directory: PathBuf,
    /// Descriptors that readers hold.
    held: Arc<AtomicUsize>,
}

/// Descriptors that readers may hold: many chains of many runs are read at once, and a process has 1,024 by default. Further
/// files are opened for each read.
const HELD_MAX: usize = 256;

/// Begins the name of a file that is being written and was not yet given its own name.
const TEMPORARY: &str = ".new-";

impl LocalStorage {
    /// The storage in `directory`, which is created when the first file is put.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        LocalStorage { directory: directory.into(), held: Arc::default() }
    }

    /// Creates the directory, and removes what an interrupted put left behind. Only the one process that owns the
    /// directory may call it.
    ///
    /// # Errors
    /// A directory that cannot be created, read or synced.
    pub fn prepare(&self) -> Result<()> {
        create_directory(&self.directory)?;
        for name in self.names()? {
            if name.starts_with(TEMPORARY) {
                self.delete(&name)?;
            }
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn names(&self) -> Result<Vec<String>> {
        let failed = |e| Error::io("read the checkpoint directory", &self.directory, e);
        match fs::read_dir(&self.directory) {
            Err(e) if e.kind() == Io::NotFound => Ok(Vec::new()),
            Err(e) => Err(failed(e)),
            Ok(entries) => {
                let name = |entry: std::io::Result<fs::DirEntry>| entry.map(|e| e.file_name().into_string().ok());
                let names: std::io::Result<Vec<_>> = entries.map(name).collect();
                Ok(names.map_err(failed)?.into_iter().flatten().collect())
            }
        }
    }

    fn create(&self, name: &str, write: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<()> {
        let path = self.path(name);
        let failed = |what: &'static str| move |e| Error::io(what, &self.path(name), e);
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed("create"))?;
        let mut buffered = std::io::BufWriter::with_capacity(1 << 18, file);
        write(&mut buffered)?;
        let file = buffered.into_inner().map_err(|e| failed("write")(e.into_error()))?;
        file.sync_all().map_err(failed("sync"))
    }
}

impl CheckpointStorage for LocalStorage {
    fn put(&self, name: &str, write: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<()> {
        self.create(name, write)?;
        sync_directory(&self.directory)
    }

    fn put_if_absent(&self, name: &str, content: &[u8]) -> Result<Put> {
        let temporary = format!("{TEMPORARY}{name}");
        self.delete(&temporary)?;
        self.create(&temporary, &mut |into| Ok(into.write_all(content)?))?;
        // A hard link, unlike a rename, never replaces a file.
        let linked = match fs::hard_link(self.path(&temporary), self.path(name)) {
            Ok(()) => Put::Done,
            Err(e) if e.kind() == Io::AlreadyExists => match self.read(name)? == content {
                true => Put::Done,
                false => Put::Exists,
            },
            Err(e) => return Err(Error::io("create", &self.path(name), e)),
        };
        sync_directory(&self.directory)?;
        self.delete(&temporary)?;
        Ok(linked)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.path(name);
        regular(&path)?;
        fs::read(&path).map_err(|e| missing_or("read", &path, e))
    }

    fn open(&self, name: &str) -> Result<Box<dyn RunInput>> {
        let path = self.path(name);
        regular(&path)?;
        let open = || -> std::io::Result<_> {
            let file = File::open(&path)?;
            let len = file.metadata()?.len();
            Ok((file, len))
        };
        let (file, len) = open().map_err(|e| missing_or("open", &path, e))?;
        Ok(Box::new(LocalFile { held: HeldFile::new(file, &self.held), len, path }))
    }

    fn list(&self) -> Result<Vec<String>> {
        let mut names = self.names()?;
        names.retain(|name| !name.starts_with('.'));
        Ok(names)
    }

    fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != Io::NotFound => Err(Error::io("delete", &path, e)),
            _ => Ok(()),
        }
    }

    fn locate(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// Checks that a file is one: a link may lead out of the directory, and to open a pipe waits for its writer.
fn regular(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(Error::damaged(format!("`{}` is no regular file", path.display()))),
        Err(e) => Err(missing_or("look at", path, e)),
    }
}

/// A missing file is damage, not a refusal of the file system: something was there that a manifest names.
fn missing_or(operation: &str, path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        Io::NotFound => Error::new(ErrorKind::Damaged, format!("the file `{}` is missing", path.display())),
        _ => Error::io(operation, path, error),
    }
}

#[derive(Debug)]
struct LocalFile {
    /// `None`: it is opened for each read.
    held: Option<HeldFile>,
    len: u64,
    path: PathBuf,
}

/// A descriptor that counts.
#[derive(Debug)]
struct HeldFile {
    file: File,
    count: Arc<AtomicUsize>,
}

impl HeldFile {
    /// Keeps `file`, unless too many are kept.
    fn new(file: File, count: &Arc<AtomicUsize>) -> Option<HeldFile> {
        let one_more = |held: usize| (held < HELD_MAX).then_some(held + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(HeldFile { file, count: count.clone() })
    }
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RunInput for LocalFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let read = |file: &File, into: &mut [u8]| file.read_exact_at(into, offset);
        match &self.held {
            Some(held) => read(&held.file, into).map_err(|e| Error::io("read", &self.path, e)),
            None => {
                let file = File::open(&self.path).map_err(|e| missing_or("open", &self.path, e))?;
                read(&file, into).map_err(|e| Error::io("read", &self.path, e))
            }
        }
    }

    fn name(&self) -> String {
        format!("`{}`", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage() -> (tempfile::TempDir, LocalStorage) {
        let directory = tempfile::tempdir().unwrap();
        let storage = LocalStorage::new(directory.path().join("a/b"));
        storage.prepare().unwrap();
        (directory, storage)
    }

    #[test]
    fn a_file_is_never_replaced() {
        let (_directory, storage) = storage();
        storage.put("x.run", &mut |into| Ok(into.write_all(b"one")?)).unwrap();
        assert!(storage.put("x.run", &mut |into| Ok(into.write_all(b"two")?)).is_err());
        assert_eq!(storage.put_if_absent("x.run", b"two").unwrap(), Put::Exists);
        assert_eq!(storage.read("x.run").unwrap(), b"one");
    }

    #[test]
    fn an_own_put_that_is_repeated_counts_as_done() {
        let (_directory, storage) = storage();
        assert_eq!(storage.put_if_absent("m", b"one").unwrap(), Put::Done);
        assert_eq!(storage.put_if_absent("m", b"one").unwrap(), Put::Done);
        assert_eq!(storage.list().unwrap(), ["m"]);
    }

    #[test]
    fn what_an_interrupted_put_left_is_removed() {
        let (_directory, storage) = storage();
        fs::write(storage.path(".new-m"), "half").unwrap();
        storage.prepare().unwrap();
        assert!(!storage.path(".new-m").exists());
    }

    #[test]
    fn a_missing_file_is_damage_that_names_it() {
        let (_directory, storage) = storage();
        let error = storage.read("gone.run").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains("gone.run` is missing"));
        assert!(storage.open("gone.run").unwrap_err().to_string().contains("gone.run` is missing"));
    }

    #[test]
    fn more_files_are_read_at_once_than_descriptors_are_held() {
        let (_directory, storage) = storage();
        storage.put("x.run", &mut |into| Ok(into.write_all(b"content")?)).unwrap();
        let files: Vec<_> = (0..HELD_MAX + 5).map(|_| storage.open("x.run").unwrap()).collect();
        for file in &files {
            let mut read = [0; 3];
            file.read_at(2, &mut read).unwrap();
            assert_eq!((&read, file.len()), (b"nte", 7));
        }
        assert_eq!(storage.held.load(Ordering::Relaxed), HELD_MAX);
        drop(files);
        assert_eq!(storage.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn links_and_directories_are_damage_and_are_not_followed() {
        let (directory, storage) = storage();
        fs::write(directory.path().join("secret"), "outside").unwrap();
        std::os::unix::fs::symlink(directory.path().join("secret"), storage.path("link.run")).unwrap();
        fs::create_dir(storage.path("directory.run")).unwrap();
        for name in ["link.run", "directory.run"] {
            for error in [storage.read(name).unwrap_err(), storage.open(name).unwrap_err()] {
                assert_eq!(error.kind(), ErrorKind::Damaged);
                assert!(error.to_string().contains(&format!("{name}` is no regular file")), "{error}");
            }
        }
    }
}
