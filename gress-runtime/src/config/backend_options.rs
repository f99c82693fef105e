//! What a state backend knows about the settings that are its own.

use super::Setting;
use gress_core::ByteSize;
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

    /// Whether values, each valid by itself, can stand together and within the budget `memory`. `settings` holds each key
    /// once, in rising precedence.
    fn check_together(&self, settings: &[Setting], memory: Option<ByteSize>) -> Result<(), Contradiction> {
        let _ = (settings, memory);
        Ok(())
    }
}

/// Values that are valid, but not together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contradiction {
    /// The keys, in full (`state.rocksdb.allow_mmap_reads`, `state.memory`); those that are set are shown with value and
    /// place.
    pub keys: Vec<String>,
    /// Why they exclude each other and what to do: `memory-mapped and direct reads exclude each other: drop one`.
    pub reason: String,
}

/// The options of the backend that is built in; `None` if there is none to ask.
pub(super) fn of_this_build() -> Option<&'static dyn BackendOptions> {
    #[cfg(feature = "rocksdb")]
    return Some(&super::rocksdb_options::RocksDbOptions);
    #[cfg(not(feature = "rocksdb"))]
    return None;
}
