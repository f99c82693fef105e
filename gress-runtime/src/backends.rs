//! From `state.backend` to a backend: the one place that names them all.

use crate::{
    budget::Parts,
    config::{Backend, BackendOptions, Config},
};
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

/// The factory that the config names, with its parts of the budget.
///
/// # Errors
/// A backend that this build does not have.
pub(crate) fn factory(config: &Config, parts: &Parts) -> Result<Arc<dyn BackendFactory>> {
    match config.state.backend {
        Backend::Memory => Ok(Arc::new(MemoryFactory)),
        Backend::RocksDb => rocksdb(config, parts),
    }
}

#[cfg(feature = "rocksdb")]
fn rocksdb(config: &Config, parts: &Parts) -> Result<Arc<dyn BackendFactory>> {
    let options = resolved_options(config, parts).map_err(|contradiction| contradiction.into_error(config))?;
    advice(config).iter().for_each(|advice| tracing::warn!("{advice}"));
    Ok(Arc::new(gress_state_rocksdb::RocksDbFactory::new(options, parts.tasks)?))
}

#[cfg(not(feature = "rocksdb"))]
fn rocksdb(_: &Config, _: &Parts) -> Result<Arc<dyn BackendFactory>> {
    Err(gress_core::Error::config(
        "`state.backend` is `rocksdb`, which this program was built without: \
         build it with the feature `rocksdb`, or set `state.backend: memory`",
    ))
}

/// What in the config contradicts the advice of the guide, as the backend sees it.
#[cfg(feature = "rocksdb")]
pub(crate) fn advice(config: &Config) -> Vec<String> {
    let used = config.state.backend == Backend::RocksDb;
    let options = explicit_options(config).ok().filter(|_| used);
    let advice = options.map_or_else(Vec::new, |options| options.advice());
    advice.into_iter().map(|sentence| format!("`state.rocksdb`: {sentence}")).collect()
}

#[cfg(not(feature = "rocksdb"))]
pub(crate) fn advice(_: &Config) -> Vec<String> {
    Vec::new()
}

/// What stands below `state.rocksdb`.
///
/// # Errors
/// A setting that code has put there unchecked.
#[cfg(feature = "rocksdb")]
pub(crate) fn explicit_options(
    config: &Config,
) -> Result<gress_state_rocksdb::RocksDbConfig, crate::config::Contradiction> {
    let mut options = gress_state_rocksdb::RocksDbConfig::default();
    for setting in &config.state.rocksdb {
        let keys = vec![format!("{}{}", crate::config::ROCKSDB, setting.key)];
        options.set(&setting.key, &setting.value).map_err(|reason| crate::config::Contradiction { keys, reason })?;
    }
    Ok(options)
}

/// The explicit settings, and the parts of `state.memory` where that stands for sizes that are not among them.
#[cfg(feature = "rocksdb")]
pub(crate) fn resolved_options(
    config: &Config,
    parts: &Parts,
) -> Result<gress_state_rocksdb::RocksDbConfig, crate::config::Contradiction> {
    let mut options = explicit_options(config)?;
    if let (Some(_), Some(rocksdb)) = (config.state.memory, &parts.rocksdb) {
        options.block_cache_size = Some(rocksdb.block_cache);
        options.db_write_buffer_size = Some(rocksdb.write_buffers);
    }
    Ok(options)
}

#[cfg(all(test, feature = "rocksdb"))]
mod tests {
    use super::*;
    use crate::budget;
    use gress_core::ByteSize;

    fn config(settings: &[(&str, &str)]) -> Config {
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Config::load(None, [], &settings).expect("a valid config")
    }

    #[test]
    fn the_budget_stands_for_the_sizes_that_are_not_explicit() {
        let settings = [("state.memory", "510MiB"), ("state.rocksdb.block_cache_size", "0")];
        let explicit = config(&settings);
        let parts = budget::divide(&explicit, 2).unwrap();
        let options = resolved_options(&explicit, &parts).unwrap().effective();
        assert_eq!((options.block_cache_size, options.db_write_buffer_size), (ByteSize(0), ByteSize::mib(60)));
        assert_eq!(options.write_buffer_size, ByteSize::mib(30));
        let parts = budget::divide(&config(&[]), 2).unwrap();
        let preset = resolved_options(&config(&[]), &parts).unwrap().effective();
        assert_eq!(preset, gress_state_rocksdb::Preset::Balanced.options());
    }

    #[test]
    fn the_least_budget_opens_a_database_for_each_task() {
        for (memory, tasks) in [("240KiB", 1), ("960KiB", 8)] {
            let config = config(&[("state.memory", memory)]);
            let factory = factory(&config, &budget::divide(&config, tasks).unwrap()).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let backends: Vec<_> =
                (0..tasks).map(|task| factory.open(&folder.path().join(task.to_string())).unwrap()).collect();
            backends.iter().for_each(|backend| backend.close().unwrap());
        }
    }

    #[test]
    fn advice_is_given_where_it_is_used() {
        let odd = [("state.rocksdb.use_direct_reads", "true"), ("state.backend", "memory")];
        assert_eq!(advice(&config(&odd)), [""; 0]);
        let told = advice(&config(&odd[..1]));
        assert!(told.len() == 1 && told[0].starts_with("`state.rocksdb`: `use_direct_reads: true`"), "{told:?}");
    }
}
