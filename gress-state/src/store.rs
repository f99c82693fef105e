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

/// Takes a key and its value, lent until it returns; an error ends what calls it.
pub type EachRow<'a> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 'a;

/// Sorted bytes to bytes: one state of one task.
///
/// A store knows no types. Several threads may use it at once; a task's is used by one at a time. For a job it is a place
/// to spill to, not the truth: what a checkpoint holds is written by Gress in runs, never read from a store. What a write
/// survives is the backend's to say, and a job does not rely on it.
pub trait StateStore: Debug + Send + Sync {
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

    /// Calls `row` with every entry, in ascending order of keys, all as they stood at one moment of the call. Writers go
    /// on meanwhile, and memory does not grow with the store. The bytes are lent as in [`StateStore::get`].
    ///
    /// # Errors
    /// The first one of `row`, which ends the call, beside those of the store.
    fn snapshot(&self, row: &mut EachRow<'_>) -> Result<()>;

    /// Applies all entries of `run`, whatever its size, or none: where the run ends in an error, or applying it does, the
    /// store is as it was. A read sees all of it or nothing; one that begins after the call sees all of it.
    ///
    /// A range delete removes what the store held *before* this run; puts of the same run inside the range stay.
    fn apply_run(&self, run: &mut dyn RunCursor) -> Result<()>;
}
