//! The disk of a simulated machine, whose power can be cut and returns.

use std::io;

use rocksdb::Env;

use crate::ffi::{self, RawLoss, Shim};

/// A disk below RocksDB. What was not synced when the power went off may be gone when it is back.
///
/// Databases are opened with [`env`](Self::env) and live in real files, of which they see what they wrote. After
/// [`cut`](Self::cut) each of their writes fails; they can only be dropped. [`restore_power`](Self::restore_power) then
/// settles what is left in the files.
///
/// Cuts come between operations, and an operation on a file is whole or has not happened. What tears are un-synced bytes.
/// Names go as in a journaling file system: the last changes may be undone, none without those after it. Directories
/// come, go and are renamed at once. Writes past the page cache (direct I/O) and what a program does itself, not through
/// RocksDB, is never lost.
///
/// This disk, its environments and the databases on it may be dropped in any order; each keeps what it needs.
///
/// ```
/// use gress_power_cut::power::{PowerCut, Unsynced};
///
/// let folder = tempfile::tempdir()?;
/// let mut power = PowerCut::new();
/// let mut options = rocksdb::Options::default();
/// options.create_if_missing(true);
/// options.set_env(&power.env());
///
/// let database = rocksdb::DB::open(&options, folder.path())?;
/// database.put("log", "not synced")?;
/// power.cut();
/// drop(database);
/// power.restore_power(Unsynced::Lost)?;
///
/// let database = rocksdb::DB::open(&options, folder.path())?;
/// assert_eq!(database.get("log")?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PowerCut {
    shim: Shim,
}

/// What returns with the power of that which was written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// All of it: the process was killed, and the system wrote out its cache.
    Kept,
    /// Of each file some of its last bytes are gone, from none to all, and of the changes of names some of the last.
    Torn {
        /// Decides what is gone, together with the file's name.
        seed: u64,
    },
    /// None of it.
    Lost,
}

/// What a return of the power found un-synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Bytes that are on the disk now although they were not synced.
    pub bytes_kept: u64,
    /// Bytes that are gone.
    pub bytes_lost: u64,
    /// Files that were made, renamed or deleted, and are not, because the directory was not synced since.
    pub names_undone: u64,
}

impl PowerCut {
    /// A disk whose power is on.
    pub fn new() -> Self {
        Self { shim: Shim::new() }
    }

    /// An environment on this disk, for `Options::set_env`. All of them are alike.
    pub fn env(&self) -> Env {
        self.shim.env()
    }

    /// The power goes off. A second cut changes nothing.
    pub fn cut(&self) {
        self.shim.cut();
    }

    /// The power goes off by itself before the operation of this number, counted from here on and from 0.
    ///
    /// An operation is a change of the disk: to append, to sync (a file or a directory), to make, rename, link or delete.
    pub fn cut_after(&self, operations: u64) {
        self.shim.cut_after(operations);
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.shim.is_off()
    }

    /// Operations since the power came back, those before the cut.
    pub fn operations(&self) -> u64 {
        self.shim.operations()
    }

    /// The power is back, and everything that is on the disk now counts as synced. It may be called without a cut.
    ///
    /// # Errors
    /// A database of this disk is still open, or the real file system refused something.
    pub fn restore_power(&mut self, unsynced: Unsynced) -> io::Result<Loss> {
        let (how, seed) = match unsynced {
            Unsynced::Kept => (ffi::KEPT, 0),
            Unsynced::Torn { seed } => (ffi::TORN, seed),
            Unsynced::Lost => (ffi::LOST, 0),
        };
        let RawLoss { bytes_kept, bytes_lost, names_undone } =
            self.shim.restore(how, seed).map_err(|text| io::Error::other(format!("the power stays off: {text}")))?;
        Ok(Loss { bytes_kept, bytes_lost, names_undone })
    }
}

impl Default for PowerCut {
    fn default() -> Self {
        Self::new()
    }
}
