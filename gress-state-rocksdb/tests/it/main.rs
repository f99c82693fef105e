//! The RocksDB backend from outside: conformance, corrupted files, presets, filters, deletes, sharing, closing.

mod closing;
mod conformance;
mod corruption;
mod deleted;
mod emptied;
mod filter;
mod interrupted;
mod key_value;
mod lifecycle;
mod options_file;
mod pacing;
mod presets;
mod sharing;
mod state;

use gress_core::StateName;
use gress_state::{
    BackendFactory, StateBackend, StateStore,
    testing::{Entries, Entry, Scratch},
};
use gress_state_rocksdb::{RocksDbConfig, RocksDbFactory};

/// A config of these keys and values.
fn config(settings: &[(&str, &str)]) -> RocksDbConfig {
    let mut config = RocksDbConfig::default();
    for (key, value) in settings {
        config.set(key, value).expect("the setting is valid");
    }
    config
}

/// A factory of these keys and values, for one database.
fn factory(settings: &[(&str, &str)]) -> RocksDbFactory {
    RocksDbFactory::new(config(settings), 1).expect("the config is valid")
}

fn open(factory: &dyn BackendFactory, scratch: &Scratch) -> Box<dyn StateBackend> {
    factory.open(scratch.path()).expect("the directory can be opened")
}

fn store(backend: &dyn StateBackend, state: &str) -> Box<dyn StateStore> {
    backend.open_store(&StateName::new("operator", state)).expect("a store can be opened")
}

fn apply(store: &dyn StateStore, entries: impl IntoIterator<Item = Entry>) {
    store.apply_run(&mut Entries::new(entries)).expect("a run can be applied");
}

fn has(store: &dyn StateStore, key: &[u8]) -> bool {
    store.get(key, &mut |_| ()).expect("a key can be read")
}

fn number(backend: &dyn StateBackend, property: &str) -> u64 {
    let value = backend.property(property).expect("a property can be read");
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("`{property}` is a number"))
}
