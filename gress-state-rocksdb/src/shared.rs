//! What all databases of a process share: the cache, the limit over all write buffers, and the threads.

use crate::options::Options;
use gress_core::{Error, Result};
use rocksdb::{Cache, Env, WriteBufferManager};
use std::fmt;

/// One budget for a process. Databases hold it as long as they are open.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) cache: Cache,
    pub(crate) write_buffers: WriteBufferManager,
    pub(crate) env: Env,
    /// The databases that share it.
    pub(crate) instances: usize,
}

impl Shared {
    /// The budget that `options`, which are those of the whole process, describe.
    pub(crate) fn new(options: &Options, instances: usize) -> Result<Self> {
        let env = Env::new().map_err(|e| Error::storage("cannot make RocksDB's environment").because(e))?;
        Ok(Shared::over(env, options, instances))
    }

    /// As [`Shared::new`], on the files and threads of `env`.
    pub(crate) fn over(env: Env, options: &Options, instances: usize) -> Self {
        raise_descriptor_limit();
        // Without a strict capacity: that would turn a full cache into failed reads.
        let cache = Cache::new_lru_cache(to_usize(options.block_cache_size.0));
        // Over the limit it flushes; it never stalls writers.
        let write_buffers =
            WriteBufferManager::new_write_buffer_manager(to_usize(options.db_write_buffer_size.0), false);
        Shared { cache, write_buffers, env: with_threads(env, options.max_background_jobs), instances }
    }
}

/// The process's threads for background work. All databases use the same two pools, and each would size them for itself
/// alone.
fn with_threads(mut env: Env, jobs: u32) -> Env {
    let flushes = i32::try_from(jobs / 4).unwrap_or(i32::MAX).max(1);
    let compactions = i32::try_from(jobs).unwrap_or(i32::MAX).saturating_sub(flushes).max(1);
    env.set_high_priority_background_threads(flushes);
    env.set_low_priority_background_threads(compactions);
    // Else a compaction takes the core of a task for milliseconds.
    env.lower_thread_pool_cpu_priority();
    env
}

/// Takes all the descriptors that the system grants without asking.
#[cfg(unix)]
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is; RocksDB keeps fewer files open");
    }
}

#[cfg(not(unix))]
fn raise_descriptor_limit() {}

pub(crate) fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffers = self.write_buffers.get_usage();
        f.debug_struct("Shared")
            .field("cache_bytes", &self.cache.get_usage())
            .field("write_buffer_bytes", &buffers)
            .field("instances", &self.instances)
            .finish_non_exhaustive()
    }
}
