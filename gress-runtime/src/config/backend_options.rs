//! What a state backend knows about the settings that are its own.

use super::{Config, Contradiction};
use std::fmt;

/// The settings that a backend takes below `state.rocksdb.`, so that they are checked together with all others, before
/// anything is opened. A config without one accepts any of them unchecked.
///
/// Keys are without `state.rocksdb.`. No method touches the disk.
pub trait BackendOptions: fmt::Debug + Send + Sync {
    /// Every key it takes; for any other, the nearest of these is suggested.
    fn keys(&self) -> &[&str];

    /// Whether `key`, one of [`keys`](Self::keys), takes `value`. `Err` says what would be valid (`valid is a size such as
    /// 64MB`); key, value and place are named around it.
    fn check(&self, key: &str, value: &str) -> Result<(), String>;

    /// The key that `key` is another spelling of; `key` itself if there is but one.
    fn canonical<'k>(&self, key: &'k str) -> &'k str {
        key
    }

    /// Whether values, each valid by itself, can stand together and within the budget `state.memory`. Those below
    /// `state.rocksdb.` are in `config.state.rocksdb`.
    fn check_together(&self, config: &Config) -> Result<(), Contradiction> {
        let _ = config;
        Ok(())
    }
}

/// The options of the backend that is built in; `None` if there is none to ask.
pub(super) fn of_this_build() -> Option<&'static dyn BackendOptions> {
    #[cfg(feature = "rocksdb")]
    return Some(&super::rocksdb_options::RocksDbOptions);
    #[cfg(not(feature = "rocksdb"))]
    return None;
}
