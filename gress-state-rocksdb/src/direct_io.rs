//! Whether a folder's file system takes direct I/O: some refuse it, and RocksDB would only notice at its first flush.

use std::path::Path;

/// Writes and reads one block past the page cache, in a file that is removed again. `Err` says why that failed.
#[cfg(target_os = "linux")]
pub(crate) fn probe(directory: &Path) -> std::io::Result<()> {
    use std::{
        fs::{File, OpenOptions},
        io::{Read, Write},
        os::unix::fs::OpenOptionsExt,
    };
    let direct = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).map_err(std::io::Error::other)?;
    let path = directory.join("direct-io-probe");
    let open = |options: &mut OpenOptions| -> std::io::Result<File> { options.custom_flags(direct).open(&path) };
    let attempt = || {
        let mut memory = vec![7; 2 * BLOCK];
        // Direct I/O asks for memory that begins at a block.
        let start = memory.as_ptr().align_offset(BLOCK).min(BLOCK);
        let block = &mut memory[start..start + BLOCK];
        open(OpenOptions::new().write(true).create(true).truncate(true))?.write_all(block)?;
        open(OpenOptions::new().read(true))?.read_exact(block)
    };
    let outcome = attempt();
    // Where the probe could not even be created there is nothing to remove.
    let _ = std::fs::remove_file(&path);
    outcome
}

/// Elsewhere RocksDB asks the system not to cache, which is never refused.
#[cfg(not(target_os = "linux"))]
pub(crate) fn probe(_directory: &Path) -> std::io::Result<()> {
    Ok(())
}

/// The largest sector that disks have.
#[cfg(target_os = "linux")]
const BLOCK: usize = 4096;
