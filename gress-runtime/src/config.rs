//! A job's settings: plain data, read from one YAML file, the environment and code, in rising order of precedence.
//!
//! ```text
//!   flights.yaml ──▶ document ─┐
//!   GRESS__… ─────▶ environment ├──▶ layer (raw values, each with its origin) ──▶ load ──▶ Config
//!   code ──────────────────────┘                                                  ▲  │
//!                                    keys (the table of known keys), suggest ─────┘  └──▶ explain
//! ```
//!
//! Nothing is guessed: an unknown key, a value out of range, a value of the wrong shape, a key that is given twice or two
//! values that exclude each other end in an error of kind `Config`, one line a problem, before the job touches anything.
//!
//! # Environment
//!
//! `GRESS__STATE__ROCKSDB__PRESET=large-state` sets `state.rocksdb.preset`: the prefix `GRESS__`, then the key in any
//! case with `__` for each dot. A single `_` belongs to the key. Variables without the prefix are none of Gress's.

mod backend_options;
mod contradiction;
mod directories;
mod document;
mod duration;
mod environment;
mod explanation;
mod keys;
mod layer;
mod load;
#[cfg(test)]
mod mutations;
#[cfg(all(test, feature = "rocksdb"))]
mod odd_values;
mod origin;
mod outline;
mod problem;
#[cfg(feature = "rocksdb")]
mod rocksdb_options;
mod setting;
mod suggest;

pub use self::{
    backend_options::BackendOptions,
    contradiction::Contradiction,
    environment::process_environment,
    explanation::{Explanation, Row},
    origin::{Origin, Origins},
    setting::Setting,
};

pub(crate) use self::keys::ROCKSDB;

#[cfg(feature = "rocksdb")]
pub use self::rocksdb_options::RocksDbOptions;

use gress_core::{ByteSize, Result};
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

/// Every setting of a job, with defaults for what nobody set.
///
/// The fields are open: `Config { parallelism: 4, ..Config::default() }` is a config like any other, and
/// [`validate`](Config::validate) holds it to the same ranges as a file.
#[derive(Clone, Debug)]
pub struct Config {
    /// `name`: what the job is called in logs, metrics and errors. Default `job`.
    pub name: String,
    /// `parallelism`: how many subtasks an operator has, 1 to 128. Default 1.
    pub parallelism: usize,
    /// `batch.*`: how events are grouped on their way between tasks.
    pub batch: BatchConfig,
    /// `checkpoint.*`: how often the job makes itself recoverable, and where.
    pub checkpoint: CheckpointConfig,
    /// `state.*`: where keyed state lives.
    pub state: StateConfig,
    /// `metrics.*`: where metrics can be read.
    pub metrics: MetricsConfig,
    /// Where the values came from; [`explain`](Config::explain), [`settings`](Config::settings) and errors name it.
    pub origins: Origins,
}

/// Settings below `batch.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchConfig {
    /// `batch.size`: a source reads at most this many events at a time, and they travel together, 1 to 65,536. Default
    /// 1,024.
    pub size: usize,
}

/// Settings below `checkpoint.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointConfig {
    /// `checkpoint.interval`: time from one checkpoint's start to the next one's, 10 ms to a year. Default 1 s.
    pub interval: Duration,
    /// `checkpoint.directory`: where checkpoints are kept. Without one the job takes none.
    pub directory: Option<PathBuf>,
    /// `checkpoint.retained`: how many complete checkpoints are kept, 2 to 1,000, so that a damaged one has one before
    /// it. Default 3.
    pub retained: usize,
}

/// Settings below `state.`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateConfig {
    /// `state.backend`: which store holds what the table of live values does not. Default `rocksdb`.
    pub backend: Backend,
    /// `state.memory`: the budget of state in memory, over all tasks. Unset, the backend chooses.
    pub memory: Option<ByteSize>,
    /// `state.directory`: working files, which a restart does not need.
    pub directory: Option<PathBuf>,
    /// What was set below `state.rocksdb.` (preset and path too), with keys that lack this prefix and values as written:
    /// each key once, in rising precedence, so that who applies them in order gets the right result. They may stay in a
    /// file that says `backend: memory`; they are checked and then not used.
    pub rocksdb: Vec<Setting>,
}

/// Settings below `metrics.`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsConfig {
    /// `metrics.address`: where metrics can be scraped. A port alone (`9000`) is a port of 127.0.0.1: no other machine
    /// sees it unless the address says so. Unset, nothing listens.
    pub address: Option<SocketAddr>,
}

/// Which store holds keyed state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Backend {
    /// `memory`: state must fit in memory; nothing but checkpoints reaches the disk.
    Memory,
    /// `rocksdb`: state that does not fit spills to disk.
    #[default]
    RocksDb,
}

impl Config {
    /// Reads one YAML file and nothing else: the environment is not consulted (see [`load`](Config::load)).
    pub fn from_yaml_file(path: impl AsRef<Path>) -> Result<Self> {
        Config::load(Some(path.as_ref()), [], &[])
    }

    /// Reads the `GRESS__…` variables of this process over the defaults.
    pub fn from_environment_of_process() -> Result<Self> {
        Config::load(None, process_environment()?, &[])
    }

    /// Lays `code` over `environment` over `file` over the defaults.
    ///
    /// `environment` is data, usually what [`process_environment`] gives; `code` is keys and values as a file would
    /// have them, say from flags. A value that another one overrides is checked all the same.
    ///
    /// # Errors
    ///
    /// Of kind `Config`, with one line for each problem found. A file that cannot be read or is not YAML is one problem.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        code: &[(&str, String)],
    ) -> Result<Self> {
        Config::load_for(backend_options::of_this_build(), file, environment, code)
    }

    /// Like [`load`](Config::load), with `options` to judge what stands below `state.rocksdb.`; with `None`, any key and
    /// value is accepted there.
    pub fn load_for(
        options: Option<&dyn BackendOptions>,
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        code: &[(&str, String)],
    ) -> Result<Self> {
        load::load(options, file, environment.into_iter().collect(), code)
    }

    /// Holds values that a program put into the fields to the rules for a file. A loaded config passes.
    pub fn validate(&self, options: Option<&dyn BackendOptions>) -> Result<()> {
        load::validate(self, options)
    }

    /// Each value that is set or has a default of its own, and who set it, in the order of the table of keys, then those
    /// below `state.rocksdb.`.
    ///
    /// Printed one a line this is again a YAML file, and loads to the same config.
    pub fn settings(&self) -> Vec<Setting> {
        setting::settings(self)
    }

    /// Every value that a job with so many keyed tasks (`parallelism` times its keyed steps) would run with: each key, set
    /// or not, each option that RocksDB gets, and what the memory budget divides into, all with where they come from.
    ///
    /// ```
    /// use gress_runtime::config::Config;
    ///
    /// # fn main() -> gress_runtime::Result<()> {
    /// let config = Config::load(None, [], &[("state.backend", "memory".into()), ("state.memory", "14MiB".into())])?;
    /// let explanation = config.explain(4)?;
    /// let share = explanation.get("budget.table_of_each_task").and_then(|row| row.value.as_deref());
    /// assert_eq!(share, Some("3MiB"));
    /// println!("{explanation}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A budget that cannot be divided over so many tasks, and settings that code has put in unchecked.
    pub fn explain(&self, keyed_tasks: usize) -> Result<Explanation> {
        explanation::explain(self, keyed_tasks)
    }

    /// What works but contradicts the advice on disks, one sentence each, with keys and values; a job warns of it when it
    /// starts.
    pub fn advice(&self) -> Vec<String> {
        crate::backends::advice(self)
    }

    /// Every key that a config can have, with what is valid for it; those below `state.rocksdb.` are the backend's.
    pub fn keys() -> impl Iterator<Item = (&'static str, &'static str)> {
        keys::KEYS.iter().map(|key| (key.name, key.valid))
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            name: "job".into(),
            parallelism: 1,
            batch: BatchConfig::default(),
            checkpoint: CheckpointConfig::default(),
            state: StateConfig::default(),
            metrics: MetricsConfig::default(),
            origins: Origins::default(),
        }
    }
}

impl Default for BatchConfig {
    fn default() -> Self {
        BatchConfig { size: 1024 }
    }
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        CheckpointConfig { interval: Duration::from_secs(1), directory: None, retained: 3 }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Backend::Memory => "memory",
            Backend::RocksDb => "rocksdb",
        })
    }
}

impl FromStr for Backend {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "memory" => Ok(Backend::Memory),
            "rocksdb" => Ok(Backend::RocksDb),
            other => Err(format!("`{other}` is not a backend: valid are `memory` and `rocksdb`")),
        }
    }
}
