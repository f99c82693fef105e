//! How far the place reaches where everything was deleted.

use super::known::{DELETES_MIN, Known, after};
use crate::database::Db;
use rocksdb::{
    ColumnFamily, DBRawIteratorWithThreadMode, ReadOptions,
    perf::{PerfContext, PerfMetric},
};

/// Bytes of an entry, on average, up to which a look reads them from files.
const ENTRY_BYTES_MAX: u64 = 2 << 10;
/// Bytes of files that a look may have to read.
const LOOKED_AT_BYTES_MAX: u64 = 32 << 20;

/// Looks at a store in which nobody writes meanwhile. It does not look at what is known.
pub(super) struct Look<'a> {
    pub(super) db: &'a Db,
    pub(super) family: &'a ColumnFamily,
    pub(super) known: &'a Known,
    /// Deleted entries that it goes over in one place.
    pub(super) skipped_max: u64,
}

/// Keys in which nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: Vec<u8>,
    /// `None`: there is nothing after it.
    pub(crate) end: Option<Vec<u8>>,
    /// About how many deletes are in it beside those that are known.
    pub(crate) deletes: u64,
}

impl Stretch {
    fn ends_before(&self, key: &[u8]) -> bool {
        self.end.as_deref().is_some_and(|end| end <= key)
    }
}

impl Look<'_> {
    /// What is empty around `count` deletes, of which these are the least and the greatest key: one stretch, or one around
    /// each of both where something is left between.
    pub(super) fn around(&self, least: &[u8], greatest: &[u8], count: u64) -> Vec<Stretch> {
        let mut first = self.from(least, greatest);
        if !first.ends_before(greatest) {
            first.deletes = first.deletes.max(count);
            return vec![first];
        }
        vec![first, self.from(greatest, greatest)]
    }

    /// What is empty around `key`; `to` is not before it.
    fn from(&self, key: &[u8], to: &[u8]) -> Stretch {
        let before = skipped();
        let (start, end) = (self.start(key), self.end(key, to));
        Stretch { start, end, deletes: (skipped() - before) / 2 }
    }

    /// How far nothing is from `key` on: up to the next entry or `to`, whichever comes first, and beyond that only to what is
    /// known or where more was deleted. A place that nobody has used is to be left to whoever puts there.
    fn end(&self, key: &[u8], to: &[u8]) -> Option<Vec<u8>> {
        let (mut at, to) = (key.to_vec(), after(to));
        loop {
            if let Some(range) = self.known.around(&at) {
                at = range.upper?.to_vec();
                continue;
            }
            let is_beyond = at >= to;
            let bound = [self.known.start_after(&at), (!is_beyond).then_some(&to[..])].into_iter().flatten().min();
            let mut options = self.options();
            if let Some(bound) = bound {
                options.set_iterate_upper_bound(bound);
            }
            let before = skipped();
            let mut rows = self.rows(options);
            rows.seek(&at);
            let is_used = !is_beyond || skipped() - before >= DELETES_MIN;
            match (rows.key(), bound) {
                (Some(key), _) if is_used => return Some(key.to_vec()),
                (Some(_), _) => return Some(at),
                // Too many were deleted, or it cannot be read: nothing is known of what comes here.
                _ if rows.status().is_err() => return Some(at),
                (None, Some(bound)) => at = bound.to_vec(),
                (None, None) if is_used => return None,
                (None, None) => return Some(at),
            }
        }
    }

    /// As [`Look::end`], from `key` backwards.
    fn start(&self, key: &[u8]) -> Vec<u8> {
        let mut at = key.to_vec();
        while !at.is_empty() {
            let mut options = self.options();
            let bound = match self.known.before(&at) {
                Some(range) if range.upper.is_none_or(|upper| upper >= &at[..]) => {
                    at = range.lower.to_vec();
                    continue;
                }
                Some(range) => range.upper.map(<[u8]>::to_vec),
                None => None,
            };
            options.set_iterate_lower_bound(bound.as_deref().unwrap_or_default());
            options.set_iterate_upper_bound(&at[..]);
            let before = skipped();
            let mut rows = self.rows(options);
            rows.seek_to_last();
            let is_used = skipped() - before >= DELETES_MIN;
            match (rows.key(), bound) {
                (Some(key), _) if is_used => return after(key),
                (Some(_), _) => return at,
                _ if rows.status().is_err() => return at,
                (None, Some(bound)) => at = bound,
                (None, None) if is_used => return Vec::new(),
                (None, None) => return at,
            }
        }
        at
    }

    fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::default();
        options.set_max_skippable_internal_keys(self.skipped_max);
        options
    }

    fn rows(&self, options: ReadOptions) -> DBRawIteratorWithThreadMode<'_, Db> {
        self.db.raw_iterator_cf_opt(self.family, options)
    }
}

/// Entries that iterators of this thread have gone over without giving them.
pub(crate) fn skipped() -> u64 {
    let context = PerfContext::default();
    context.metric(PerfMetric::InternalDeleteSkippedCount) + context.metric(PerfMetric::InternalKeySkippedCount)
}

/// Whether to look at so many deletes takes more than they have taken: where much must be read for each.
pub(super) fn is_dear(db: &Db, family: &ColumnFamily, count: u64) -> bool {
    let property = |name| db.property_int_value_cf(family, name).ok().flatten().unwrap_or(0);
    // The estimate counts a delete as if an entry were gone, which is still there to be read.
    let deletes = property("rocksdb.num-deletes-active-mem-table") + property("rocksdb.num-deletes-imm-mem-tables");
    let entries = property("rocksdb.estimate-num-keys") + deletes;
    let entry_bytes = property("rocksdb.total-sst-files-size") / entries.max(count).max(1);
    entry_bytes > ENTRY_BYTES_MAX || entry_bytes.saturating_mul(count) > LOOKED_AT_BYTES_MAX
}
