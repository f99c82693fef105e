//! What is put to the test: an engine that opens stores on a disk, in one of three durability modes.

use std::io;
use std::path::Path;

use gress_state_rocksdb::Durability;
use rocksdb::Env;

use crate::write::How;

/// All modes, the strictest last.
pub const DURABILITIES: [Durability; 3] = [Durability::Checkpoint, Durability::Wal, Durability::WalSync];

/// A key and its new value, or that it is gone.
pub type Entry = (Vec<u8>, Option<Vec<u8>>);

/// Opens stores on a disk.
pub trait Engine {
    /// Whether [`Store::write`] takes several entries as one.
    fn has_batches(&self) -> bool;

    /// Whether a store of this mode opens after a crash. If not, it must refuse to, and a checkpoint takes its place.
    fn survives_crashes(&self, durability: Durability) -> bool;

    /// Whether a checkpoint that the power cut has interrupted is missing, refused or whole. Else it may also open and hold
    /// less.
    fn refuses_half_checkpoints(&self) -> bool;

    /// Opens the store of `folder`, or makes it.
    ///
    /// # Errors
    /// It cannot be opened: the power went off, or the store does not accept what is left.
    fn open(&self, env: Env, durability: Durability, folder: &Path) -> io::Result<Box<dyn Store>>;

    /// Opens what [`Store::create_checkpoint`] made in `checkpoint` as a store in `folder`, which is not there yet. The
    /// checkpoint stays as it is.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    fn open_checkpoint(
        &self,
        env: Env,
        durability: Durability,
        checkpoint: &Path,
        folder: &Path,
    ) -> io::Result<Box<dyn Store>>;
}

/// An open store. To drop it when the power is off is the death of its process.
///
/// An `Ok` is an acknowledgement. An error while the power is on ends the test.
pub trait Store {
    /// Writes all entries or none, by the call that `how` names. There are several, and other calls than that for entries,
    /// only if the engine has batches.
    ///
    /// # Errors
    /// The write is not acknowledged. It may have happened.
    fn write(&self, how: How, entries: &[Entry]) -> io::Result<()>;

    /// The value of a key.
    ///
    /// # Errors
    /// It cannot be read.
    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>>;

    /// All entries, in the order of their keys.
    ///
    /// # Errors
    /// They cannot be read.
    fn scan(&self) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>>;

    /// Makes all writes so far durable, in every mode, if the store survives crashes in it.
    ///
    /// # Errors
    /// They may be durable or not.
    fn flush(&self) -> io::Result<()>;

    /// Makes a durable copy of all writes so far in `folder`, which is not there yet. It flushes, too.
    ///
    /// # Errors
    /// There is no checkpoint.
    fn create_checkpoint(&self, folder: &Path) -> io::Result<()>;

    /// Ends the store's work, so that it opens again in every mode. Without a log all writes are durable then; with one
    /// this promises no more than the log does.
    ///
    /// # Errors
    /// As if it had not been called.
    fn close(&self) -> io::Result<()>;
}

/// The range that a write of these entries deletes: from their first key to the first one after their last.
pub fn range_of(entries: &[Entry]) -> (Vec<u8>, Vec<u8>) {
    let lower = entries.first().map(|(key, _)| key.clone()).unwrap_or_default();
    let mut upper = entries.last().map(|(key, _)| key.clone()).unwrap_or_default();
    upper.push(0);
    (lower, upper)
}

/// The keys of these entries, with so many between them where nothing is that the store looks for an emptied range.
pub fn emptied_keys(entries: &[Entry]) -> Vec<Vec<u8>> {
    let between = |key: &Vec<u8>| {
        let key = key.clone();
        (0..DELETES / entries.len()).map(move |n| [&key[..], format!(" {n:05}").as_bytes()].concat())
    };
    let (mut keys, last) = (Vec::new(), entries.len().saturating_sub(1));
    for (index, (key, _)) in entries.iter().enumerate() {
        keys.push(key.clone());
        // Nothing lies beyond the last one, or all of it where that is the only one.
        if index < last || last == 0 {
            keys.extend(between(key));
        }
    }
    keys
}

/// More deletes than after which a store looks how far they reach.
const DELETES: usize = 2_000;
