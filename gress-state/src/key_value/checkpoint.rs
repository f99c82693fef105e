//! A copy of a key-value state in a directory of its own.
//!
//! ```text
//!  nightly/
//!    checkpoint.json     kind of backend, and length and checksum of every file in data/
//!    data/               what the backend wrote
//! ```
//!
//! A backend opens a copy only after every file was compared: RocksDB takes a shortened list of its files for a smaller
//! database, and notices a changed table when a key of it is read.

use crate::{
    backend::{CheckpointFile, StateBackend},
    directory::{create_directory, parent, sync_directory},
    framed::Frame,
    run::FileSummary,
};
use gress_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind as Io, Write},
    path::{Path, PathBuf},
};

const FRAME: Frame = Frame { magic: "gress-key-value-checkpoint", format: 1 };
const MANIFEST: &str = "checkpoint.json";
const DATA: &str = "data";

/// What a checkpoint consists of.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    /// The kind of backend that wrote it.
    backend: String,
    /// Every file below `data`.
    files: BTreeMap<String, FileSummary>,
}

/// What a checkpoint took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointSummary {
    /// Files of the backend in it.
    pub files: usize,
    /// Their bytes, those that are shared with the state by hard links included.
    pub bytes: u64,
}

/// Writes a checkpoint of `backend` into `directory`, which must not exist. It exists once everything is on the disk.
pub(super) fn create(backend: &dyn StateBackend, kind: &str, directory: &Path) -> Result<CheckpointSummary> {
    // A link that leads nowhere is something, too.
    if fs::symlink_metadata(directory).is_ok() {
        return Err(Error::argument(format!("`{}` exists: a checkpoint needs a new directory", directory.display())));
    }
    let begun = begun(directory)?;
    match fs::remove_dir_all(&begun) {
        Err(e) if e.kind() != Io::NotFound => return Err(Error::io("remove the unfinished checkpoint", &begun, e)),
        _ => {}
    }
    write(backend, kind, directory, &begun).inspect_err(|_| {
        // What is left of it is removed when the next one is written at the latest.
        let _ = fs::remove_dir_all(&begun);
    })
}

/// Writes a checkpoint into `begun`, which then becomes `directory`.
fn write(backend: &dyn StateBackend, kind: &str, directory: &Path, begun: &Path) -> Result<CheckpointSummary> {
    create_directory(begun)?;
    let files = backend.checkpoint(&begun.join(DATA))?;
    let summary = CheckpointSummary { files: files.len(), bytes: files.iter().map(|file| file.summary.bytes).sum() };
    write_manifest(&begun.join(MANIFEST), kind, files)?;
    sync_directory(begun)?;
    fs::rename(begun, directory).map_err(|e| Error::io("create", directory, e))?;
    sync_directory(parent(directory))?;
    Ok(summary)
}

/// Where a checkpoint lies until it is finished.
fn begun(directory: &Path) -> Result<PathBuf> {
    let name = directory.file_name().ok_or_else(|| {
        Error::argument(format!("`{}` names no directory that could be created", directory.display()))
    })?;
    let mut begun = name.to_os_string();
    begun.push(".unfinished");
    Ok(directory.with_file_name(begun))
}

fn write_manifest(path: &Path, kind: &str, files: Vec<CheckpointFile>) -> Result<()> {
    let files = files.into_iter().map(|file| (file.name, file.summary)).collect();
    let bytes = FRAME.write(&Manifest { backend: kind.to_owned(), files })?;
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(&bytes)?;
        file.sync_all()
    };
    write().map_err(|e| Error::io("write", path, e))
}

/// Compares every file of the checkpoint in `directory` with what was written. Gives the folder that a backend of `kind`
/// may open.
pub(super) fn verify(directory: &Path, kind: &str) -> Result<PathBuf> {
    let path = directory.join(MANIFEST);
    let manifest: Manifest =
        FRAME.read(&read_manifest(directory, &path)?).map_err(|e| e.at(format!("`{}`", path.display())))?;
    if manifest.backend != kind {
        let (directory, wrote) = (directory.display(), manifest.backend);
        return Err(Error::refused(format!(
            "the checkpoint in `{directory}` was written by backend `{wrote}` and cannot be opened by `{kind}`: a \
             snapshot can, `snapshot` and `restore` take it from one to the other"
        )));
    }
    let data = directory.join(DATA);
    check_names(&data, &manifest.files)?;
    manifest.files.iter().try_for_each(|(name, expected)| check_file(&data.join(name), expected))?;
    Ok(data)
}

/// The manifest's bytes. It has to be a file: a link may lead out of the checkpoint, and a pipe is never read to its end.
fn read_manifest(directory: &Path, path: &Path) -> Result<Vec<u8>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => fs::read(path).map_err(|e| Error::io("read", path, e)),
        Ok(_) => Err(Error::damaged(format!("`{}` is no regular file", path.display()))),
        Err(e) if e.kind() == Io::NotFound => {
            Err(Error::damaged(format!("`{}` holds no checkpoint: `{MANIFEST}` is missing", directory.display())))
        }
        Err(e) => Err(Error::io("look at", path, e)),
    }
}

/// Refuses to open `checkpoint` among other files.
pub(super) fn check_empty(directory: &Path, checkpoint: &Path) -> Result<()> {
    let mut inside = fs::read_dir(directory).map_err(|e| Error::io("read the directory", directory, e))?;
    match inside.next() {
        None => Ok(()),
        Some(_) => Err(Error::argument(format!(
            "the checkpoint `{}` cannot be opened in `{}`, which is not empty",
            checkpoint.display(),
            directory.display()
        ))),
    }
}

/// Refuses names that lead elsewhere, and files that nothing is known of.
fn check_names(data: &Path, files: &BTreeMap<String, FileSummary>) -> Result<()> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@');
    for name in files.keys() {
        if !((1..=160).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.')) {
            return Err(Error::damaged(format!("a checkpoint names the file `{name}`, which is no valid file name")));
        }
    }
    if !fs::symlink_metadata(data).is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Error::damaged(format!("`{}` of a checkpoint is missing or no plain folder", data.display())));
    }
    let failed = |e| Error::io("read the directory", data, e);
    for entry in fs::read_dir(data).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name.to_str().is_none_or(|name| !files.contains_key(name)) {
            let path = data.join(name);
            return Err(Error::damaged(format!("`{}` does not belong to the checkpoint", path.display())));
        }
    }
    Ok(())
}

fn check_file(path: &Path, expected: &FileSummary) -> Result<()> {
    let is_plain = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if !is_plain {
        return Err(Error::damaged(format!("`{}` of a checkpoint is missing or no plain file", path.display())));
    }
    let found = FileSummary::of_file(path)?;
    match found == *expected {
        true => Ok(()),
        false => Err(Error::damaged(format!(
            "`{}` is damaged: {} bytes with checksum {}, expected {} with {}",
            path.display(),
            found.bytes,
            found.digest,
            expected.bytes,
            expected.digest
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyValueOptions, memory::MemoryBackend};
    use gress_core::ErrorKind;

    #[test]
    fn a_manifest_that_is_a_link_or_a_directory_is_damage_and_is_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let (checkpoint, moved) = (scratch.path().join("checkpoint"), scratch.path().join("moved"));
        MemoryBackend::open().unwrap().create_checkpoint(&checkpoint).unwrap();
        let manifest = checkpoint.join(MANIFEST);
        fs::rename(&manifest, &moved).unwrap();
        let refused = || {
            let error = MemoryBackend::open_checkpoint(&checkpoint, KeyValueOptions::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged);
            assert!(error.to_string().contains("checkpoint.json` is no regular file"), "{error}");
        };
        std::os::unix::fs::symlink(&moved, &manifest).unwrap();
        refused();
        fs::remove_file(&manifest).unwrap();
        fs::create_dir(&manifest).unwrap();
        refused();
    }
}
