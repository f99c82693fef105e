//! Snapshots and checkpoints of a key-value state, of any backend.

use super::{Corruptible, Opened, Version};
use crate::{
    BackendFactory, KeyRange, KeyValueOptions, KeyValueState,
    memory::MemoryBackend,
    testing::{Random, Scratch},
};
use gress_core::{Error, Result, codec};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::Path,
    time::Duration,
};

/// A snapshot of a key-value state, in one file and several parts, restored into a state that is not empty.
#[derive(Debug)]
pub struct SnapshotOfKeyValues;

const SNAPSHOT: &str = "nightly.gress";

impl Corruptible for SnapshotOfKeyValues {
    fn write(&self, directory: &Path) -> Result<Vec<Version>> {
        let state = MemoryBackend::open()?;
        fill(&state)?;
        let path = directory.join(SNAPSHOT);
        state.snapshot(File::create_new(&path).map_err(|e| Error::io("create", &path, e))?)?;
        Ok(vec![Version { mark: None, files: [SNAPSHOT.to_owned()].into(), content: content(&state)? }])
    }

    /// Holds, too, that a restore that fails changes nothing.
    fn open(&self, directory: &Path) -> Result<Opened> {
        let (path, state) = (directory.join(SNAPSHOT), MemoryBackend::open()?);
        state.batch_put([("", "before"), ("key", "before"), ("\u{ff}", "before")])?;
        let before = content(&state)?;
        let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
        if let Err(error) = state.restore(file) {
            assert!(content(&state)? == before, "a restore that fails changes nothing: {error}");
            return Err(error.at(format!("`{}`", path.display())));
        }
        Ok(Opened { content: content(&state)?, complaints: Vec::new() })
    }
}

/// A checkpoint of a key-value state, in copies of its files: those that a backend linked stay as they are.
#[derive(Debug)]
pub struct CheckpointOfKeyValues<'a> {
    /// Opens the backend that writes the checkpoint, and those that open it.
    pub factory: &'a dyn BackendFactory,
}

impl Corruptible for CheckpointOfKeyValues<'_> {
    fn write(&self, directory: &Path) -> Result<Vec<Version>> {
        let (live, scratch) = (Scratch::new(), Scratch::new());
        let state = KeyValueState::open(self.factory, live.path(), KeyValueOptions::default())?;
        fill(&state)?;
        let checkpoint = scratch.path().join("checkpoint");
        state.create_checkpoint(&checkpoint)?;
        // Not in the checkpoint any more.
        state.put(b"late", b"value")?;
        state.delete(b"late")?;
        let mut files = BTreeSet::new();
        copy(&checkpoint, directory, "", &mut files)?;
        let content = content(&state)?;
        state.close()?;
        Ok(vec![Version { mark: None, files, content }])
    }

    fn open(&self, directory: &Path) -> Result<Opened> {
        let scratch = Scratch::new();
        let options = KeyValueOptions::default();
        let state = KeyValueState::open_checkpoint(self.factory, directory, Some(scratch.path()), options)?;
        let content = content(&state)?;
        state.close()?;
        Ok(Opened { content, complaints: Vec::new() })
    }
}

/// Copies a directory with those in it, and notes the paths of its files.
fn copy(from: &Path, to: &Path, prefix: &str, files: &mut BTreeSet<String>) -> Result<()> {
    fs::create_dir_all(to).map_err(|e| Error::io("create", to, e))?;
    for entry in fs::read_dir(from).map_err(|e| Error::io("read the directory", from, e))? {
        let entry = entry.map_err(|e| Error::io("read the directory", from, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let (path, copied) = (entry.path(), to.join(&name));
        if path.is_dir() {
            copy(&path, &copied, &format!("{prefix}{name}/"), files)?;
        } else {
            fs::copy(&path, &copied).map_err(|e| Error::io("copy to", &copied, e))?;
            files.insert(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// A few thousand small entries, some of which end one day, a few large ones, and the traces of deletes.
fn fill(state: &KeyValueState) -> Result<()> {
    let mut random = Random::new(7);
    for round in 0..3_u32 {
        let key = |n: u32| format!("{:04}", n * (round + 1)).into_bytes();
        state.batch_put((0..1_000).map(|n| (key(n), format!("{round}:{n}"))))?;
        state.batch_delete((0..1_000).step_by(7).map(key))?;
        state.put_with_ttl(&key(3), b"for a time", Duration::from_secs(1 << 40))?;
        let large: Vec<_> = (0..(3 << 20) / 2).map(|_| random.next_u64() as u8).collect();
        state.put(&[round as u8; 40], &large)?;
        state.flush()?;
    }
    state.put(b"", b"after the last flush")
}

/// Every key and value in order.
fn content(state: &KeyValueState) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for entry in state.iter(KeyRange { lower: b"", upper: None }) {
        codec::encode(&entry?, &mut all)?;
    }
    Ok(all)
}
