//! What deletes have emptied, made cheap to go over before a scan meets it.
//!
//! RocksDB goes over deleted keys one by one, unless a range delete that lies in a newer write buffer, or file, covers
//! them: then one seek leads to its end. So whoever deletes counts. After each [`MANY`] deletes it looks whether they have
//! left anything between them, and where not, covers them:
//!
//! ```text
//!   write buffer             write buffer, on its way to a file       new write buffer
//!   - - - - - - - - - -  ──▶  - - - - - - - - - -                   ◀── one range delete over them
//! ```
//!
//! Nobody writes to the store between the look and the range delete, which hence removes nothing that is there. A range
//! delete over many entries in memory goes to a new write buffer at once. A store that was never scanned is spared all
//! this: only its first scan finds deletes as they were written.
//!
//! RocksDB can turn deletes into a range delete itself, when an iterator has gone over them
//! (`min_tombstones_for_range_conversion`). That is an experiment in 11.8, and helps later iterators, not the first one.

use crate::{database::Db, options::Options};
use gress_state::{KeyRange, run::RunEntry};
use rocksdb::{
    ColumnFamily, DBRawIteratorWithThreadMode, ErrorKind, FlushOptions, ReadOptions, ReadTier, WriteOptions,
    perf::{PerfContext, PerfMetric},
};
use std::sync::{
    Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
    atomic::{AtomicBool, Ordering},
};

/// Deletes in one place that a scan goes over without anything being done about it: 1 to 5 ms.
pub(crate) const MANY: u64 = 10_000;
/// Deletes that are not worth a look, however often scans meet them, and after which to look again where the time was not
/// right.
const FEW: u64 = 1_000;
/// Bytes of files that a look may have to read. Deletes of larger values are left to scans.
const LOOKED_AT_BYTES: u64 = 16 << 20;

/// What was deleted of one store and may still slow scans down.
#[derive(Debug)]
pub(crate) struct Emptied {
    limits: Limits,
    is_scanned: AtomicBool,
    /// Held by each write, and alone by whoever must know that there is none.
    writes: RwLock<()>,
    deletes: Mutex<Deletes>,
}

/// Up to where a write buffer may be flushed before it is full: half of what slows writers down or stops them.
#[derive(Debug)]
struct Limits {
    /// Write buffers that wait for their flush.
    waiting: u64,
    /// Files in level 0.
    files: u64,
}

impl Limits {
    fn of(options: &Options) -> Self {
        Limits {
            waiting: u64::from(options.max_write_buffer_number / 2).saturating_sub(1),
            files: u64::from(options.level0_slowdown_writes_trigger / 2),
        }
    }
}

/// What was deleted since the last look.
#[derive(Debug)]
struct Deletes {
    count: u64,
    /// The count to look at.
    due: u64,
    /// The least and the greatest key.
    bounds: Option<(Vec<u8>, Vec<u8>)>,
    /// Entries that range deletes cover in the write buffer that both are in.
    covered: u64,
    /// Deletes that scans have gone over, each as often as that.
    met: u64,
}

impl Emptied {
    pub(crate) fn new(options: &Options) -> Self {
        Emptied {
            limits: Limits::of(options),
            is_scanned: AtomicBool::default(),
            writes: RwLock::default(),
            deletes: Mutex::new(Deletes { count: 0, due: MANY, bounds: None, covered: 0, met: 0 }),
        }
    }

    /// Runs a scan. Where scans have gone over many deletes by now, these are covered.
    pub(crate) fn scanning<R>(&self, db: &Db, family: &ColumnFamily, scan: impl FnOnce() -> R) -> R {
        self.is_scanned.store(true, Ordering::Relaxed);
        if self.deletes().count < FEW {
            return scan();
        }
        let met = PerfContext::default();
        let before = met.metric(PerfMetric::InternalDeleteSkippedCount);
        let outcome = scan();
        self.deletes().meet(met.metric(PerfMetric::InternalDeleteSkippedCount).saturating_sub(before));
        self.settle(db, family);
        outcome
    }

    /// Stands around every write to the store.
    pub(crate) fn writing(&self) -> RwLockReadGuard<'_, ()> {
        self.writes.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// This entry is about to be written, by whoever calls [`Emptied::settle`] afterwards. A range delete over many
    /// entries in memory goes to another write buffer than they.
    pub(crate) fn note(&self, entry: &RunEntry<'_>, db: &Db, family: &ColumnFamily) {
        if !self.is_scanned.load(Ordering::Relaxed) {
            return;
        }
        match *entry {
            RunEntry::Put { .. } => {}
            RunEntry::Delete { key } => self.deletes().add(key),
            RunEntry::DeleteRange { start, end } => {
                let covered = in_memory(db, family, KeyRange { lower: start, upper: Some(end) });
                let mut deletes = self.deletes();
                deletes.covered += covered;
                if deletes.covered >= MANY && self.may_flush(db, family) {
                    deletes.covered = 0;
                    begin_write_buffer(db, family);
                }
            }
        }
    }

    /// Covers what was deleted, once it is much and nothing is left between.
    pub(crate) fn settle(&self, db: &Db, family: &ColumnFamily) {
        if !self.is_scanned.load(Ordering::Relaxed) {
            return;
        }
        let Some((count, lower, upper)) = self.due(db, family) else { return };
        let _alone = self.writes.write().unwrap_or_else(PoisonError::into_inner);
        if is_empty(db, family, KeyRange { lower: &lower, upper: Some(&upper) }, count) {
            begin_write_buffer(db, family);
            // It changes nothing, so that neither its end nor its loss matters: the next write says what has failed.
            let mut unlogged = WriteOptions::default();
            unlogged.disable_wal(true);
            let _ = db.delete_range_cf_opt(family, &lower, &upper, &unlogged);
        }
    }

    /// How many deletes there are to look at, and where, if it is time.
    fn due(&self, db: &Db, family: &ColumnFamily) -> Option<(u64, Vec<u8>, Vec<u8>)> {
        let mut deletes = self.deletes();
        if deletes.count < deletes.due {
            return None;
        }
        if !self.may_flush(db, family) {
            deletes.due = deletes.count + FEW;
            return None;
        }
        let count = std::mem::take(&mut deletes.count);
        deletes.due = MANY;
        deletes.met = 0;
        let (least, mut greatest) = deletes.bounds.take()?;
        // The first key after it.
        greatest.push(0);
        Some((count, least, greatest))
    }

    /// Whether a write buffer may be flushed before it is full: else flushes and compactions would pile up.
    fn may_flush(&self, db: &Db, family: &ColumnFamily) -> bool {
        let waiting = db.property_int_value_cf(family, "rocksdb.num-immutable-mem-table").ok().flatten();
        let files = db.property_value_cf(family, "rocksdb.num-files-at-level0").ok().flatten();
        let files = files.and_then(|files| files.parse().ok());
        waiting.is_some_and(|waiting| waiting <= self.limits.waiting)
            && files.is_some_and(|files: u64| files <= self.limits.files)
    }

    fn deletes(&self) -> MutexGuard<'_, Deletes> {
        self.deletes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deletes {
    /// A scan has gone over so many.
    fn meet(&mut self, deletes: u64) {
        self.met += deletes;
        if self.met >= MANY {
            self.met = 0;
            self.due = FEW;
        }
    }

    fn add(&mut self, key: &[u8]) {
        self.count += 1;
        let Some((least, greatest)) = &mut self.bounds else {
            self.bounds = Some((key.to_vec(), key.to_vec()));
            return;
        };
        let bound = match key {
            key if key < least.as_slice() => least,
            key if key > greatest.as_slice() => greatest,
            _ => return,
        };
        bound.clear();
        bound.extend_from_slice(key);
    }
}

/// Entries of a range that are in memory, as far as they are no more than [`MANY`].
fn in_memory(db: &Db, family: &ColumnFamily, range: KeyRange<'_>) -> u64 {
    let mut options = ReadOptions::default();
    options.set_read_tier(ReadTier::Memtable);
    let mut rows = first_of(db, family, range, MANY, options);
    let mut count = 0;
    while rows.valid() && count < MANY {
        count += 1;
        rows.next();
    }
    match rows.status() {
        Err(error) if error.kind() == ErrorKind::Incomplete => MANY,
        _ => count,
    }
}

/// Whether nothing is in a range where so many entries were deleted. `false` where that is dear to know.
fn is_empty(db: &Db, family: &ColumnFamily, range: KeyRange<'_>, deleted: u64) -> bool {
    let property = |name| db.property_int_value_cf(family, name).ok().flatten().unwrap_or(0);
    // Where nearly all is deleted, the estimate is nearly none.
    let entry_bytes =
        property("rocksdb.total-sst-files-size") / property("rocksdb.estimate-num-keys").max(deleted).max(1);
    if deleted.saturating_mul(entry_bytes) > LOOKED_AT_BYTES {
        return false;
    }
    // Each is a delete, and what it deletes, perhaps in several versions.
    let rows = first_of(db, family, range, deleted.saturating_mul(4), ReadOptions::default());
    !rows.valid() && rows.status().is_ok()
}

/// Stands at the first entry of a range, unless there are more than `skipped_max` deleted ones before it.
fn first_of<'d>(
    db: &'d Db,
    family: &ColumnFamily,
    range: KeyRange<'_>,
    skipped_max: u64,
    mut options: ReadOptions,
) -> DBRawIteratorWithThreadMode<'d, Db> {
    options.set_max_skippable_internal_keys(skipped_max);
    if let Some(upper) = range.upper {
        options.set_iterate_upper_bound(upper);
    }
    let mut rows = db.raw_iterator_cf_opt(family, options);
    rows.seek(range.lower);
    rows
}

/// Writes from now on go to another write buffer. The one before is flushed, without waiting for that.
pub(crate) fn begin_write_buffer(db: &Db, family: &ColumnFamily) {
    let mut options = FlushOptions::default();
    options.set_wait(false);
    // Nobody has asked for it: the next write says what has failed.
    let _ = db.flush_cf_opt(family, &options);
}
