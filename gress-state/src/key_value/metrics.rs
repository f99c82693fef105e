//! What a key-value state tells of its work.

use crate::backend::{BackendStats, Reading};
use std::{collections::BTreeMap, fmt, time::Duration};

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `get`, `get_with`, `contains_key`.
    Get,
    /// `put`, `put_with_ttl`.
    Put,
    /// `delete`, `delete_range`.
    Delete,
    /// `batch_put`, `batch_put_with_ttl`, `batch_delete`, `write`: one for the whole batch.
    Batch,
    /// `scan`, `scan_prefix`, and each slice of an iteration.
    Scan,
    /// `batch_get`: one for all its keys.
    MultiGet,
}

impl Operation {
    /// All kinds.
    pub const ALL: [Operation; 6] =
        [Operation::Get, Operation::Put, Operation::Delete, Operation::Batch, Operation::Scan, Operation::MultiGet];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Get => "get",
            Operation::Put => "put",
            Operation::Delete => "delete",
            Operation::Batch => "batch",
            Operation::Scan => "scan",
            Operation::MultiGet => "multi_get",
        }
    }
}

/// How long operations of one kind took, as far as they were timed. Quantiles are right to a hundredth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Operations that were timed.
    pub timed: u64,
    /// The mean.
    pub average: Duration,
    /// Half of them took at most this long.
    pub p50: Duration,
    /// 95 of 100 took at most this long.
    pub p95: Duration,
    /// 99 of 100 took at most this long.
    pub p99: Duration,
    /// 999 of 1,000 took at most this long.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
}

/// What a key-value state has done since it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValueMetrics {
    /// Reads of one key.
    pub gets: u64,
    /// Puts of one key.
    pub puts: u64,
    /// Deletes of a key or range.
    pub deletes: u64,
    /// Batches that were written.
    pub batches: u64,
    /// Slices that were scanned.
    pub scans: u64,
    /// Reads of many keys.
    pub multi_gets: u64,
    /// Operations that failed.
    pub errors: u64,
    /// Keys that were read and not there, expired ones included.
    pub misses: u64,
    /// Bytes of values, and in scans of keys, that were read.
    pub bytes_read: u64,
    /// Bytes of keys and values that were written.
    pub bytes_written: u64,
    /// How long each kind of operation took.
    pub latencies: [(Operation, Latency); Operation::ALL.len()],
}

impl KeyValueMetrics {
    /// How long operations of this kind took.
    pub fn latency(&self, of: Operation) -> Latency {
        self.latencies[of as usize].1
    }

    /// The numbers by name; times in microseconds.
    pub fn to_map(&self) -> BTreeMap<String, u64> {
        let counts = [
            ("gets", self.gets),
            ("puts", self.puts),
            ("deletes", self.deletes),
            ("batches", self.batches),
            ("scans", self.scans),
            ("multi_gets", self.multi_gets),
            ("errors", self.errors),
            ("misses", self.misses),
            ("bytes_read", self.bytes_read),
            ("bytes_written", self.bytes_written),
        ];
        let mut map: BTreeMap<String, u64> = counts.map(|(name, count)| (name.to_owned(), count)).into();
        for (operation, latency) in &self.latencies {
            let parts = [("avg", latency.average), ("p99", latency.p99), ("max", latency.max)];
            for (part, time) in parts.iter().filter(|_| latency.timed > 0) {
                map.insert(format!("{}_latency_{part}_us", operation.name()), micros(*time));
            }
        }
        map
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl fmt::Display for KeyValueMetrics {
    /// One line of counts, then one line for each kind of operation that was timed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KeyValueMetrics { gets, misses, puts, deletes, batches, scans, multi_gets, errors, .. } = self;
        write!(f, "gets {gets} (misses {misses}), puts {puts}, deletes {deletes}, batches {batches}, scans {scans}, ")?;
        write!(
            f,
            "multi-gets {multi_gets}, errors {errors}, read {} B, written {} B",
            self.bytes_read, self.bytes_written
        )?;
        for (operation, latency) in self.latencies.iter().filter(|(_, latency)| latency.timed > 0) {
            let Latency { timed, average, p50, p95, p99, p999, max } = latency;
            write!(f, "\n{:<9} timed {timed}: average {average:?}, p50 {p50:?}, p95 {p95:?}, ", operation.name())?;
            write!(f, "p99 {p99:?}, p99.9 {p999:?}, max {max:?}")?;
        }
        Ok(())
    }
}

/// All that a key-value state and its backend tell.
#[derive(Clone, Debug, PartialEq)]
pub struct DetailedMetrics {
    /// The kind of the backend.
    pub backend: &'static str,
    /// What the backend was configured with: each setting and its value.
    pub settings: Vec<(&'static str, String)>,
    /// Counts and latencies.
    pub operations: KeyValueMetrics,
    /// Sizes of the backend, stamps and its own bookkeeping included.
    pub stats: BackendStats,
    /// What the backend tells of itself: of RocksDB its counters of filters, cache, stalls and compaction, say.
    pub readings: Vec<Reading>,
}
