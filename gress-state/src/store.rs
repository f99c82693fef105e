//! One operator state of one task, as bytes: what a table of live values spills to and misses into.

use crate::run::RunCursor;
use gress_core::Result;
use std::fmt::Debug;

/// Keys from `lower` (inclusive) to `upper` (exclusive; `None` has no end).
#[derive(Clone, Copy, Debug)]
pub struct KeyRange<'a> {
    /// The first key that belongs to the range.
    pub lower: &'a [u8],
    /// The first key that no longer does.
    pub upper: Option<&'a [u8]>,
}

impl KeyRange<'_> {
    /// Whether `key` belongs to the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.lower <= key && self.upper.is_none_or(|upper| key < upper)
    }
}

/// The first key after all keys that begin with `prefix`; `None` if there is no such key (`prefix` is all `FF`).
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&b| b != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// Sorted bytes to bytes: one state of one task.
///
/// A store is used by one thread at a time and knows no types. It is a place to spill to, not the truth: what a
/// checkpoint holds is written by Gress in runs, never read from a store. Nothing here is durable before
/// [`crate::StateBackend::flush`], and no caller relies on it.
///
/// After an error of [`StateStore::apply_run`] the content of the store is undefined; the caller drops it and restores.
pub trait StateStore: Debug + Send {
    /// Calls `read` with the value of `key`, once, before it returns `true`; `false` if there is none.
    ///
    /// The bytes are lent: `read` copies or decodes them and must not call the store.
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool>;

    /// Calls `read` exactly once for each index of `keys`, in any order, with the value or `None`.
    ///
    /// `keys` ascend strictly. The bytes are lent as in [`StateStore::get`].
    fn multi_get(&self, keys: &[&[u8]], read: &mut dyn FnMut(usize, Option<&[u8]>)) -> Result<()>;

    /// Calls `row` with at most `limit` entries of `range`, in ascending order of keys; returns the key to go on from,
    /// or `None` when the range is exhausted.
    ///
    /// `limit` is at least 1. A range whose `lower` is not below its `upper` is empty. No entry outside the range is
    /// touched, and one that was deleted is never given. The bytes are lent as in [`StateStore::get`].
    fn scan(&self, range: KeyRange<'_>, limit: usize, row: &mut dyn FnMut(&[u8], &[u8])) -> Result<Option<Vec<u8>>>;

    /// Applies all entries of `run`, whatever its size, in memory that does not grow with it. Reads that begin after it
    /// returns see all of it.
    ///
    /// A range delete removes what the store held *before* this run; puts of the same run inside the range stay.
    fn apply_run(&self, run: &mut dyn RunCursor) -> Result<()>;
}
