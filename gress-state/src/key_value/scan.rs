//! Entries in order of their keys, slice by slice.

use super::{KeyValueState, lifetimes::Verdict, metrics::Operation};
use crate::store::{KeyRange, prefix_end};
use gress_core::{Error, Result};
use std::vec;

/// A key and its value.
pub type KeyAndValue = (Vec<u8>, Vec<u8>);

/// Some entries of a range, and where it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Entries in ascending order of keys.
    pub entries: Vec<KeyAndValue>,
    /// The key to go on from; `None` if the range has no more entries.
    pub next: Option<Vec<u8>>,
}

impl KeyValueState {
    /// At most `limit` entries of `range`, in ascending order of keys. Expired ones are left out, and reading does not
    /// renew any.
    ///
    /// # Errors
    /// Those of the backend; a `limit` of 0.
    pub fn scan(&self, range: KeyRange<'_>, limit: usize) -> Result<Slice> {
        self.measured(Operation::Scan, || self.scan_slice(range, limit))
    }

    /// At most `limit` entries whose keys begin with `prefix`. Later ones are in the [`KeyRange`] from [`Slice::next`].
    ///
    /// # Errors
    /// As [`KeyValueState::scan`].
    pub fn scan_prefix(&self, prefix: &[u8], limit: usize) -> Result<Slice> {
        let end = prefix_end(prefix);
        self.scan(KeyRange { lower: prefix, upper: end.as_deref() }, limit)
    }

    /// All entries of `range`, in ascending order of keys, read in slices: each slice is of one moment, and a later one
    /// of a later moment. For all entries as of one moment see [`KeyValueState::snapshot`].
    pub fn iter(&self, range: KeyRange<'_>) -> Entries<'_> {
        Entries {
            state: self,
            upper: range.upper.map(<[u8]>::to_vec),
            next: Some(range.lower.to_vec()),
            slice: Vec::new().into_iter(),
        }
    }

    /// As [`KeyValueState::iter`], for the keys that begin with `prefix`.
    pub fn iter_prefix(&self, prefix: &[u8]) -> Entries<'_> {
        let end = prefix_end(prefix);
        self.iter(KeyRange { lower: prefix, upper: end.as_deref() })
    }

    fn scan_slice(&self, range: KeyRange<'_>, limit: usize) -> Result<Slice> {
        if limit == 0 {
            return Err(Error::argument("a scan has the limit 0; valid is 1 and more"));
        }
        let mut slice = Slice { entries: Vec::new(), next: Some(range.lower.to_vec()) };
        let mut rows = limit;
        while slice.entries.len() < limit
            && let Some(lower) = slice.next.take()
        {
            let range = KeyRange { lower: &lower, upper: range.upper };
            slice.next = self.scan_some(range, rows, limit, &mut slice.entries)?;
            // Where some have expired, others beside them have, too.
            rows = limit.max(SLICE);
        }
        self.meter.read(slice.entries.iter().map(|(key, value)| key.len() + value.len()).sum());
        Ok(slice)
    }

    /// Looks at this many stored entries, of which some may have expired, until there are `limit` in `into`. Gives the key
    /// to go on from.
    fn scan_some(
        &self,
        range: KeyRange<'_>,
        rows: usize,
        limit: usize,
        into: &mut Vec<KeyAndValue>,
    ) -> Result<Option<Vec<u8>>> {
        let (mut beyond, mut damaged) = (None, None);
        let next = self.entries.scan(range, rows, &mut |key, stored| match self.lifetimes.judge(stored) {
            Ok((Verdict::Gone | Verdict::Last, _)) => {}
            Ok(_) if into.len() == limit => drop(beyond.get_or_insert_with(|| key.to_vec())),
            Ok((Verdict::Live | Verdict::Renewed, value)) => into.push((key.to_vec(), value.to_vec())),
            Err(error) => damaged = Some(error),
        })?;
        damaged.map_or(Ok(beyond.or(next)), Err)
    }
}

/// An iterator over a range; see [`KeyValueState::iter`].
#[derive(Debug)]
pub struct Entries<'s> {
    state: &'s KeyValueState,
    upper: Option<Vec<u8>>,
    next: Option<Vec<u8>>,
    slice: vec::IntoIter<KeyAndValue>,
}

/// Entries that an iterator reads at once.
const SLICE: usize = 256;

impl Iterator for Entries<'_> {
    type Item = Result<KeyAndValue>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.slice.next() {
                return Some(Ok(entry));
            }
            let lower = self.next.take()?;
            match self.state.scan(KeyRange { lower: &lower, upper: self.upper.as_deref() }, SLICE) {
                Ok(slice) => {
                    self.next = slice.next;
                    self.slice = slice.entries.into_iter();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
