//! Rows of a column family in order, also where most of what lies there was deleted.
//!
//! A scan goes around what is known to be empty, see [`crate::emptied`]. What it does not know it goes over, first up to
//! [`FEW`] deleted entries in one place, and where there are more, over all of them by themselves: then it knows how far
//! they reach, and later scans do. Where there are very many it has them removed from RocksDB, too: those in memory are
//! flushed, files full of them are compacted by themselves (see `translate`), also those of the last level.

use crate::{
    database::Db,
    emptied::{Emptied, Moment, Stretch, after, skipped},
};
use gress_state::KeyRange;
use rocksdb::{ColumnFamily, DBRawIteratorWithThreadMode, Error, ErrorKind, FlushOptions, ReadOptions, WriteOptions};

/// Takes a row, lent until it returns.
type EachRow<'a> = dyn FnMut(&[u8], &[u8]) + 'a;

/// Entries in one place that a scan goes over without learning from it: about 50 µs.
const FEW: u64 = 512;
/// Entries that a scan goes over without having them removed: 1 to 5 ms.
const MANY: u64 = 10_000;
/// Goes over as many as there are.
const NO_MAX: u64 = 0;

/// Calls `row` with at most `limit` entries of `range`, all as they stood at one moment. Gives the key to go on from.
pub(crate) fn scan(
    db: &Db,
    family: &ColumnFamily,
    emptied: &Emptied,
    range: KeyRange<'_>,
    limit: usize,
    row: &mut EachRow<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    let moment = emptied.moment(db);
    let mut scan =
        Scan { db, family, moment: &moment, upper: range.upper, limit, last: Vec::new(), empty: Vec::new(), met: 0 };
    let next = scan.run(range.lower, row);
    let (empty, met) = (scan.empty, scan.met);
    if !empty.is_empty() {
        emptied.learn(&moment, empty);
    }
    drop(moment);
    if met >= MANY {
        remove_deleted(db, family);
    }
    next
}

/// How far a scan has come.
struct Scan<'a> {
    db: &'a Db,
    family: &'a ColumnFamily,
    moment: &'a Moment<'a>,
    upper: Option<&'a [u8]>,
    /// Entries that may still be given.
    limit: usize,
    /// The key that was given last, by the iterator that was read last.
    last: Vec<u8>,
    /// What it has found to be empty.
    empty: Vec<Stretch>,
    /// Deleted entries that it has gone over where they were many.
    met: u64,
}

impl<'a> Scan<'a> {
    fn run(&mut self, lower: &[u8], row: &mut EachRow<'_>) -> Result<Option<Vec<u8>>, Error> {
        let moment = self.moment;
        let mut at = lower;
        loop {
            let before = at;
            if let Some(known) = moment.known.around(at) {
                match known.upper {
                    Some(end) if self.upper.is_none_or(|upper| end < upper) => at = end,
                    _ => return Ok(None),
                }
            }
            let known = moment.known.start_after(at).filter(|start| self.upper.is_none_or(|upper| *start < upper));
            let limit = self.limit;
            let next = self.read(at, known.or(self.upper), row)?;
            let Some(known) = known else { return Ok(next) };
            if next.is_some() {
                return Ok(next);
            }
            if at != before && limit == self.limit {
                // Nothing between two ranges: they are one.
                self.empty.push(Stretch { start: at.to_vec(), end: Some(known.to_vec()), deletes: 0 });
            }
            at = known;
        }
    }

    /// Gives the entries from `from` up to `to`. Gives the key to go on from where there are more.
    fn read(&mut self, from: &[u8], to: Option<&[u8]>, row: &mut EachRow<'_>) -> Result<Option<Vec<u8>>, Error> {
        let mut from = from.to_vec();
        loop {
            let mut rows = self.rows(&from, to, FEW);
            let limit = self.limit;
            match self.give(&mut rows, row) {
                Err(error) if error.kind() == ErrorKind::Incomplete => {}
                outcome => return outcome,
            }
            let start = if limit == self.limit { from } else { after(&self.last) };
            let before = skipped();
            let rows = self.rows(&start, to, NO_MAX);
            rows.status()?;
            let met = (skipped() - before).max(FEW);
            self.met += met;
            let end = rows.key().map(<[u8]>::to_vec);
            let deletes = met / 2;
            self.empty.push(Stretch { start, end: end.clone().or_else(|| to.map(<[u8]>::to_vec)), deletes });
            match end {
                Some(end) if self.limit > 0 => from = end,
                end => return Ok(end),
            }
        }
    }

    /// The raw iterator lends its rows; the others allocate twice for each.
    fn rows(&self, from: &[u8], to: Option<&[u8]>, skipped_max: u64) -> DBRawIteratorWithThreadMode<'a, Db> {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.moment.snapshot);
        options.set_max_skippable_internal_keys(skipped_max);
        if let Some(to) = to {
            options.set_iterate_upper_bound(to);
        }
        let mut rows = self.db.raw_iterator_cf_opt(self.family, options);
        rows.seek(from);
        rows
    }

    /// Gives what is left of the limit. An [`ErrorKind::Incomplete`] where too many entries in one place are none.
    fn give(
        &mut self,
        rows: &mut DBRawIteratorWithThreadMode<'_, Db>,
        row: &mut EachRow<'_>,
    ) -> Result<Option<Vec<u8>>, Error> {
        while self.limit > 0 {
            let Some((key, value)) = rows.item() else { break };
            self.limit -= 1;
            self.last.clear();
            self.last.extend_from_slice(key);
            row(key, value);
            rows.next();
        }
        rows.status()?;
        Ok(rows.key().map(<[u8]>::to_vec))
    }
}

/// Lets RocksDB remove what was deleted, without waiting for it.
fn remove_deleted(db: &Db, family: &ColumnFamily) {
    // Of what kind they are does not matter: what a range delete covers is gone over, too, as long as both are in memory.
    let entries = db.property_int_value_cf(family, "rocksdb.num-entries-active-mem-table");
    if entries.is_ok_and(|entries| entries.is_some_and(|entries| entries >= MANY)) {
        let mut options = FlushOptions::default();
        options.set_wait(false);
        // Nobody has asked for it: the next write says what has failed.
        let _ = db.flush_cf_opt(family, &options);
    }
    // When a snapshot ends, RocksDB looks for files of the last level that hold deletes and are older, and rewrites them. A
    // file that nothing overlaps comes to that level by a mere move, deletes included. It is older once anything was
    // written since: here a delete in the default column family, which is always empty.
    let mut unlogged = WriteOptions::default();
    unlogged.disable_wal(true);
    let _ = db.delete_opt(b"", &unlogged);
    drop(db.snapshot());
}
