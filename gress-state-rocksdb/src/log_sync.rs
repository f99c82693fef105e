//! The log, synced in the background while it grows.
//!
//! A disk writes what it was given when it is told to, and answers no read meanwhile: about 1 ms for each MiB that came since
//! the last time. Told by the sync at the end of a flush alone, it let reads wait for 100 to 300 ms; told every 20 ms, for 34 ms
//! at most.

use crate::{database::Open, error::wrap};
use gress_core::{Error, Result};
use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    thread,
    time::Duration,
};

/// The log of a database, as long as that is open.
pub(crate) struct LogSync {
    pub(crate) open: Arc<RwLock<Option<Open>>>,
    pub(crate) directory: PathBuf,
    /// What was written when it was synced last.
    pub(crate) synced: u64,
}

impl LogSync {
    /// Syncs each `interval` in which something was written, until the database is closed. On a thread of its own, as
    /// RocksDB does all that nobody waits for; closing waits for a sync that runs.
    pub(crate) fn each(mut self, interval: Duration) -> Result<()> {
        let directory = self.directory.clone();
        let syncs = move || {
            while self.step() {
                thread::park_timeout(interval);
            }
        };
        let thread = thread::Builder::new().name("log-sync".into()).spawn(syncs);
        thread.map(drop).map_err(|e| Error::io("start the thread that syncs the log in", &directory, e))
    }

    /// Syncs if there is something to sync; `false` where there will be nothing any more.
    fn step(&mut self) -> bool {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Open { db, .. }) = open.as_ref() else { return false };
        let now = db.latest_sequence_number();
        let running = |name| db.property_int_value(name).ok().flatten().unwrap_or(0) > 0;
        // What they write waits with the log.
        let files_are_written = || FILES_ARE_WRITTEN.into_iter().any(running);
        if self.synced == now && !files_are_written() {
            return true;
        }
        self.synced = now;
        match db.flush_wal(true).map_err(wrap("sync the log of", &self.directory)) {
            Ok(()) => true,
            Err(error) => {
                // RocksDB takes no write from now on, and tells each of them why.
                tracing::error!(%error, "the log is not synced any more");
                false
            }
        }
    }
}

/// Properties above 0 while RocksDB writes files beside the log.
const FILES_ARE_WRITTEN: [&str; 2] = ["rocksdb.num-running-flushes", "rocksdb.num-running-compactions"];
