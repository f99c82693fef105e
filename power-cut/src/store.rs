//! What is put to the test: an engine that opens stores on a disk, in one of three durability modes.

use std::fmt;
use std::io;
use std::path::Path;

use rocksdb::Env;

/// What a store promises about writes that it has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// No log: what was flushed, or is in a checkpoint.
    Checkpoint,
    /// A log that is written and not synced: everything when the process dies, a beginning when the power goes.
    Wal,
    /// A log that is synced with each write: everything.
    WalSync,
}

impl Durability {
    /// All modes, the strictest last.
    pub const ALL: [Self; 3] = [Self::Checkpoint, Self::Wal, Self::WalSync];
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checkpoint => "checkpoint",
            Self::Wal => "wal",
            Self::WalSync => "wal_sync",
        })
    }
}

/// A key and its new value, or that it is gone.
pub type Entry = (Vec<u8>, Option<Vec<u8>>);

/// Opens stores on a disk.
pub trait Engine {
    /// Whether [`Store::write`] takes several entries as one.
    fn has_batches(&self) -> bool;

    /// Opens the store of `folder`, or makes it.
    ///
    /// # Errors
    /// It cannot be opened: the power went off, or the store does not accept what is left.
    fn open(&self, env: Env, durability: Durability, folder: &Path) -> io::Result<Box<dyn Store>>;

    /// Opens what [`Store::create_checkpoint`] made in `folder`. The checkpoint is not needed afterwards.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    fn open_checkpoint(&self, env: Env, folder: &Path) -> io::Result<Box<dyn Store>>;
}

/// An open store. To drop it when the power is off is the death of its process.
///
/// An `Ok` is an acknowledgement. An error while the power is on ends the test.
pub trait Store {
    /// Writes all entries or none. There are several only if the engine has batches.
    ///
    /// # Errors
    /// The write is not acknowledged. It may have happened.
    fn write(&self, entries: &[Entry]) -> io::Result<()>;

    /// The value of a key.
    ///
    /// # Errors
    /// It cannot be read.
    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>>;

    /// Makes all writes so far durable, in every mode.
    ///
    /// # Errors
    /// They may be durable or not.
    fn flush(&self) -> io::Result<()>;

    /// Makes a durable copy of all writes so far in `folder`, which is not there yet. They become durable in the store, too.
    ///
    /// # Errors
    /// There is no checkpoint.
    fn create_checkpoint(&self, folder: &Path) -> io::Result<()>;
}
