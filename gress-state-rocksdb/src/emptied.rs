//! What deletes have emptied: key ranges that are known to hold nothing, which scans go around.
//!
//! RocksDB goes over deleted keys one by one until a compaction has removed them. So each store keeps in memory where
//! nothing is left, and a scan reads what lies between:
//!
//! ```text
//!   in the store     a b - - - - - - - - - - - - n o - - - - - - - - y z        - a delete, and what it deletes
//!   known                [b\0           , n)         [o\0       , y)
//!   a scan           a b ·····················▶  n o ··············▶ y z        three seeks
//! ```
//!
//! It learns from three: who deletes **looks** after some hundred deletes how far the empty place around them reaches; who
//! deletes a **range** knows it; a **scan** that went over many deletes, since it could not know, knows it afterwards.
//!
//! **What is known is true at any moment**, or a scan would miss an entry:
//!
//! ```text
//!   puts, ingested files   writes, shared ── cut out of `known` ── written ── `puts` + 1 ── released
//!   looks, range deletes   writes, alone  ── look, or delete   ── added to `known`      ── released
//!   scans                                    `known` and a snapshot at one moment
//!     and what they learn  writes, alone  ── `puts` as before the snapshot? ── added    ── released
//! ```
//!
//! 1. A put cuts its key out before it is visible. A scan takes its snapshot and what is known under the lock that the cut
//!    needs: so either the range was cut, or the snapshot lacks the put.
//! 2. From its cut to the moment when it is visible a put holds `writes`, as who adds holds it alone: what is added was
//!    seen empty when no put was on its way.
//! 3. A put counts once it is visible. A scan reads the count before its snapshot, so that a put that the snapshot lacks
//!    counts later, and what the scan learned is dropped.
//!
//! Deletes need none of this: they make no key of a known range appear. RocksDB's sequence number would not do for the
//! count, since an ingested file need not raise it. A value that has expired is an entry until it is gone.

mod changes;
mod known;
mod look;

pub(crate) use {changes::Changes, known::Known, known::after, look::Stretch, look::skipped};

use crate::database::Db;
use gress_state::KeyRange;
use known::DELETES_MIN;
use look::{Look, is_dear};
use rocksdb::{ColumnFamily, Error, ErrorKind, Range, ReadOptions, ReadTier, SnapshotWithThreadMode};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Deletes after which to look, which adds a tenth to what they take. A scan goes over so many that came since in 10 to 30 µs,
/// and reads five blocks where they are of 100 bytes and in files.
const DUE: u64 = 128;
/// Where looks find little, deletes after which to look at most.
const DUE_MAX: u64 = 512;
/// Where a look finds much more than what was just deleted, keys are deleted in no order, and each of the next ones may
/// have been the last between two empty places: then each is looked around, as long as that is so.
const DUE_EACH: u64 = 1;
/// Entries that looks may go over for each delete: the delete, and what it deletes, perhaps in several versions.
const ENTRIES_A_DELETE: u64 = 4;
/// Entries that a look goes over in one place, of what looks have spared before, while others wait: 1 to 2 ms.
const SPARED_MAX: u64 = 16_384;

/// What was deleted of one store and where nothing is left.
#[derive(Debug, Default)]
pub(crate) struct Emptied {
    /// Held by each write that puts until it is visible, and alone by who adds to `known`.
    writes: RwLock<()>,
    /// Held for moments only: no scan waits until a write has ended.
    known: RwLock<Arc<Known>>,
    /// Whether anything is known: what becomes known is seen by who holds `writes`.
    is_known: AtomicBool,
    /// Writes that have put something and are visible.
    puts: AtomicU64,
    deletes: Mutex<Deletes>,
}

/// A snapshot, and what is known to be empty in it.
pub(crate) struct Moment<'d> {
    pub(crate) snapshot: SnapshotWithThreadMode<'d, Db>,
    pub(crate) known: Arc<Known>,
    puts: u64,
}

/// Stands around a write that puts: what is known does not speak of it, and nobody adds to that until this is dropped.
struct Putting<'e> {
    puts: &'e AtomicU64,
    _writes: RwLockReadGuard<'e, ()>,
}

impl Drop for Putting<'_> {
    fn drop(&mut self) {
        self.puts.fetch_add(1, Ordering::SeqCst);
    }
}

impl Emptied {
    /// What a batch that is about to be made will do.
    pub(crate) fn changes(&self) -> Changes {
        Changes::new(self.is_known.load(Ordering::Relaxed))
    }

    /// Writes one entry.
    pub(crate) fn put(&self, key: &[u8], write: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let _putting = self.putting(|known| known.contains(key), |known| known.cut(key));
        write()
    }

    /// Writes entries whose puts are within these bounds.
    pub(crate) fn put_between(&self, puts: &Bounds, write: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let _putting = puts
            .0
            .as_ref()
            .map(|(first, last)| self.putting(|known| known.meets(first, last), |known| known.cut_all(first, last)));
        write()
    }

    /// Writes a batch of these changes.
    pub(crate) fn write(&self, changes: &Changes, write: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        if changes.has_ranges {
            let _alone = self.alone();
            self.change_known(|known| changes.cut(known));
            let written = write();
            if changes.has_puts {
                self.puts.fetch_add(1, Ordering::SeqCst);
            }
            if written.is_ok() {
                self.change_known(|known| changes.learn(known));
            }
            return written;
        }
        let _putting = changes.has_puts.then(|| self.putting(|known| changes.meets(known), |known| changes.cut(known)));
        write()
    }

    /// A batch was written. Looks around what it has deleted if it is time.
    pub(crate) fn settle(&self, db: &Db, family: &ColumnFamily, changes: &Changes) {
        if !changes.deleted.is_none() {
            self.look(db, family, |since| since.add_all(&changes.deleted));
        }
    }

    /// As [`Emptied::settle`], where one key was deleted.
    pub(crate) fn settle_one(&self, db: &Db, family: &ColumnFamily, key: &[u8]) {
        self.look(db, family, |since| since.add(key));
    }

    fn look(&self, db: &Db, family: &ColumnFamily, add: impl FnOnce(&mut Deleted)) {
        let Some((deleted, skipped_max)) = self.due(add) else { return };
        let Deleted { count, bounds: Bounds(Some((least, greatest))) } = deleted else { return };
        if is_dear(db, family, skipped_max / ENTRIES_A_DELETE) {
            return;
        }
        let _alone = self.alone();
        let known = self.known().clone();
        let before = skipped();
        let look = Look { db, family, known: &known, skipped_max };
        let found = look.around(&least, &greatest, count);
        let (spent, ranges) = (skipped() - before, known.len());
        drop(known);
        let found_deletes = found.iter().map(|stretch| stretch.deletes).sum::<u64>();
        self.add(found);
        let has_joined = self.known().len() < ranges;
        let mut deletes = self.deletes();
        deletes.spared = deletes.spared.saturating_sub(spent);
        if count >= DUE && found_deletes >= count / 2 {
            deletes.due = DUE;
        } else if found_deletes >= DELETES_MIN || has_joined {
            deletes.due = DUE_EACH;
        }
    }

    /// For a scan.
    pub(crate) fn moment<'d>(&self, db: &'d Db) -> Moment<'d> {
        let known = self.known();
        let puts = self.puts.load(Ordering::SeqCst);
        Moment { snapshot: db.snapshot(), known: known.clone(), puts }
    }

    /// A scan has found these empty at its moment.
    pub(crate) fn learn(&self, moment: &Moment<'_>, found: Vec<Stretch>) {
        let _alone = self.alone();
        if self.puts.load(Ordering::SeqCst) == moment.puts {
            self.add(found);
        }
    }

    fn putting(&self, meets: impl FnOnce(&Known) -> bool, cut: impl FnOnce(&mut Known)) -> Putting<'_> {
        let writes = self.writes.read().unwrap_or_else(PoisonError::into_inner);
        if self.is_known.load(Ordering::Relaxed) && meets(&self.known()) {
            self.change_known(cut);
        }
        Putting { puts: &self.puts, _writes: writes }
    }

    /// By who holds `writes` alone.
    fn add(&self, found: Vec<Stretch>) {
        self.change_known(|known| {
            for Stretch { start, end, deletes } in &found {
                known.add(KeyRange { lower: start, upper: end.as_deref() }, *deletes);
            }
        });
    }

    /// By who holds `writes`.
    fn change_known(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Scans may still go by what was known.
        change(Arc::make_mut(&mut known));
        self.is_known.store(!known.is_empty(), Ordering::Relaxed);
    }

    /// What there is to look at, and how many entries may be gone over in one place, if it is time.
    fn due(&self, add: impl FnOnce(&mut Deleted)) -> Option<(Deleted, u64)> {
        let mut deletes = self.deletes();
        add(&mut deletes.since);
        if deletes.since.count < deletes.due {
            return None;
        }
        // As if nothing were found.
        deletes.due = (2 * deletes.due).min(DUE_MAX);
        let since = std::mem::take(&mut deletes.since);
        let own = ENTRIES_A_DELETE.saturating_mul(since.count);
        deletes.spared = deletes.spared.saturating_add(own);
        Some((since, own.max(deletes.spared.min(SPARED_MAX))))
    }

    fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.writes.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> RwLockReadGuard<'_, Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn deletes(&self) -> MutexGuard<'_, Deletes> {
        self.deletes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Deletes {
    /// Since the last look.
    since: Deleted,
    /// The count of them to look at.
    due: u64,
    /// Entries that looks might have gone over and have not.
    spared: u64,
}

impl Default for Deletes {
    fn default() -> Self {
        Deletes { since: Deleted::default(), due: DUE, spared: 0 }
    }
}

/// Keys that were deleted.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    count: u64,
    bounds: Bounds,
}

impl Deleted {
    fn is_none(&self) -> bool {
        self.count == 0
    }

    fn add(&mut self, key: &[u8]) {
        self.count += 1;
        self.bounds.add(key);
    }

    /// A range delete, unless it covers so much that the range is known by itself.
    fn add_range(&mut self, start: &[u8], end: &[u8], covered: u64) -> bool {
        if covered >= DELETES_MIN {
            return false;
        }
        if covered > 0 {
            self.count += covered;
            self.bounds.add(start);
            self.bounds.add(end);
        }
        true
    }

    fn add_all(&mut self, other: &Deleted) {
        self.count += other.count;
        if let Some((least, greatest)) = &other.bounds.0 {
            self.bounds.add(least);
            self.bounds.add(greatest);
        }
    }
}

/// The least and the greatest of some keys.
#[derive(Debug, Default)]
pub(crate) struct Bounds(Option<(Vec<u8>, Vec<u8>)>);

impl Bounds {
    pub(crate) fn add(&mut self, key: &[u8]) {
        let Some((least, greatest)) = &mut self.0 else {
            self.0 = Some((key.to_vec(), key.to_vec()));
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

/// About how much a range delete will leave to be gone over, up to [`COVERED_MAX`]: entries in memory, deleted ones too. Those
/// in files are gone over by one seek, which may wait for the disk.
pub(crate) fn covered(db: &Db, family: &ColumnFamily, start: &[u8], end: &[u8]) -> u64 {
    let in_memory = in_memory(db, family, start, end);
    if in_memory >= DELETES_MIN {
        return in_memory;
    }
    let in_files = db.get_approximate_sizes_cf(family, &[Range::new(start, end)]);
    if in_files.iter().sum::<u64>() >= COVERED_BYTES { COVERED_MAX } else { in_memory }
}

fn in_memory(db: &Db, family: &ColumnFamily, start: &[u8], end: &[u8]) -> u64 {
    let mut options = ReadOptions::default();
    options.set_read_tier(ReadTier::Memtable);
    options.set_max_skippable_internal_keys(COVERED_MAX);
    options.set_iterate_upper_bound(end);
    let before = skipped();
    let mut rows = db.raw_iterator_cf_opt(family, options);
    rows.seek(start);
    let mut count = 0;
    while rows.valid() && count < COVERED_MAX {
        count += 1;
        rows.next();
    }
    match rows.status() {
        Err(error) if error.kind() == ErrorKind::Incomplete => COVERED_MAX,
        _ => (count + (skipped() - before) / 2).min(COVERED_MAX),
    }
}

/// As many as count for a range that was deleted at once.
const COVERED_MAX: u64 = 1_024;
/// Bytes in files from which on a range is known when it is deleted.
const COVERED_BYTES: u64 = 64 << 10;

#[cfg(test)]
mod tests;
