//! Writing single keys and batches.

use super::{
    KeyValueState,
    batch::{Batch, Resolved},
    limits::{after_every_key, check_key, check_value},
    metrics::Operation,
    run::{Single, Sorted},
    turns::Turn,
};
use crate::{
    run::{RunCursor, RunEntry},
    store::KeyRange,
    ttl::Stamp,
};
use gress_core::Result;
use std::{cell::Cell, ops::Range, time::Duration};

impl KeyValueState {
    /// `key` has `value` from now on.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`].
    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.measured(Operation::Put, || self.put_stamped(key, value, self.lifetimes.stamp()?))
    }

    /// `key` has `value` from now on, and expires after `ttl`, whatever the state's time to live is. Reads do not renew
    /// it.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`]; `Argument` in event time that has not begun.
    pub fn put_with_ttl(&self, key: &[u8], value: &[u8], ttl: Duration) -> Result<()> {
        self.measured(Operation::Put, || self.put_stamped(key, value, self.lifetimes.stamp_for(ttl)?))
    }

    fn put_stamped(&self, key: &[u8], value: &[u8], stamp: Stamp) -> Result<()> {
        check_key(key)?;
        check_value(value)?;
        let _turn = self.turns.at([key]);
        with_scratch(|stored| {
            stamp.encode(stored);
            stored.extend_from_slice(value);
            self.apply(&mut Single::new(RunEntry::Put { key, value: stored }))
        })?;
        self.meter.wrote(key.len() + value.len());
        Ok(())
    }

    /// `key` has no value from now on. One that has none already is no error.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`].
    pub fn delete(&self, key: &[u8]) -> Result<()> {
        self.measured(Operation::Delete, || {
            check_key(key)?;
            let _turn = self.turns.at([key]);
            self.apply(&mut Single::new(RunEntry::Delete { key }))?;
            self.meter.wrote(key.len());
            Ok(())
        })
    }

    /// No key of `range` has a value from now on.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`].
    pub fn delete_range(&self, range: KeyRange<'_>) -> Result<()> {
        self.measured(Operation::Delete, || {
            let end = range.upper.map_or_else(after_every_key, <[u8]>::to_vec);
            check_key(range.lower)?;
            let _turn = self.turns.at_all();
            self.apply(&mut Single::new(RunEntry::DeleteRange { start: range.lower, end: &end }))
        })
    }

    /// Puts all entries, or none. Of several with one key the last one counts.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`].
    pub fn batch_put<K: AsRef<[u8]>, V: AsRef<[u8]>>(&self, entries: impl IntoIterator<Item = (K, V)>) -> Result<()> {
        self.measured(Operation::Batch, || self.put_all(entries, self.lifetimes.stamp()?))
    }

    /// Puts all entries, or none; they expire after `ttl`, whatever the state's time to live is.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`]; `Argument` in event time that has not begun.
    pub fn batch_put_with_ttl<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        entries: impl IntoIterator<Item = (K, V)>,
        ttl: Duration,
    ) -> Result<()> {
        self.measured(Operation::Batch, || self.put_all(entries, self.lifetimes.stamp_for(ttl)?))
    }

    fn put_all<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        entries: impl IntoIterator<Item = (K, V)>,
        stamp: Stamp,
    ) -> Result<()> {
        let entries: Vec<(K, V)> = entries.into_iter().collect();
        for (key, value) in &entries {
            check_key(key.as_ref())?;
            check_value(value.as_ref())?;
        }
        let mut values = Values::for_some(entries.iter().map(|(_, value)| value.as_ref().len()));
        entries.iter().for_each(|(_, value)| values.push(stamp, value.as_ref()));
        let puts = entries.iter().zip(values.iter());
        let mut run = Sorted::new(puts.map(|((key, _), value)| RunEntry::Put { key: key.as_ref(), value }).collect());
        let _turn = self.turns.at(entries.iter().map(|(key, _)| key.as_ref()));
        self.apply(&mut run)?;
        self.meter.wrote(entries.iter().map(|(key, value)| key.as_ref().len() + value.as_ref().len()).sum());
        Ok(())
    }

    /// Deletes all keys, or none.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`].
    pub fn batch_delete<K: AsRef<[u8]>>(&self, keys: impl IntoIterator<Item = K>) -> Result<()> {
        self.measured(Operation::Batch, || {
            let keys: Vec<K> = keys.into_iter().collect();
            keys.iter().try_for_each(|key| check_key(key.as_ref()))?;
            let mut run = Sorted::new(keys.iter().map(|key| RunEntry::Delete { key: key.as_ref() }).collect());
            let _turn = self.turns.at(keys.iter().map(AsRef::as_ref));
            self.apply(&mut run)?;
            self.meter.wrote(keys.iter().map(|key| key.as_ref().len()).sum());
            Ok(())
        })
    }

    /// Makes all changes of `batch`, or none.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`].
    pub fn write(&self, batch: &Batch) -> Result<()> {
        self.measured(Operation::Batch, || {
            let resolved = batch.resolve()?;
            let mut values = Values::for_some(resolved.points.values().flatten().map(|(value, _)| value.len()));
            for (value, ttl) in resolved.points.values().flatten() {
                let stamp = ttl.map_or_else(|| self.lifetimes.stamp(), |ttl| self.lifetimes.stamp_for(ttl))?;
                values.push(stamp, value);
            }
            let _turn = self.turn_at(&resolved);
            let bytes =
                resolved.points.iter().map(|(key, value)| key.len() + value.map_or(0, |(value, _)| value.len()));
            let bytes = bytes.sum();
            self.apply(&mut Sorted::new(entries(&resolved, &values)))?;
            self.meter.wrote(bytes);
            Ok(())
        })
    }

    fn turn_at(&self, resolved: &Resolved<'_>) -> Turn<'_> {
        match resolved.ranges.is_empty() {
            true => self.turns.at(resolved.points.keys().copied()),
            false => self.turns.at_all(),
        }
    }

    /// Applies a run, unless a write has failed before.
    pub(super) fn apply(&self, run: &mut dyn RunCursor) -> Result<()> {
        self.writing(|| self.entries.apply_run(run))
    }
}

fn entries<'a>(resolved: &Resolved<'a>, values: &'a Values) -> Vec<RunEntry<'a>> {
    let mut values = values.iter();
    let points = resolved.points.iter().map(|(key, value)| match value {
        Some(_) => RunEntry::Put { key, value: values.next().unwrap_or_default() },
        None => RunEntry::Delete { key },
    });
    resolved.ranges.iter().copied().chain(points).collect()
}

/// Lends a buffer that is empty and need not be allocated, as a rule.
fn with_scratch<R>(then: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    /// A larger one is not kept.
    const KEPT_BYTES: usize = 64 << 10;
    thread_local! { static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) } }
    // Taken out while it is lent: what is called with it may write to another state.
    let mut scratch = SCRATCH.take();
    let outcome = then(&mut scratch);
    if scratch.capacity() <= KEPT_BYTES {
        scratch.clear();
        SCRATCH.set(scratch);
    }
    outcome
}

/// Values behind their stamps, one after another.
struct Values {
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl Values {
    /// Room for values of these lengths.
    fn for_some(lengths: impl Iterator<Item = usize>) -> Self {
        let (count, bytes) = lengths.fold((0, 0), |(count, bytes), length| (count + 1, bytes + length));
        Values { bytes: Vec::with_capacity(bytes + count * Stamp::MAX_LEN), places: Vec::with_capacity(count) }
    }

    fn push(&mut self, stamp: Stamp, value: &[u8]) {
        let start = self.bytes.len();
        stamp.encode(&mut self.bytes);
        self.bytes.extend_from_slice(value);
        self.places.push(start..self.bytes.len());
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|place| &self.bytes[place.clone()])
    }
}
