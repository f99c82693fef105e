//! Events from memory.

use super::{ReadStatus, Reader, Source};
use gress_core::{Data, Error, Result};
use std::{any::type_name, sync::Arc, time::Duration};

/// A source of events that are in memory, for tests and small examples. Copies of it share them.
///
/// Its fingerprint is the number of events and the name of their type: that a restarted job is given the *same* events is
/// not checked. A plain `Vec` is a source with one partition, too.
#[derive(Clone, Debug)]
pub struct FromVec<T> {
    partitions: Arc<[Vec<T>]>,
}

impl<T> FromVec<T> {
    /// One partition.
    pub fn new(events: Vec<T>) -> Self {
        FromVec::partitioned(vec![events])
    }

    /// A partition for each of `partitions`.
    pub fn partitioned(partitions: Vec<Vec<T>>) -> Self {
        FromVec { partitions: partitions.into() }
    }
}

impl<T: Data + Sync> Source for FromVec<T> {
    type Item = T;

    fn partitions(&self) -> usize {
        self.partitions.len()
    }

    fn fingerprint(&self) -> Result<String> {
        let counts: Vec<_> = self.partitions.iter().map(|events| events.len().to_string()).collect();
        Ok(fingerprint::<T>(&counts.join("+")))
    }

    fn open(&self, partition: usize, position: u64) -> Result<Box<dyn Reader<T>>> {
        let next = checked(position, self.partitions[partition].len())?;
        Ok(Box::new(SharedReader { partitions: self.partitions.clone(), partition, next }))
    }
}

/// One partition. What it holds is copied when it is opened; [`FromVec`] shares it.
impl<T: Data + Sync> Source for Vec<T> {
    type Item = T;

    fn fingerprint(&self) -> Result<String> {
        Ok(fingerprint::<T>(&self.len().to_string()))
    }

    fn open(&self, partition: usize, position: u64) -> Result<Box<dyn Reader<T>>> {
        FromVec::new(self.clone()).open(partition, position)
    }
}

fn fingerprint<T>(counts: &str) -> String {
    format!("memory-{counts}-{}", type_name::<T>())
}

fn checked(position: u64, len: usize) -> Result<usize> {
    let within = usize::try_from(position).ok().filter(|position| *position <= len);
    within.ok_or_else(|| Error::input(format!("the source has {len} events, but the job had read {position}")))
}

struct SharedReader<T> {
    partitions: Arc<[Vec<T>]>,
    partition: usize,
    next: usize,
}

impl<T: Clone> Reader<T> for SharedReader<T> {
    fn read(&mut self, into: &mut Vec<T>, max: usize, _now: Duration) -> Result<ReadStatus> {
        let events = &self.partitions[self.partition];
        let end = events.len().min(self.next.saturating_add(max));
        into.extend_from_slice(&events[self.next..end]);
        self.next = end;
        Ok(if end == events.len() { ReadStatus::End } else { ReadStatus::More })
    }

    fn position(&self) -> u64 {
        self.next as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<S: Source>(source: &S, partition: usize, position: u64) -> Vec<S::Item> {
        let (mut reader, mut items) = (source.open(partition, position).unwrap(), Vec::new());
        while reader.read(&mut items, 2, Duration::ZERO).unwrap() == ReadStatus::More {}
        items
    }

    #[test]
    fn each_partition_is_read_again_from_any_position() {
        let source = FromVec::partitioned(vec![vec![1, 2, 3], vec![4]]);
        assert_eq!(all(&source, 0, 0), [1, 2, 3]);
        assert_eq!(all(&source, 0, 2), [3]);
        assert_eq!(all(&source, 1, 1), [0; 0]);
        assert!(source.open(1, 2).is_err());
    }

    #[test]
    fn a_vec_and_its_shared_form_are_the_same_source() {
        let (plain, shared) = (vec!["a", "b"], FromVec::new(vec!["a", "b"]));
        assert_eq!(plain.fingerprint().unwrap(), shared.fingerprint().unwrap());
        assert_eq!(all(&plain, 0, 1), all(&shared, 0, 1));
        assert_ne!(plain.fingerprint().unwrap(), vec!["a"].fingerprint().unwrap());
    }
}
