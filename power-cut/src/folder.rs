//! Where stores lie while they are tested: in memory, because thousands of cuts sync tens of thousands of times.

use std::io;
use std::path::Path;

use tempfile::TempDir;

/// A folder that is removed at the end: below `given`, else in /dev/shm where the system has it, else where temporary
/// files lie.
///
/// # Errors
/// It cannot be made.
pub fn scratch(given: Option<&Path>) -> io::Result<TempDir> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("gress-power-cut-");
    match given {
        Some(path) => std::fs::create_dir_all(path).and_then(|()| folder.tempdir_in(path)),
        None => folder.tempdir_in("/dev/shm").or_else(|_| folder.tempdir()),
    }
}
