//! Expired entries vanish when RocksDB compacts their file.
//!
//! The filter runs on RocksDB's threads, where a panic would end the process: it compares two numbers. It goes by the
//! horizon of the store's [`Expiry`], which no read is behind.

use gress_state::ttl::Expiry;
use rocksdb::{
    CompactionDecision,
    compaction_filter::CompactionFilter,
    compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory},
};
use std::{
    collections::BTreeMap,
    ffi::CStr,
    sync::{Arc, Mutex, PoisonError},
};

const NAME: &CStr = c"gress-expiry";

/// The expiry of each store that has one. A column family that exists already is opened before its store is, and keeps
/// all of its entries until then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expiries(Arc<Mutex<BTreeMap<String, Arc<Expiry>>>>);

impl Expiries {
    pub(crate) fn set(&self, store: &str, expiry: Arc<Expiry>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(store.to_owned(), expiry);
    }

    fn get(&self, store: &str) -> Option<Arc<Expiry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(store).cloned()
    }

    /// Lets the compactions of column family `store` remove what has expired.
    pub(crate) fn attach(&self, store: &str, options: &mut rocksdb::Options) {
        options.set_compaction_filter_factory(Factory { store: store.to_owned(), expiries: self.clone() });
        // Else a file that nothing else compacts keeps its expired entries for a month.
        options.set_periodic_compaction_seconds(DAY_SECONDS);
    }
}

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Makes one filter for each compaction: several run at once.
struct Factory {
    store: String,
    expiries: Expiries,
}

impl CompactionFilterFactory for Factory {
    type Filter = Filter;

    fn create(&mut self, _context: CompactionFilterContext) -> Filter {
        Filter(self.expiries.get(&self.store))
    }

    fn name(&self) -> &CStr {
        NAME
    }
}

struct Filter(Option<Arc<Expiry>>);

impl CompactionFilter for Filter {
    fn filter(&mut self, _level: u32, _key: &[u8], value: &[u8]) -> CompactionDecision {
        match &self.0 {
            Some(expiry) if expiry.is_removable(value) => CompactionDecision::Remove,
            _ => CompactionDecision::Keep,
        }
    }

    fn name(&self) -> &CStr {
        NAME
    }
}
