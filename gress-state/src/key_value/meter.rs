//! What a key-value state counts and times.

use crate::key_value::metrics::{KeyValueMetrics, Latency, Operation};
use gress_core::{Error, Result};
use hdrhistogram::Histogram;
use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// The longest time that is told from longer ones.
const LONGEST: Duration = Duration::from_secs(600);

/// Counts every operation, and times one of some.
pub(super) struct Meter {
    calls: [AtomicU64; Operation::ALL.len()],
    latencies: Vec<Mutex<Histogram<u64>>>,
    errors: AtomicU64,
    misses: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    sampling: u64,
}

/// An operation that has begun.
pub(super) struct Begun {
    operation: Operation,
    /// When, if it is timed.
    at: Option<Instant>,
}

impl Meter {
    /// Times one of `sampling` operations of each kind, the first one among them.
    ///
    /// # Errors
    /// None in practice: the bounds of its histograms are constants.
    pub(super) fn new(sampling: u32) -> Result<Self> {
        Ok(Meter {
            calls: Default::default(),
            latencies: Operation::ALL.iter().map(|_| histogram().map(Mutex::new)).collect::<Result<_>>()?,
            errors: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            sampling: sampling.into(),
        })
    }

    #[inline]
    pub(super) fn begin(&self, operation: Operation) -> Begun {
        let before = self.calls[operation as usize].fetch_add(1, Relaxed);
        let timed = self.sampling > 0 && before.is_multiple_of(self.sampling);
        Begun { operation, at: timed.then(now) }
    }

    #[inline]
    pub(super) fn end(&self, begun: Begun, failed: bool) {
        if failed {
            self.errors.fetch_add(1, Relaxed);
        }
        if let Some(at) = begun.at {
            self.record(begun.operation, now().duration_since(at));
        }
    }

    fn record(&self, operation: Operation, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let mut latency = self.latencies[operation as usize].lock().unwrap_or_else(PoisonError::into_inner);
        latency.saturating_record(nanos.max(1));
    }

    #[inline]
    pub(super) fn missed(&self, keys: u64) {
        self.misses.fetch_add(keys, Relaxed);
    }

    #[inline]
    pub(super) fn read(&self, bytes: usize) {
        self.bytes_read.fetch_add(bytes as u64, Relaxed);
    }

    #[inline]
    pub(super) fn wrote(&self, bytes: usize) {
        self.bytes_written.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn metrics(&self) -> KeyValueMetrics {
        let calls = |operation| self.calls[operation as usize].load(Relaxed);
        KeyValueMetrics {
            gets: calls(Operation::Get),
            puts: calls(Operation::Put),
            deletes: calls(Operation::Delete),
            batches: calls(Operation::Batch),
            scans: calls(Operation::Scan),
            multi_gets: calls(Operation::MultiGet),
            errors: self.errors.load(Relaxed),
            misses: self.misses.load(Relaxed),
            bytes_read: self.bytes_read.load(Relaxed),
            bytes_written: self.bytes_written.load(Relaxed),
            latencies: Operation::ALL.map(|operation| (operation, self.latency(operation))),
        }
    }

    fn latency(&self, operation: Operation) -> Latency {
        let latency = self.latencies[operation as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let at = |quantile| Duration::from_nanos(latency.value_at_quantile(quantile));
        Latency {
            timed: latency.len(),
            average: Duration::from_nanos(latency.mean() as u64),
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: Duration::from_nanos(latency.max()),
        }
    }
}

/// Two significant digits: a quantile is right to a hundredth.
fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, 2)
        .map_err(|e| Error::config("a histogram of latencies cannot be made").because(e))
}

#[expect(clippy::disallowed_methods, reason = "what an operation takes is real time, also in a simulation")]
fn now() -> Instant {
    Instant::now()
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("sampling", &self.sampling).finish_non_exhaustive()
    }
}
