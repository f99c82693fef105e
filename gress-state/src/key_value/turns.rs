//! Who may write a key now, where reads write, too.
//!
//! A read that renews an entry, or removes an expired one, writes what it has read before. Without a turn it could undo a
//! put that came in between.

use std::{
    hash::BuildHasher,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Locks over all keys, dealt out by hash. Power of two.
const SHARDS: usize = 64;

/// Turns at writing keys; free of cost where no read writes.
#[derive(Debug)]
pub(super) struct Turns(Option<Box<[Mutex<()>]>>);

/// The right to write some keys, until it is dropped.
pub(super) type Turn<'a> = Vec<MutexGuard<'a, ()>>;

impl Turns {
    pub(super) fn new(reads_write: bool) -> Self {
        Turns(reads_write.then(|| (0..SHARDS).map(|_| Mutex::new(())).collect()))
    }

    /// The turn at these keys.
    #[inline]
    pub(super) fn at<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>) -> Turn<'_> {
        match &self.0 {
            None => Vec::new(),
            Some(locks) => {
                let mut shards: Vec<usize> = keys.into_iter().map(shard).collect();
                // In one order, so that two batches never wait for each other.
                shards.sort_unstable();
                shards.dedup();
                shards.into_iter().map(|at| lock(&locks[at])).collect()
            }
        }
    }

    /// The turn at all keys.
    pub(super) fn at_all(&self) -> Turn<'_> {
        self.0.iter().flatten().map(lock).collect()
    }
}

fn shard(key: &[u8]) -> usize {
    foldhash::fast::FixedState::default().hash_one(key) as usize % SHARDS
}

fn lock(lock: &Mutex<()>) -> MutexGuard<'_, ()> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
