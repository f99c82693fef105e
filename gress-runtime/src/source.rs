//! Sources: where events come from. A source is plain settings, shared by all tasks; what it opens lives in one task.

mod csv;
mod generate;
mod memory;
mod throttle;

pub use csv::{CsvFile, NumberedCsvFile, OnBadRecord, Row, na_as_none};
pub use generate::Generate;
pub use memory::FromVec;
pub use throttle::Throttled;

use gress_core::{Data, Result};
use std::time::Duration;

/// Where events come from: a number of partitions, each a sequence that can be read again from any position.
///
/// Exactly-once needs that reading from a position gives the same events every time.
pub trait Source: Send + Sync + 'static {
    /// What one record is.
    type Item: Data;

    /// How many partitions there are. Fixed while the job runs.
    fn partitions(&self) -> usize {
        1
    }

    /// A digest of the input: another input gives another text. Called when the job starts, before anything is written.
    ///
    /// # Errors
    /// An input that cannot be read, with its path.
    fn fingerprint(&self) -> Result<String>;

    /// Opens a partition at a position that its reader gave, or 0 for its begin.
    ///
    /// # Errors
    /// An input that cannot be read or is shorter than the position.
    fn open(&self, partition: usize, position: u64) -> Result<Box<dyn Reader<Self::Item>>>;
}

/// Reads one partition. Used by one thread.
pub trait Reader<T> {
    /// Appends up to `max` records (at least 1) to `into`. Never waits for more: `now` is the time since the job's start, for
    /// readers that keep a rate.
    ///
    /// # Errors
    /// A record that cannot be read, with file and line. The job then stops; records appended before are dropped.
    fn read(&mut self, into: &mut Vec<T>, max: usize, now: Duration) -> Result<ReadStatus>;

    /// Where to open the partition to go on after the records read so far.
    fn position(&self) -> u64;

    /// Bad records that were left out so far.
    fn skipped(&self) -> u64 {
        0
    }
}

/// What a reader says after a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadStatus {
    /// There may be more at once.
    More,
    /// Nothing before this time since the job's start.
    NotBefore(Duration),
    /// The partition has ended: nothing follows, ever.
    End,
}
