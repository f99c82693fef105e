//! RocksDB as a map from bytes to bytes, without a job.

use crate::{backend::RocksDbBackend, factory::RocksDbFactory, options::RocksDbConfig};
use gress_core::{Error, Result};
use gress_state::{KeyValueOptions, KeyValueState};
use std::path::{Path, PathBuf};

impl RocksDbBackend {
    /// The key-value state in the config's `path`, which is made if it does not exist.
    ///
    /// ```
    /// use gress_state_rocksdb::{RocksDbBackend, RocksDbConfig};
    ///
    /// # fn main() -> gress_core::Result<()> {
    /// # let scratch = gress_state::testing::Scratch::new();
    /// # let path = scratch.path();
    /// let state = RocksDbBackend::open(RocksDbConfig::low_latency(path))?;
    /// state.put(b"key", b"value")?;
    /// assert_eq!(state.get(b"key")?, Some(b"value".to_vec()));
    /// state.close()
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Config` where the config contradicts itself or has no `path`; `Locked` where another process has the directory
    /// open; `Refused` where it holds what a process with `durability: checkpoint` left behind without `close`.
    pub fn open(config: RocksDbConfig) -> Result<KeyValueState> {
        RocksDbBackend::open_with(config, KeyValueOptions::default())
    }

    /// As [`RocksDbBackend::open`], with these options. A `latency_sampling` in the config is the one that counts.
    ///
    /// # Errors
    /// As [`RocksDbBackend::open`].
    pub fn open_with(config: RocksDbConfig, options: KeyValueOptions) -> Result<KeyValueState> {
        let (path, options) = (path(&config)?, sampled(&config, options));
        KeyValueState::open(&RocksDbFactory::for_key_values(config)?, &path, options)
    }

    /// The key-value state that [`KeyValueState::create_checkpoint`] has written, in the config's `path`, which is empty
    /// or does not exist. The checkpoint stays as it is, and may be opened again elsewhere.
    ///
    /// # Errors
    /// As [`RocksDbBackend::open`] and [`KeyValueState::open_checkpoint`].
    pub fn open_checkpoint(
        config: RocksDbConfig,
        checkpoint: impl AsRef<Path>,
        options: KeyValueOptions,
    ) -> Result<KeyValueState> {
        let (path, options) = (path(&config)?, sampled(&config, options));
        let factory = RocksDbFactory::for_key_values(config)?;
        KeyValueState::open_checkpoint(&factory, checkpoint.as_ref(), Some(&path), options)
    }

    /// As [`RocksDbBackend::open_with`], on the files of `env`: those of a simulated disk, say.
    ///
    /// # Errors
    /// As [`RocksDbBackend::open`].
    #[cfg(feature = "testing")]
    pub fn open_with_env(config: RocksDbConfig, options: KeyValueOptions, env: rocksdb::Env) -> Result<KeyValueState> {
        let (path, options) = (path(&config)?, sampled(&config, options));
        KeyValueState::open(&RocksDbFactory::for_key_values_in(config, env)?, &path, options)
    }
}

/// The config's path, as a directory that exists.
fn path(config: &RocksDbConfig) -> Result<PathBuf> {
    let path = config.path.clone().ok_or_else(|| {
        Error::config("`path` is not set: a key-value state in RocksDB needs a directory for its files")
    })?;
    std::fs::create_dir_all(&path)
        .map_err(|e| Error::io("create", &path, e).at(format!("`path: {}`", path.display())))?;
    Ok(path)
}

/// What the config says of timing counts before what the options say.
fn sampled(config: &RocksDbConfig, options: KeyValueOptions) -> KeyValueOptions {
    match (config.latency_sampling, config.effective().enable_latency_tracking) {
        (Some(sampling), _) => options.latency_sampling(sampling),
        (None, false) => options.latency_sampling(0),
        (None, true) => options,
    }
}
