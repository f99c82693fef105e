//! Errors of RocksDB, with what was attempted and where.

use gress_core::{Error, ErrorKind};
use std::path::Path;

/// Wraps an error of RocksDB that came of `purpose` on the database in `directory`: ``cannot flush the RocksDB database
/// in `a/b`: …``.
pub(crate) fn wrap(purpose: &str, directory: &Path) -> impl FnOnce(rocksdb::Error) -> Error {
    move |error| Error::new(kind_of(&error), sentence(purpose, directory, error.as_ref())).because(error)
}

/// As [`wrap`], for what is done with a store: the sentence is made only where it is needed.
pub(crate) fn wrap_in_store(purpose: &str, store: &str, directory: &Path) -> impl FnOnce(rocksdb::Error) -> Error {
    move |error| wrap(&format!("{purpose} `{store}` of"), directory)(error)
}

/// The error of every call after `close`.
pub(crate) fn closed(purpose: &str, directory: &Path) -> Error {
    Error::new(ErrorKind::Closed, sentence(purpose, directory, "it was closed before this call"))
}

fn sentence(purpose: &str, directory: &Path, reason: &str) -> String {
    format!("cannot {purpose} the RocksDB database in `{}`: {reason}", directory.display())
}

fn kind_of(error: &rocksdb::Error) -> ErrorKind {
    match error.kind() {
        rocksdb::ErrorKind::Corruption => ErrorKind::Damaged,
        // RocksDB has no kind for it: "IO error: lock hold by current process", "IO error: While lock file: …".
        rocksdb::ErrorKind::IOError if error.as_ref().contains("lock ") => ErrorKind::Locked,
        _ => ErrorKind::Storage,
    }
}
