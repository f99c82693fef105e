//! The content of one state in a checkpoint: a base and the runs above it, each a file or a few bytes in the manifest.

use super::storage::CheckpointStorage;
use crate::{
    run::{
        Fate, FileDigest, FileSummary, Mapped, Merge, RunCursor, RunInput, RunReader, RunWriter, Tombstones,
        UnsortedRun,
    },
    ttl::Expiry,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use gress_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{io::Write, ops::Range, sync::Arc};
use xxhash_rust::xxh3::Xxh3Default;

/// Runs up to this size stand in the manifest: a file of their own would cost more than they do.
pub(super) const INLINE_BYTES_MAX: usize = 4 << 10;

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
    /// there are no entries. Leaves `entries` empty, with the room that more than a few took.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn store(entries: &mut UnsortedRun, name: String, storage: &dyn CheckpointStorage) -> Result<Option<RunRef>> {
        if entries.encoded_bytes() <= INLINE_BYTES_MAX {
            return match entries.is_empty() {
                true => Ok(None),
                false => RunRef::store_bytes(std::mem::take(entries).into_bytes()?, name, storage).map(Some),
            };
        }
        let run = put(&name, storage, &mut |writer| entries.write(writer))?;
        entries.clear();
        Ok(run)
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
    /// base gives a base. What `expiry` gives free is dropped. `None` if nothing is left of them.
    ///
    /// # Errors
    /// Those of the storage, and files that are no runs.
    pub fn fold(
        &self,
        runs: Range<usize>,
        name: &str,
        storage: &dyn CheckpointStorage,
        expiry: Option<&Expiry>,
    ) -> Result<Option<RunRef>> {
        let (tombstones, dropped) = match runs.start {
            0 => (Tombstones::Drop, Fate::Gone),
            // Older runs may have the key, too.
            _ => (Tombstones::Keep, Fate::Deleted),
        };
        let runs = &self.runs[runs];
        write(runs, tombstones, name, storage, &mut |merge, writer| match expiry {
            None => writer.append_all(merge),
            Some(expiry) => writer.append_all(&mut Mapped::new(merge, |stored, _| {
                Ok(if expiry.is_removable(stored) { dropped } else { Fate::Stays })
            })),
        })
    }

    /// The content of the chain as one base under the file name `name`, with the values that `change` appends; where it
    /// says `false`, the entry is left out.
    ///
    /// # Errors
    /// Those of `change` and of the storage, and files that are no runs.
    pub fn rewrite(
        &self,
        name: &str,
        storage: &dyn CheckpointStorage,
        change: impl Fn(&[u8], &mut Vec<u8>) -> Result<bool>,
    ) -> Result<Chain> {
        let base = write(&self.runs, Tombstones::Drop, name, storage, &mut |merge, writer| {
            let fate =
                |stored: &[u8], into: &mut Vec<u8>| Ok(if change(stored, into)? { Fate::Changed } else { Fate::Gone });
            writer.append_all(&mut Mapped::new(merge, fate))
        })?;
        Ok(Chain { runs: base.into_iter().collect() })
    }

    /// Puts the outcome of [`Chain::fold`] in the place of what was folded.
    pub fn replace(&mut self, folded: Range<usize>, by: Option<RunRef>) {
        self.runs.splice(folded, by);
    }
}

/// Appends what becomes of merged runs to a writer.
type Append<'a> = &'a mut dyn FnMut(&mut Merge, &mut RunWriter<&mut dyn Write>) -> Result<()>;

/// Writes what `append` makes of the merged runs as one run; `None` if nothing is left.
fn write(
    runs: &[RunRef],
    tombstones: Tombstones,
    name: &str,
    storage: &dyn CheckpointStorage,
    append: Append<'_>,
) -> Result<Option<RunRef>> {
    let mut merged = |writer: &mut RunWriter<&mut dyn Write>| -> Result<()> {
        let cursors = runs.iter().map(|run| run.cursor(storage)).collect::<Result<_>>()?;
        append(&mut Merge::new(cursors, tombstones)?, writer)
    };
    if runs.iter().map(|run| run.summary.bytes).sum::<u64>() > INLINE_BYTES_MAX as u64 {
        return put(name, storage, &mut merged);
    }
    let mut bytes = Vec::new();
    let mut writer = RunWriter::new(&mut bytes as &mut dyn Write)?;
    merged(&mut writer)?;
    let entries = writer.entries();
    writer.finish()?;
    match entries {
        0 => Ok(None),
        _ => RunRef::store_bytes(bytes, name.to_owned(), storage).map(Some),
    }
}

/// Stores what `append` appends as a file, entry by entry; `None`, and no file, if that is nothing.
fn put(
    name: &str,
    storage: &dyn CheckpointStorage,
    append: &mut dyn FnMut(&mut RunWriter<&mut dyn Write>) -> Result<()>,
) -> Result<Option<RunRef>> {
    let mut written = None;
    storage.put(name, &mut |into| {
        let mut writer = RunWriter::new(into)?;
        append(&mut writer)?;
        let entries = writer.entries();
        written = Some((entries, writer.finish()?.1));
        Ok(())
    })?;
    match written {
        None => Err(Error::storage("the storage did not write a run")),
        Some((0, _)) => storage.delete(name).map(|()| None),
        Some((entries, summary)) => Ok(Some(RunRef { content: RunContent::File(name.to_owned()), entries, summary })),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checkpoint::MemoryStorage, run::RunEntry, ttl::Stamp};

    const STORED: &str = "000001-t-0-0000000001.run";

    fn stamped(updated: i64, len: usize) -> Vec<u8> {
        let mut value = Vec::new();
        Stamp::Updated(updated).encode(&mut value);
        value.resize(value.len() + len, 7);
        value
    }

    /// A run of keys and last updates, with values of `len` bytes.
    fn run(entries: &[(u8, i64)], len: usize) -> RunRef {
        let mut writer = RunWriter::new(Vec::new()).unwrap();
        for (key, updated) in entries {
            writer.append(RunEntry::Put { key: &[*key], value: &stamped(*updated, len) }).unwrap();
        }
        let bytes = writer.finish().unwrap().0;
        RunRef::store_bytes(bytes, "unused".to_owned(), &MemoryStorage::default()).unwrap()
    }

    fn expiry_at(horizon: i64) -> Expiry {
        let expiry = Expiry::new(Some(100), 0);
        expiry.advance(horizon);
        expiry
    }

    fn entries(run: &RunRef, storage: &dyn CheckpointStorage) -> Vec<String> {
        let (mut cursor, mut entries) = (run.cursor(storage).unwrap(), Vec::new());
        while let Some(entry) = cursor.next().unwrap() {
            entries.push(match entry {
                RunEntry::Put { key, .. } => format!("put {key:?}"),
                RunEntry::Delete { key } => format!("delete {key:?}"),
                RunEntry::DeleteRange { .. } => "range".to_owned(),
            });
        }
        entries
    }

    #[test]
    fn a_fold_drops_what_has_expired_at_the_horizon_and_hides_what_is_below() {
        let chain = Chain { runs: vec![run(&[(1, 0), (2, 50)], 1), run(&[(2, 60), (3, 0)], 1), run(&[(4, 90)], 1)] };
        let (storage, expiry) = (MemoryStorage::default(), expiry_at(155));
        let base = chain.fold(0..3, STORED, &storage, Some(&expiry)).unwrap().unwrap();
        assert_eq!(entries(&base, &storage), ["put [2]", "put [4]"]);
        let newer = chain.fold(1..3, STORED, &storage, Some(&expiry)).unwrap().unwrap();
        assert_eq!(entries(&newer, &storage), ["put [2]", "delete [3]", "put [4]"]);
        let all = chain.fold(0..3, STORED, &storage, None).unwrap().unwrap();
        assert_eq!(all.entries, 4);
        assert_eq!(chain.fold(0..3, STORED, &storage, Some(&expiry_at(1_000))).unwrap(), None);
    }

    #[test]
    fn a_chain_is_rewritten_value_by_value_into_one_base_in_the_manifest_or_in_a_file() {
        for (len, in_file) in [(1, false), (1_500, true)] {
            let storage = MemoryStorage::default();
            let chain = Chain { runs: vec![run(&[(1, 0), (2, 0)], len), run(&[(2, 5), (3, 0)], len)] };
            let strip = |stored: &[u8], into: &mut Vec<u8>| {
                let (stamp, value) = Stamp::split(stored)?;
                into.extend_from_slice(value);
                Ok(stamp == Stamp::Updated(0))
            };
            let rewritten = chain.rewrite(STORED, &storage, strip).unwrap();
            let [base] = &rewritten.runs[..] else { panic!("one run: {rewritten:?}") };
            assert_eq!(base.file().is_some(), in_file);
            base.verify(&storage).unwrap();
            let mut cursor = base.cursor(&storage).unwrap();
            let value = vec![7; len];
            assert_eq!(cursor.next().unwrap(), Some(RunEntry::Put { key: &[1], value: &value }));
            assert_eq!(cursor.next().unwrap(), Some(RunEntry::Put { key: &[3], value: &value }));
            assert_eq!(cursor.next().unwrap(), None);
            assert_eq!(chain.rewrite("another.run", &storage, |_, _| Ok(false)).unwrap().runs, []);
        }
    }
}
