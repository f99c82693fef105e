//! Whether RocksDB notices that the end of a log is missing.
//!
//! It begins a new log with each new write buffer, and the system writes out logs that nobody syncs in an order of its own.
//! After a power cut a log may have lost its end and the next one may be whole. An end that is missing between two records
//! looks like any other, so the next log's writes would be there without those before them. Where logs are verified, each
//! says how the one before it ended, and recovery stops at the gap.

use crate::database::Database;
use gress_core::{Error, Result};
use std::{fs, path::Path};

/// How the logs of a database are read when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logs {
    /// As they are: those of a task are empty.
    Believed,
    /// Each must end where the one after it says.
    Verified,
}

impl Logs {
    /// RocksDB's option, as it is set from a string.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Logs::Believed => "track_and_verify_wals=false",
            Logs::Verified => "track_and_verify_wals=true",
        }
    }
}

/// Gives the database of `directory` a log if it has none, because RocksDB refuses to verify nothing: a power cut right
/// after the creation of a database leaves it so. `believed` are its options without verification.
pub(crate) fn begin_first(directory: &Path, believed: rocksdb::Options) -> Result<()> {
    match directory.join("CURRENT").exists() && !has_log(directory)? {
        true => Database::open(directory, believed.clone(), believed, None).map(drop),
        false => Ok(()),
    }
}

fn has_log(directory: &Path) -> Result<bool> {
    let failed = |e| Error::io("read the directory", directory, e);
    for entry in fs::read_dir(directory).map_err(failed)? {
        if entry.map_err(failed)?.path().extension().is_some_and(|extension| extension == "log") {
            return Ok(true);
        }
    }
    Ok(false)
}
