//! The RocksDB state backend: one database a task, one column family a store.
//!
//! RocksDB is the *spill store* of a task: what its table of live values cannot hold goes here in sorted runs and is read
//! back on a miss. None of its files is ever part of a checkpoint, so its log (WAL) is off, and a database that a crash
//! left behind is thrown away.
//!
//! ```text
//!  RocksDbConfig ──preset, explicit values──▶ Options ──divided by instances──▶ RocksDbFactory
//!   (YAML below `state.rocksdb`)                             one cache, one write-buffer limit │ open
//!                                                                                              ▼
//!  StateStore ◀── RocksDbStore: one column family ◀──open_store── RocksDbBackend: one database, one task
//! ```
//!
//! A preset's sizes, open files and background jobs are **per process**: [`RocksDbFactory::new`] takes the number of
//! databases that will share them.

mod advice;
mod backend;
mod checkpoint;
mod chunk;
mod database;
mod direct_io;
mod durability;
mod emptied;
mod error;
mod factory;
mod ingest;
mod key_value;
mod log_sync;
mod logs;
mod nearest;
mod options;
mod preset;
mod readings;
mod resolved;
mod scan;
mod setting;
mod shared;
mod stats;
mod store;
mod translate;
mod ttl_filter;
mod unfinished;
mod validate;
mod yaml;

pub use backend::RocksDbBackend;
pub use durability::Durability;
pub use factory::RocksDbFactory;
pub use options::{Options, RocksDbConfig};
pub use preset::Preset;
pub use resolved::{ResolvedFrom, ResolvedOption};
pub use setting::Compression;
pub use store::RocksDbStore;
