//! Changes of any kind that are made together.

use crate::{
    key_value::limits::{after_every_key, check_key, check_value},
    run::RunEntry,
    store::KeyRange,
};
use gress_core::Result;
use std::{collections::BTreeMap, time::Duration};

/// Puts, deletes and range deletes that become visible, and durable, all together. They count in the order in which they
/// were added.
///
/// ```
/// use gress_state::{KeyRange, key_value::Batch, memory::MemoryBackend};
///
/// # fn main() -> gress_core::Result<()> {
/// let state = MemoryBackend::open()?;
/// state.put(b"order/1", b"open")?;
///
/// let mut batch = Batch::default();
/// batch.delete(b"order/1").put(b"order/2", b"open").put(b"count", b"2");
/// state.write(&batch)?;
/// assert_eq!(state.get(b"order/1")?, None);
/// assert_eq!(state.get(b"count")?, Some(b"2".to_vec()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Put { key: Vec<u8>, value: Vec<u8>, ttl: Option<Duration> },
    Delete { key: Vec<u8> },
    DeleteRange { start: Vec<u8>, end: Vec<u8> },
}

impl Batch {
    /// `key` has `value`.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> &mut Self {
        self.changes.push(Change::Put { key: key.into(), value: value.into(), ttl: None });
        self
    }

    /// `key` has `value`, and expires after `ttl`.
    pub fn put_with_ttl(&mut self, key: &[u8], value: &[u8], ttl: Duration) -> &mut Self {
        self.changes.push(Change::Put { key: key.into(), value: value.into(), ttl: Some(ttl) });
        self
    }

    /// `key` has no value.
    pub fn delete(&mut self, key: &[u8]) -> &mut Self {
        self.changes.push(Change::Delete { key: key.into() });
        self
    }

    /// No key of `range` has a value.
    pub fn delete_range(&mut self, range: KeyRange<'_>) -> &mut Self {
        let end = range.upper.map_or_else(after_every_key, <[u8]>::to_vec);
        self.changes.push(Change::DeleteRange { start: range.lower.into(), end });
        self
    }

    /// How many changes were added.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether no change was added.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Forgets all changes, and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.changes.clear();
    }

    /// What is left of the changes where later ones hide earlier ones: a range delete hides the puts before it, and is
    /// hidden by those after it.
    pub(super) fn resolve(&self) -> Result<Resolved<'_>> {
        let mut resolved = Resolved::default();
        for change in &self.changes {
            match change {
                Change::Put { key, value, ttl } => {
                    check_key(key)?;
                    check_value(value)?;
                    resolved.points.insert(key, Some((value, *ttl)));
                }
                Change::Delete { key } => {
                    check_key(key)?;
                    resolved.points.insert(key, None);
                }
                Change::DeleteRange { start, end } => {
                    check_key(start)?;
                    resolved.points.retain(|key, _| *key < start.as_slice() || end.as_slice() <= *key);
                    resolved.ranges.push(RunEntry::DeleteRange { start, end });
                }
            }
        }
        Ok(resolved)
    }
}

/// A key's new value and time to live, or none.
type Point<'a> = Option<(&'a [u8], Option<Duration>)>;

/// The outcome of a batch, key by key.
#[derive(Default)]
pub(super) struct Resolved<'a> {
    pub(super) points: BTreeMap<&'a [u8], Point<'a>>,
    pub(super) ranges: Vec<RunEntry<'a>>,
}
