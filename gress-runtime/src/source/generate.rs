//! Events that a function makes.

use super::{ReadStatus, Reader, Source};
use gress_core::{Data, Error, Result};
use std::{any::type_name, fmt, sync::Arc, time::Duration};

/// A source whose events a function makes from partition and index: for tests, demos and benchmarks.
///
/// The function must give the same event for the same arguments each time: events are made again after a restart.
///
/// ```
/// # use gress_runtime::source::{Generate, Source};
/// let squares = Generate::new(2, 1_000, |partition, index| (partition, index * index));
/// assert_eq!(squares.partitions(), 2);
/// ```
pub struct Generate<F> {
    partitions: usize,
    count: u64,
    make: Arc<F>,
}

impl<T, F: Fn(usize, u64) -> T> Generate<F> {
    /// `count` events in each of `partitions` partitions: `make(partition, index)`.
    pub fn new(partitions: usize, count: u64, make: F) -> Self {
        Generate { partitions, count, make: Arc::new(make) }
    }
}

impl<T: Data, F: Fn(usize, u64) -> T + Send + Sync + 'static> Source for Generate<F> {
    type Item = T;

    fn partitions(&self) -> usize {
        self.partitions
    }

    /// Numbers of partitions and events, and the type's name. The function is not part of it.
    fn fingerprint(&self) -> Result<String> {
        Ok(format!("generated-{}x{}-{}", self.partitions, self.count, type_name::<T>()))
    }

    fn open(&self, partition: usize, position: u64) -> Result<Box<dyn Reader<T>>> {
        if position > self.count {
            let text = format!("the source generates {} events, but the job had read {position}", self.count);
            return Err(Error::input(text));
        }
        Ok(Box::new(Generator { partition, next: position, count: self.count, make: self.make.clone() }))
    }
}

struct Generator<F> {
    partition: usize,
    next: u64,
    count: u64,
    make: Arc<F>,
}

impl<T, F: Fn(usize, u64) -> T> Reader<T> for Generator<F> {
    fn read(&mut self, into: &mut Vec<T>, max: usize, _now: Duration) -> Result<ReadStatus> {
        let end = self.count.min(self.next.saturating_add(max as u64));
        into.extend((self.next..end).map(|index| (self.make)(self.partition, index)));
        self.next = end;
        Ok(if end == self.count { ReadStatus::End } else { ReadStatus::More })
    }

    fn position(&self) -> u64 {
        self.next
    }
}

impl<F> Clone for Generate<F> {
    fn clone(&self) -> Self {
        Generate { make: self.make.clone(), ..*self }
    }
}

impl<F> fmt::Debug for Generate<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generate")
            .field("partitions", &self.partitions)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_made_again_from_any_position() {
        let source = Generate::new(2, 10, |partition, index| partition as u64 * 100 + index);
        for position in 0..=10 {
            let mut reader = source.open(1, position).unwrap();
            let mut events = Vec::new();
            while reader.read(&mut events, 3, Duration::ZERO).unwrap() == ReadStatus::More {}
            assert_eq!(events, (100 + position..110).collect::<Vec<_>>());
            assert_eq!(reader.position(), 10);
        }
        assert!(source.open(0, 11).is_err());
    }

    #[test]
    fn a_source_of_nothing_ends_at_once() {
        let source = Generate::new(1, 0, |_, _| ());
        assert_eq!(source.open(0, 0).unwrap().read(&mut Vec::new(), 1, Duration::ZERO).unwrap(), ReadStatus::End);
    }
}
