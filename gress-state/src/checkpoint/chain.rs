//! The content of one state in a checkpoint: a base and the runs above it, each a file or a few bytes in the manifest.

use super::storage::CheckpointStorage;
use crate::run::{FileDigest, FileSummary, Merge, RunCursor, RunInput, RunReader, RunWriter, Tombstones, UnsortedRun};
use base64::{Engine, engine::general_purpose::STANDARD};
use gress_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{io::Write, ops::Range, sync::Arc};
use xxhash_rust::xxh3::Xxh3Default;

/// Runs up to this size stand in the manifest: a file of their own would cost more than they do.
const INLINE_BYTES_MAX: usize = 4 << 10;

/// Where a run's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunContent {
    /// In a file of checkpoint storage.
    File(String),
    /// Here, in base 64.
    Inline(#[serde(with = "base64_text")] Arc<Vec<u8>>),
}

/// One run of a chain: what a manifest says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRef {
    /// Where its bytes are.
    pub content: RunContent,
    /// How many entries it has.
    pub entries: u64,
    /// Length and checksum of its bytes.
    #[serde(flatten)]
    pub summary: FileSummary,
}

impl RunRef {
    /// Writes entries as a run and stores it: as a file `name`, or in the reference itself where it is small. `None` if
    /// there are no entries.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn store(entries: UnsortedRun, name: String, storage: &dyn CheckpointStorage) -> Result<Option<RunRef>> {
        if entries.is_empty() {
            return Ok(None);
        }
        RunRef::store_bytes(entries.into_bytes()?, name, storage).map(Some)
    }

    /// Stores a run that is written already, as [`RunRef::store`] does.
    ///
    /// # Errors
    /// Bytes that are no run, and those of the storage.
    pub fn store_bytes(bytes: Vec<u8>, name: String, storage: &dyn CheckpointStorage) -> Result<RunRef> {
        let bytes = Arc::new(bytes);
        let entries = RunReader::open(Box::new(bytes.clone()))?.entries();
        let mut hasher = Xxh3Default::new();
        hasher.update(&bytes);
        let summary = FileSummary { bytes: bytes.as_slice().len() as u64, digest: FileDigest(hasher.digest128()) };
        let content = match bytes.as_slice().len() {
            0..=INLINE_BYTES_MAX => RunContent::Inline(bytes),
            _ => {
                storage.put(&name, &mut |into| Ok(into.write_all(&bytes)?))?;
                RunContent::File(name)
            }
        };
        Ok(RunRef { content, entries, summary })
    }

    /// The file that holds the run, if one does.
    pub fn file(&self) -> Option<&str> {
        match &self.content {
            RunContent::File(name) => Some(name),
            RunContent::Inline(_) => None,
        }
    }

    /// Checks length and checksum of the run, reading all of it.
    ///
    /// # Errors
    /// A file that is missing, shorter or longer than the manifest says, or of another content, by its name.
    pub fn verify(&self, storage: &dyn CheckpointStorage) -> Result<()> {
        let input = self.input(storage)?;
        let differs = |what: &str, found: &dyn std::fmt::Display, expected: &dyn std::fmt::Display| {
            Err(Error::damaged(format!("{} has {what} {found}, expected {expected}", input.name())))
        };
        if input.len() != self.summary.bytes {
            return differs("length", &input.len(), &self.summary.bytes);
        }
        let mut hasher = Xxh3Default::new();
        let mut buffer = vec![0; (1 << 18).min(input.len() as usize)];
        let mut offset = 0;
        while offset < input.len() {
            let part = buffer.len().min((input.len() - offset) as usize);
            input.read_at(offset, &mut buffer[..part])?;
            hasher.update(&buffer[..part]);
            offset += part as u64;
        }
        match FileDigest(hasher.digest128()) {
            found if found == self.summary.digest => Ok(()),
            found => differs("checksum", &found, &self.summary.digest),
        }
    }

    fn input(&self, storage: &dyn CheckpointStorage) -> Result<Box<dyn RunInput>> {
        match &self.content {
            RunContent::File(name) => storage.open(name),
            RunContent::Inline(bytes) => Ok(Box::new(bytes.clone())),
        }
    }

    fn cursor(&self, storage: &dyn CheckpointStorage) -> Result<Box<dyn RunCursor + Send>> {
        Ok(Box::new(RunReader::open(self.input(storage)?)?))
    }
}

/// A base and the runs above it, from the oldest to the newest. The first one is the base.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chain {
    /// The runs.
    pub runs: Vec<RunRef>,
}

impl Chain {
    /// A cursor over what the chain holds: puts only, each key once.
    ///
    /// # Errors
    /// Those of the storage, and files that are no runs.
    pub fn content(&self, storage: &dyn CheckpointStorage) -> Result<Merge> {
        let cursors = self.runs.iter().map(|run| run.cursor(storage)).collect::<Result<_>>()?;
        Merge::new(cursors, Tombstones::Drop)
    }

    /// Merges some of the runs, which follow each other, into one under the file name `name`. A merge that includes the
    /// base gives a base. `None` if nothing is left of them.
    ///
    /// # Errors
    /// Those of the storage, and files that are no runs.
    pub fn fold(&self, runs: Range<usize>, name: &str, storage: &dyn CheckpointStorage) -> Result<Option<RunRef>> {
        let tombstones = if runs.start == 0 { Tombstones::Drop } else { Tombstones::Keep };
        let bytes: u64 = self.runs[runs.clone()].iter().map(|run| run.summary.bytes).sum();
        let merge = || -> Result<Merge> {
            let cursors = self.runs[runs.clone()].iter().map(|run| run.cursor(storage)).collect::<Result<_>>()?;
            Merge::new(cursors, tombstones)
        };
        if bytes <= INLINE_BYTES_MAX as u64 {
            let mut writer = RunWriter::new(Vec::new())?;
            writer.append_all(&mut merge()?)?;
            return match writer.entries() {
                0 => Ok(None),
                _ => RunRef::store_bytes(writer.finish()?.0, name.to_owned(), storage).map(Some),
            };
        }
        let mut written = None;
        storage.put(name, &mut |into: &mut dyn Write| {
            let mut writer = RunWriter::new(into)?;
            writer.append_all(&mut merge()?)?;
            let entries = writer.entries();
            written = Some((entries, writer.finish()?.1));
            Ok(())
        })?;
        let (entries, summary) = written.ok_or_else(|| Error::storage("the storage did not write a run"))?;
        if entries == 0 {
            storage.delete(name)?;
            return Ok(None);
        }
        Ok(Some(RunRef { content: RunContent::File(name.to_owned()), entries, summary }))
    }

    /// Puts the outcome of [`Chain::fold`] in the place of what was folded.
    pub fn replace(&mut self, folded: Range<usize>, by: Option<RunRef>) {
        self.runs.splice(folded, by);
    }
}

mod base64_text {
    use super::*;

    pub(super) fn serialize<S: serde::Serializer>(bytes: &Arc<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes.as_slice()))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<Vec<u8>>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Arc::new).map_err(serde::de::Error::custom)
    }
}
