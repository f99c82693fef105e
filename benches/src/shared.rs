//! Where databases lie while they are measured, and what all benchmarks are told.

use clap::Args;
use gress_runtime::{Error, Result};
use std::{path::PathBuf, time::Duration};
use tempfile::TempDir;

/// Flags of every benchmark.
#[derive(Args, Clone, Debug)]
pub(crate) struct Shared {
    /// Also writes the results to this file, as JSON.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Keys and values are the same for the same seed.
    #[arg(long, global = true, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Smaller and sooner: shows that it works, and rough figures.
    #[arg(long, global = true)]
    pub(crate) short: bool,
    /// A limit that is not kept is a failure.
    #[arg(long, global = true)]
    pub(crate) gate: bool,
    /// Where databases are made and removed again; the disk that is measured [default: the system's temporary folder].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

impl Shared {
    /// An empty folder that vanishes with what is given.
    pub(crate) fn scratch(&self) -> Result<TempDir> {
        let Some(directory) = &self.directory else { return Ok(tempfile::tempdir()?) };
        std::fs::create_dir_all(directory).map_err(|e| Error::io("create", directory, e))?;
        Ok(tempfile::tempdir_in(directory)?)
    }

    /// What a flag says, or what stands for it in a long and in a short run.
    pub(crate) fn or<T>(&self, given: Option<T>, long: T, short: T) -> T {
        given.unwrap_or(if self.short { short } else { long })
    }

    pub(crate) fn seconds(&self, given: Option<f64>, long: f64, short: f64) -> Duration {
        Duration::try_from_secs_f64(self.or(given, long, short)).unwrap_or(Duration::MAX)
    }
}
