//! Bytes to bytes, without a job: a state that a program uses by itself, in memory or in RocksDB.
//!
//! ```text
//!  KeyValueState ──value behind its stamp──▶ StateStore   memory::MemoryBackend::open, or RocksDbBackend::open
//!     │ batches, scans, time to live, snapshots, checkpoints, metrics: here, once, for every backend
//!     └ Lifetimes (what time it is)   Meter (what was done)   Turns (reads that write)
//! ```

mod batch;
mod checkpoint;
mod lifetimes;
mod limits;
mod meter;
mod metrics;
mod options;
mod publish;
mod read;
mod run;
mod scan;
mod stream;
mod turns;
mod write;

pub use batch::Batch;
pub use checkpoint::CheckpointSummary;
pub use limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
pub use metrics::{DetailedMetrics, KeyValueMetrics, Latency, Operation};
pub use options::KeyValueOptions;
pub use scan::{Entries, KeyAndValue, Slice};
pub use stream::SnapshotSummary;

use crate::{
    backend::{BackendFactory, StateBackend},
    store::StateStore,
};
use gress_core::{Error, ErrorKind, Result, StateName, Timestamp};
use lifetimes::Lifetimes;
use limits::after_every_key;
use meter::Meter;
use run::Replacing;
use std::{
    io::{BufReader, BufWriter, Read, Write},
    path::Path,
    sync::OnceLock,
};
use stream::{SnapshotReader, SnapshotWriter};
use turns::Turns;

/// A persistent map from bytes to bytes, which threads share.
///
/// Keys have up to [`KEY_BYTES_MAX`] bytes and values up to [`VALUE_BYTES_MAX`], any bytes, none included. What a write
/// survives is the backend's to say.
///
/// ```
/// use gress_state::memory::MemoryBackend;
///
/// # fn main() -> gress_core::Result<()> {
/// let state = MemoryBackend::open()?;
/// state.put(b"key", b"value")?;
/// assert_eq!(state.get(b"key")?, Some(b"value".to_vec()));
/// state.batch_put([("a", "1"), ("b", "2")])?;
/// assert_eq!(state.batch_get(["b", "c"])?, [Some(b"2".to_vec()), None]);
/// state.close()
/// # }
/// ```
///
/// # Errors
/// Every method: `Closed` after [`KeyValueState::close`]; `Storage` where the disk or the backend refuses, and for every
/// write after that, because a state whose last write failed must be opened anew; `Damaged` where bytes are not what was
/// written; `Argument` where a key or value is too long. None of them panics.
#[derive(Debug)]
pub struct KeyValueState {
    backend: Box<dyn StateBackend>,
    kind: &'static str,
    entries: Box<dyn StateStore>,
    lifetimes: Lifetimes,
    meter: Meter,
    turns: Turns,
    /// What the first write that failed said.
    failed: OnceLock<String>,
}

impl KeyValueState {
    /// The state in `directory`, which exists, on a backend of `factory`.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn open(factory: &dyn BackendFactory, directory: &Path, options: KeyValueOptions) -> Result<Self> {
        KeyValueState::over(factory.open(directory)?, factory.name(), options)
    }

    /// The state that `checkpoint` holds, in `directory`, which exists and is empty; `None` for a backend that needs no
    /// directory. The checkpoint stays as it is.
    ///
    /// Every file of the checkpoint is read and compared first.
    ///
    /// # Errors
    /// `Damaged`, with the file, where the checkpoint is not what was written; `Refused` where another kind of backend
    /// wrote it; `Argument` where `directory` is not empty.
    pub fn open_checkpoint(
        factory: &dyn BackendFactory,
        checkpoint: &Path,
        directory: Option<&Path>,
        options: KeyValueOptions,
    ) -> Result<Self> {
        let data = checkpoint::verify(checkpoint, factory.name())?;
        directory.map_or(Ok(()), |directory| checkpoint::check_empty(directory, checkpoint))?;
        let backend = factory.open_copy(&data, directory.unwrap_or(Path::new("")))?;
        KeyValueState::over(backend, factory.name(), options)
    }

    /// The state on a backend that is open already and of this kind.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn over(backend: Box<dyn StateBackend>, kind: &'static str, options: KeyValueOptions) -> Result<Self> {
        let KeyValueOptions { ttl, clock, latency_sampling } = options;
        let lifetimes = Lifetimes::open(&*backend, ttl, clock)?;
        let entries = backend.open_expiring_store(&StateName::new("key-value", "entries"), lifetimes.expiry())?;
        let turns = Turns::new(lifetimes.reads_write());
        let meter = Meter::new(latency_sampling)?;
        Ok(KeyValueState { backend, kind, entries, lifetimes, meter, turns, failed: OnceLock::new() })
    }

    /// Writes all entries, as they stand at one moment of the call, into `into`, and flushes it. Writers go on meanwhile;
    /// memory does not grow with the state. To have it on a disk, sync the file afterwards.
    ///
    /// # Errors
    /// Those of `into` and of the backend.
    pub fn snapshot(&self, into: impl Write) -> Result<SnapshotSummary> {
        let mut writer = SnapshotWriter::new(BufWriter::with_capacity(BUFFER_BYTES, into))?;
        let mut dated = Vec::new();
        self.entries.snapshot(&mut |key, stored| writer.put(key, self.lifetimes.dated(stored, &mut dated)?))?;
        writer.finish()
    }

    /// Replaces all entries by those that [`KeyValueState::snapshot`] wrote, on whichever backend: all at once, or none.
    /// Reads `from` to its end. Entries keep their age: what expired since the snapshot was taken is not there.
    ///
    /// # Errors
    /// `Damaged` where the stream is not what was written, `Refused` where a newer release wrote it: the state is as it
    /// was. Those of `from` and of the backend.
    pub fn restore(&self, from: impl Read) -> Result<SnapshotSummary> {
        let _turn = self.turns.at_all();
        let mut reader = SnapshotReader::new(BufReader::with_capacity(BUFFER_BYTES, from))?;
        let before = self.writing(|| self.lifetimes.restart())?;
        let mut run = Replacing::new(after_every_key(), &mut reader);
        if let Err(error) = self.entries.apply_run(&mut run) {
            // Where `from` has failed, the backend has not.
            if !run.is_cut() {
                self.note_failure(&error);
            }
            // What is told is why the restore failed, not why undoing it did.
            let _ = self.lifetimes.resume(before).inspect_err(|undo| self.note_failure(undo));
            return Err(error);
        }
        Ok(reader.summary())
    }

    /// Writes a copy of the state, as it stands at one moment of the call, into `directory`, which must not exist. On
    /// RocksDB it consists of hard links, where the file system is the same. It is on the disk, its name included, when
    /// this returns.
    ///
    /// # Errors
    /// `Argument` where `directory` exists. Those of the backend and the file system.
    pub fn create_checkpoint(&self, directory: impl AsRef<Path>) -> Result<CheckpointSummary> {
        checkpoint::create(&*self.backend, self.kind, directory.as_ref())
    }

    /// Event time has come to `now`; it never falls. Only for a state whose [`crate::Ttl`] is in event time.
    ///
    /// # Errors
    /// `Argument` where entries expire by the system's clock.
    pub fn advance_event_time(&self, now: Timestamp) -> Result<()> {
        self.lifetimes.advance(now)
    }

    /// What was done since the state was opened.
    pub fn metrics(&self) -> KeyValueMetrics {
        self.meter.metrics()
    }

    /// What was done, what the backend holds, and how both are configured.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn detailed_metrics(&self) -> Result<DetailedMetrics> {
        Ok(DetailedMetrics {
            backend: self.kind,
            settings: self.backend.settings(),
            operations: self.metrics(),
            stats: self.backend.stats()?,
            readings: self.backend.readings()?,
        })
    }

    /// A property of the backend by its own name; see [`StateBackend::property`].
    ///
    /// # Errors
    /// Those of the backend.
    pub fn property(&self, name: &str) -> Result<Option<String>> {
        self.backend.property(name)
    }

    /// Writes what is in memory to the backend's files.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn flush(&self) -> Result<()> {
        self.writing(|| self.backend.flush())
    }

    /// Rewrites the backend's files without what was deleted or has expired. Takes its time.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn compact(&self) -> Result<()> {
        self.lifetimes.now();
        self.writing(|| self.backend.compact())
    }

    /// Ends the backend's work and releases its files. A second call does nothing.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn close(&self) -> Result<()> {
        self.backend.close()
    }

    /// Runs a write, unless one has failed before.
    ///
    /// After a failed sync nobody knows what is on the disk, and RocksDB refuses all writes once one has failed.
    fn writing<R>(&self, write: impl FnOnce() -> Result<R>) -> Result<R> {
        if let Some(failed) = self.failed.get() {
            return Err(Error::storage(format!(
                "an earlier write failed, so the state must be closed and opened anew: {failed}"
            )));
        }
        write().inspect_err(|error| self.note_failure(error))
    }

    /// Remembers that a write has failed, if the storage is why.
    fn note_failure(&self, error: &Error) {
        if error.kind() == ErrorKind::Storage {
            // Only the first one counts.
            let _ = self.failed.set(error.to_string());
        }
    }

    /// Counts an operation, and times it.
    #[inline]
    fn measured<R>(&self, operation: Operation, run: impl FnOnce() -> Result<R>) -> Result<R> {
        let begun = self.meter.begin(operation);
        let outcome = run();
        self.meter.end(begun, outcome.is_err());
        outcome
    }
}

/// Bytes that are handed to a file at once.
const BUFFER_BYTES: usize = 1 << 18;
