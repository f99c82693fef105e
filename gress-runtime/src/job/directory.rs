//! The directory of a job's working files.

use crate::config::Config;
use gress_core::{Error, Result};
use std::{
    fs,
    io::ErrorKind as Io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Makes the directory of working files empty: what a process that is gone has left there is never read.
pub(crate) fn empty_directory(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(e) if e.kind() != Io::NotFound => {
            return Err(Error::io("empty the directory of working files", directory, e));
        }
        _ => {}
    }
    fs::create_dir_all(directory).map_err(|e| Error::io("create the directory of working files", directory, e))
}

/// Where working files go: below the directory that the config names, else in a temporary place.
pub(crate) fn work_directory(config: &Config) -> PathBuf {
    if let Some((directory, _)) = config.working_directory() {
        return directory.join("work");
    }
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("gress-{}-{unique}", std::process::id()))
}
