//! Rows of a column family in order, also where most of what lies there was deleted.
//!
//! RocksDB goes over a deleted key like over any other until a compaction has removed it: a scan of an emptied range takes
//! as long as there were keys. So a scan that meets many of them has them removed: those in memory are flushed, files full
//! of them are compacted by themselves (see `translate`), also those of the last level. The first scans pay, later ones do
//! not. Most often writers have covered what they deleted before a scan comes, see [`crate::emptied`].

use crate::{
    database::Db,
    emptied::{MANY, begin_write_buffer},
};
use gress_state::KeyRange;
use rocksdb::{ColumnFamily, Error, ErrorKind, ReadOptions, SnapshotWithThreadMode, WriteOptions};

/// Takes a row, lent until it returns.
type EachRow<'a> = dyn FnMut(&[u8], &[u8]) + 'a;

/// Calls `row` with at most `limit` entries of `range`, all as they stood at one moment. Gives the key to go on from.
pub(crate) fn scan(
    db: &Db,
    family: &ColumnFamily,
    range: KeyRange<'_>,
    limit: usize,
    row: &mut EachRow<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    // Held over both attempts.
    let moment = db.snapshot();
    let mut begun = Scan { db, family, moment: &moment, upper: range.upper, given: 0, last: Vec::new() };
    match begun.go_on(range.lower, limit, MANY, row) {
        Err(error) if error.kind() == ErrorKind::Incomplete => {
            let next = begun.next(range.lower);
            let outcome = begun.go_on(&next, limit - begun.given, NO_MAX, row);
            drop(moment);
            remove_deleted(db, family);
            outcome
        }
        outcome => outcome,
    }
}

/// Goes over as many skipped entries as there are.
const NO_MAX: u64 = 0;

/// How far a scan has come.
struct Scan<'a> {
    db: &'a Db,
    family: &'a ColumnFamily,
    moment: &'a SnapshotWithThreadMode<'a, Db>,
    upper: Option<&'a [u8]>,
    given: usize,
    /// The key that was given last.
    last: Vec<u8>,
}

impl Scan<'_> {
    /// Gives at most `limit` entries from `lower` on; an [`ErrorKind::Incomplete`] where more than `skipped_max` entries
    /// in one place are none.
    fn go_on(
        &mut self,
        lower: &[u8],
        limit: usize,
        skipped_max: u64,
        row: &mut EachRow<'_>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut options = ReadOptions::default();
        options.set_snapshot(self.moment);
        options.set_max_skippable_internal_keys(skipped_max);
        if let Some(upper) = self.upper {
            options.set_iterate_upper_bound(upper);
        }
        // The raw iterator lends its rows; the others allocate twice for each.
        let mut rows = self.db.raw_iterator_cf_opt(self.family, options);
        rows.seek(lower);
        for _ in 0..limit {
            let Some((key, value)) = rows.item() else { break };
            self.given += 1;
            self.last.clear();
            self.last.extend_from_slice(key);
            row(key, value);
            rows.next();
        }
        rows.status()?;
        Ok(rows.key().map(<[u8]>::to_vec))
    }

    /// The first key that was not given, of a scan that began at `lower`.
    fn next(&self, lower: &[u8]) -> Vec<u8> {
        match self.given {
            0 => lower.to_vec(),
            _ => [&self.last, &[0][..]].concat(),
        }
    }
}

/// Lets RocksDB remove what was deleted, without waiting for it.
fn remove_deleted(db: &Db, family: &ColumnFamily) {
    // Of what kind they are does not matter: what a range delete covers is gone over, too, as long as both are in memory.
    let entries = db.property_int_value_cf(family, "rocksdb.num-entries-active-mem-table");
    if entries.is_ok_and(|entries| entries.is_some_and(|entries| entries >= MANY)) {
        begin_write_buffer(db, family);
    }
    // When a snapshot ends, RocksDB looks for files of the last level that hold deletes and are older, and rewrites them. A
    // file that nothing overlaps comes to that level by a mere move, deletes included. It is older once anything was
    // written since: here a delete in the default column family, which is always empty.
    let mut unlogged = WriteOptions::default();
    unlogged.disable_wal(true);
    let _ = db.delete_opt(b"", &unlogged);
    drop(db.snapshot());
}
