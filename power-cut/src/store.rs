//! What is put to the test: an engine that opens stores on a disk, in one of three durability modes.

use std::io;
use std::path::Path;

use gress_state_rocksdb::Durability;
use rocksdb::Env;

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
