//! What `state.backend: rocksdb` turns into.

use crate::{
    backend::{Parts, RocksDbBackend},
    checkpoint, direct_io,
    durability::Durability,
    logs::Logs,
    options::{Options, RocksDbConfig},
    shared::Shared,
    unfinished::Unfinished,
};
use gress_core::{Error, Result};
use gress_state::{BackendFactory, StateBackend, directory::DirectoryLock};
use std::path::Path;

/// Opens the databases of one process, which share a cache, a limit over all write buffers, and threads.
///
/// ```
/// use gress_core::StateName;
/// use gress_state::{BackendFactory, testing::{Entries, Entry, Scratch}};
/// use gress_state_rocksdb::{Preset, RocksDbConfig, RocksDbFactory};
///
/// # fn main() -> gress_core::Result<()> {
/// let mut config = RocksDbConfig { preset: Preset::LowLatency, ..RocksDbConfig::default() };
/// config.set("block_cache_size", "64MiB").expect("64MiB is a size");
/// let factory = RocksDbFactory::new(config, 1)?;
///
/// let directory = Scratch::new();
/// let backend = factory.open(directory.path())?;
/// let store = backend.open_store(&StateName::new("count", "sum"))?;
/// store.apply_run(&mut Entries::new([Entry::put("key", "value")]))?;
/// assert!(store.get(b"key", &mut |value| assert_eq!(value, b"value"))?);
/// backend.close()
/// # }
/// ```
#[derive(Debug)]
pub struct RocksDbFactory {
    config: RocksDbConfig,
    /// What one database gets.
    options: Options,
    shared: Shared,
    purpose: Purpose,
}

/// What its databases are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// A task's spills. Nobody else uses the directory, and nothing in it outlives the process.
    Task,
    /// A plain key-value state, which may outlive the process.
    KeyValue(Durability),
}

impl RocksDbFactory {
    /// A factory for `instances` databases, over which the sizes of `config` are divided. More may be opened; they then
    /// take more than the config says.
    ///
    /// Raises the process's limit of open files to what the system grants, and sets the number and priority of RocksDB's
    /// threads, which all factories of a process share.
    ///
    /// # Errors
    /// A config that no job can have, see [`RocksDbConfig::validate_for_job`].
    pub fn new(config: RocksDbConfig, instances: usize) -> Result<Self> {
        let instances = instances.max(1);
        let whole = checked(&config, RocksDbConfig::validate_for_job)?;
        let shared = Shared::new(&whole, instances)?;
        Ok(RocksDbFactory { config, options: whole.share_of(instances), shared, purpose: Purpose::Task })
    }

    /// A factory for plain key-value states, whose databases survive what the config's durability says. Each of several
    /// states takes its own `write_buffer_size`; the cache and the limit over all buffers they share.
    ///
    /// # Errors
    /// A config that contradicts itself, see [`RocksDbConfig::validate`].
    pub fn for_key_values(config: RocksDbConfig) -> Result<Self> {
        let options = checked(&config, RocksDbConfig::validate)?;
        let shared = Shared::new(&options, 1)?;
        let purpose = Purpose::KeyValue(config.durability.unwrap_or_default());
        Ok(RocksDbFactory { config, options, shared, purpose })
    }

    /// As [`RocksDbFactory::for_key_values`], on the files of `env`: those of a simulated disk, say.
    ///
    /// # Errors
    /// As [`RocksDbFactory::for_key_values`].
    #[cfg(feature = "testing")]
    pub fn for_key_values_in(config: RocksDbConfig, env: rocksdb::Env) -> Result<Self> {
        let factory = RocksDbFactory::for_key_values(config)?;
        let shared = Shared::over(env, &factory.options, 1);
        Ok(RocksDbFactory { shared, ..factory })
    }

    /// The options that RocksDB itself is given for a database in `directory`, which exists: to open one without Gress
    /// and compare. What Gress adds to a store's column family, the removal of expired entries, is not among them.
    ///
    /// # Errors
    /// Options that RocksDB refuses.
    #[cfg(feature = "testing")]
    pub fn raw_options(&self, directory: &Path) -> Result<rocksdb::Options> {
        let translated = crate::translate::translate(&self.options_for(directory), &self.shared, Logs::Verified);
        translated.map_err(crate::error::wrap("set the options of", directory))
    }

    /// What the factory was made of.
    pub fn config(&self) -> &RocksDbConfig {
        &self.config
    }

    /// What each database gets. `block_cache_size` and `db_write_buffer_size` are those of the process.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The options for `directory`: without direct I/O where its file system refuses that.
    fn options_for(&self, directory: &Path) -> Options {
        let mut options = self.options.clone();
        if !options.use_direct_reads && !options.use_direct_io_for_flush_and_compaction {
            return options;
        }
        if let Err(error) = direct_io::probe(directory) {
            tracing::warn!(
                directory = %directory.display(), %error,
                "the file system refuses direct I/O: RocksDB goes through the page cache; \
                 `use_direct_reads: false` and `use_direct_io_for_flush_and_compaction: false` say so in the config"
            );
            options.use_direct_reads = false;
            options.use_direct_io_for_flush_and_compaction = false;
        }
        options
    }

    /// Opens what is in `directory`, or what is in `copy` there.
    fn open_backend(&self, directory: &Path, copy: Option<&Path>) -> Result<RocksDbBackend> {
        if directory.as_os_str().is_empty() {
            return Err(Error::argument("no directory was given: a RocksDB database needs one for its files"));
        }
        match self.purpose {
            Purpose::Task => {
                copy.map_or(Ok(()), |copy| checkpoint::link(copy, directory))?;
                self.open_parts(directory, Durability::Checkpoint, None, None)
            }
            Purpose::KeyValue(durability) => {
                let mut lock = DirectoryLock::take(directory)?;
                lock.sign()?;
                Unfinished::check(directory)?;
                let lasts = durability == Durability::Checkpoint;
                let unfinished = (lasts || copy.is_some()).then(|| Unfinished::begin(directory)).transpose()?;
                copy.map_or(Ok(()), |copy| checkpoint::link(copy, directory))?;
                let (now, later) = if lasts { (None, unfinished) } else { (unfinished, None) };
                let backend = self.open_parts(directory, durability, Some(lock), later)?;
                now.map_or(Ok(()), |copied| copied.end())?;
                Ok(backend)
            }
        }
    }

    fn open_parts(
        &self,
        directory: &Path,
        durability: Durability,
        lock: Option<DirectoryLock>,
        unfinished: Option<Unfinished>,
    ) -> Result<RocksDbBackend> {
        let (config, options, shared) = (self.config.clone(), self.options_for(directory), self.shared.clone());
        let logs = if self.purpose == Purpose::Task { Logs::Believed } else { Logs::Verified };
        RocksDbBackend::open_in(directory, Parts { config, options, shared, durability, logs, lock, unfinished })
    }

    fn failed(&self, error: Error, directory: &Path) -> Error {
        let setting = match &self.config.path {
            Some(_) if self.purpose != Purpose::Task => return error,
            Some(path) if directory.starts_with(path) => format!("`state.rocksdb.path: {}`", path.display()),
            _ => "the state directory".into(),
        };
        error.at(setting)
    }
}

impl BackendFactory for RocksDbFactory {
    fn name(&self) -> &'static str {
        "rocksdb"
    }

    /// Opens the database in `directory`.
    ///
    /// With direct I/O a small file is written and read first. Where the file system refuses that, the database goes
    /// through the page cache instead, and a warning says so.
    fn open(&self, directory: &Path) -> Result<Box<dyn StateBackend>> {
        let backend = self.open_backend(directory, None).map_err(|error| self.failed(error, directory))?;
        Ok(Box::new(backend))
    }

    /// Opens hard links to the files of `copy` where the file system is the same, else copies.
    fn open_copy(&self, copy: &Path, directory: &Path) -> Result<Box<dyn StateBackend>> {
        let backend = self.open_backend(directory, Some(copy)).map_err(|error| self.failed(error, directory))?;
        Ok(Box::new(backend))
    }
}

/// The options of the whole process.
fn checked(config: &RocksDbConfig, validate: fn(&RocksDbConfig) -> Result<(), String>) -> Result<Options> {
    validate(config).map_err(|reason| Error::config(format!("`state.rocksdb`: {reason}")))?;
    Ok(config.effective())
}
