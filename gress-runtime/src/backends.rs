//! From `state.backend` to a backend: the one place that names them all.

use crate::config::{Backend, BackendOptions, Config};
use gress_core::Result;
use gress_state::{BackendFactory, memory::MemoryFactory};
use std::sync::Arc;

/// What checks the settings below `state.rocksdb`.
pub(crate) fn options() -> Option<&'static dyn BackendOptions> {
    #[cfg(feature = "rocksdb")]
    return Some(&crate::config::RocksDbOptions);
    #[cfg(not(feature = "rocksdb"))]
    None
}

/// The factory that the config names, for `tasks` keyed tasks.
///
/// # Errors
/// A backend that this build does not have.
pub(crate) fn factory(config: &Config, tasks: usize) -> Result<Arc<dyn BackendFactory>> {
    match config.state.backend {
        Backend::Memory => Ok(Arc::new(MemoryFactory)),
        Backend::RocksDb => rocksdb(config, tasks),
    }
}

#[cfg(feature = "rocksdb")]
fn rocksdb(config: &Config, tasks: usize) -> Result<Arc<dyn BackendFactory>> {
    let options = rocksdb_config(config)?;
    Ok(Arc::new(gress_state_rocksdb::RocksDbFactory::new(options, tasks)?))
}

/// The explicit settings. `state.memory` stands for the sizes that are not among them: a third of it for the cache, a
/// sixth for write buffers; the other half is the table's.
#[cfg(feature = "rocksdb")]
fn rocksdb_config(config: &Config) -> Result<gress_state_rocksdb::RocksDbConfig> {
    let mut options = gress_state_rocksdb::RocksDbConfig::default();
    let mut set = |key: &str, value: &str| {
        options
            .set(key, value)
            .map_err(|valid| gress_core::Error::config(format!("`state.rocksdb.{key}` is `{value}`: {valid}")))
    };
    if let Some(memory) = config.state.memory {
        set("block_cache_size", &(memory.bytes() / 3).to_string())?;
        set("db_write_buffer_size", &(memory.bytes() / 6).to_string())?;
    }
    config.state.rocksdb.iter().try_for_each(|setting| set(&setting.key, &setting.value))?;
    Ok(options)
}

#[cfg(not(feature = "rocksdb"))]
fn rocksdb(_: &Config, _: usize) -> Result<Arc<dyn BackendFactory>> {
    Err(gress_core::Error::config(
        "`state.backend` is `rocksdb`, which this program was built without: \
         build it with the feature `rocksdb`, or set `state.backend: memory`",
    ))
}

/// Memory for live values of one of `tasks` keyed tasks: about half of `state.memory`; without it all of memory on the
/// memory backend, and a quarter of what the preset gives RocksDB on RocksDB.
pub(crate) fn table_budget(config: &Config, tasks: usize) -> usize {
    let total = match (config.state.memory, config.state.backend) {
        (Some(budget), Backend::Memory) => budget.bytes(),
        (Some(budget), Backend::RocksDb) => budget.bytes() / 2,
        (None, Backend::Memory) => return usize::MAX,
        (None, Backend::RocksDb) => preset_bytes(config) / 4,
    };
    usize::try_from(total / tasks.max(1) as u64).unwrap_or(usize::MAX)
}

/// Cache and write buffers together.
#[cfg(feature = "rocksdb")]
fn preset_bytes(config: &Config) -> u64 {
    let Ok(options) = rocksdb_config(config).map(|config| config.effective()) else { return u64::MAX };
    let buffers = match options.db_write_buffer_size.bytes() {
        0 => options.write_buffer_size.bytes() * u64::from(options.max_write_buffer_number),
        limit => limit,
    };
    options.block_cache_size.bytes() + buffers
}

#[cfg(not(feature = "rocksdb"))]
fn preset_bytes(_: &Config) -> u64 {
    u64::MAX
}
