//! What `state.backend: rocksdb` turns into.

use crate::{
    backend::RocksDbBackend,
    direct_io,
    options::{Options, RocksDbConfig},
    shared::Shared,
};
use gress_core::{Error, Result};
use gress_state::{BackendFactory, StateBackend};
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
}

impl RocksDbFactory {
    /// A factory for `instances` databases, over which the sizes of `config` are divided. More may be opened; they then
    /// take more than the config says.
    ///
    /// Raises the process's limit of open files to what the system grants, and sets the number and priority of RocksDB's
    /// threads, which all factories of a process share.
    ///
    /// # Errors
    /// A config that contradicts itself, see [`RocksDbConfig::validate`].
    pub fn new(config: RocksDbConfig, instances: usize) -> Result<Self> {
        config.validate().map_err(|reason| Error::config(format!("`state.rocksdb`: {reason}")))?;
        let instances = instances.max(1);
        let whole = config.effective();
        let shared = Shared::new(&whole, instances)?;
        Ok(RocksDbFactory { config, options: whole.share_of(instances), shared })
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

    fn failed(&self, error: Error, directory: &Path) -> Error {
        let setting = match &self.config.path {
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
        let opened = RocksDbBackend::open(directory, self.options_for(directory), self.shared.clone());
        let backend = opened.map_err(|error| self.failed(error, directory))?;
        Ok(Box::new(backend))
    }
}
