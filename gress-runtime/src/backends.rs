//! From `state.backend` to a backend: the one place that names them all.

use crate::config::{Backend, BackendOptions, Config};
use gress_core::Result;
use gress_state::{BackendFactory, memory::MemoryFactory};
use std::{path::PathBuf, sync::Arc};

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
    let factory =
        gress_state_rocksdb::RocksDbFactory::new(options, tasks).map_err(|error| match config.state.memory {
            // The reader may never have heard of the setting that does not fit.
            Some(memory) => error.at(format!("`state.memory` is `{memory}`, of which RocksDB gets half")),
            None => error,
        })?;
    Ok(Arc::new(factory))
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

/// Where working files go: `state.directory`, or what `state.rocksdb.path` says for RocksDB.
pub(crate) fn directory(config: &Config) -> Option<PathBuf> {
    let path = config.state.rocksdb.iter().rfind(|setting| setting.key == "path");
    let path = path.filter(|_| config.state.backend == Backend::RocksDb).map(|setting| PathBuf::from(&setting.value));
    config.state.directory.clone().or(path)
}

/// Memory for live values of one of `tasks` keyed tasks: what cache and write buffers leave of `state.memory`. Without
/// it all of memory on the memory backend, and a quarter of what RocksDB gets on RocksDB.
pub(crate) fn table_budget(config: &Config, tasks: usize) -> usize {
    let total = match (config.state.memory, config.state.backend) {
        (Some(budget), Backend::Memory) => budget.bytes(),
        (Some(budget), Backend::RocksDb) => budget.bytes().saturating_sub(rocksdb_bytes(config)),
        (None, Backend::Memory) => return usize::MAX,
        (None, Backend::RocksDb) => rocksdb_bytes(config) / 4,
    };
    usize::try_from(total / tasks.max(1) as u64).unwrap_or(usize::MAX)
}

/// RocksDB's cache and write buffers together.
#[cfg(feature = "rocksdb")]
fn rocksdb_bytes(config: &Config) -> u64 {
    let Ok(options) = rocksdb_config(config).map(|config| config.effective()) else { return 0 };
    let buffers = match options.db_write_buffer_size.bytes() {
        0 => options.write_buffer_size.bytes() * u64::from(options.max_write_buffer_number),
        limit => limit,
    };
    options.block_cache_size.bytes() + buffers
}

#[cfg(not(feature = "rocksdb"))]
fn rocksdb_bytes(_: &Config) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(settings: &[(&str, &str)]) -> Config {
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Config::load(None, [], &settings).unwrap()
    }

    #[test]
    fn memory_without_a_budget_never_spills() {
        assert_eq!(table_budget(&config(&[("state.backend", "memory")]), 4), usize::MAX);
        assert_eq!(table_budget(&config(&[("state.backend", "memory"), ("state.memory", "4MiB")]), 4), 1 << 20);
    }

    #[cfg(feature = "rocksdb")]
    #[test]
    fn the_table_gets_what_cache_and_buffers_leave_of_the_budget() {
        assert_eq!(table_budget(&config(&[]), 1), (128 + 3 * 64) << 18);
        let half = table_budget(&config(&[("state.memory", "600MiB")]), 1);
        assert_eq!(half, 300 << 20);
        let explicit = config(&[("state.memory", "600MiB"), ("state.rocksdb.block_cache_size", "400MiB")]);
        assert_eq!(table_budget(&explicit, 1), 100 << 20);
    }

    #[cfg(feature = "rocksdb")]
    #[test]
    fn a_budget_that_is_too_small_names_the_setting_that_the_user_gave() {
        let text = factory(&config(&[("state.memory", "64KiB")]), 1).unwrap_err().to_string();
        assert!(text.contains("`state.memory` is `64.0 KiB`"), "{text}");
    }
}
