//! A source that keeps a rate.

use super::{ReadStatus, Reader, Source};
use gress_core::{Error, Result};
use std::time::Duration;

/// Another source, slowed down to a number of events per second, which its partitions share evenly.
///
/// What a reader falls behind by more than 10 ms it does not catch up: after a pause there is no flood.
#[derive(Clone, Debug)]
pub struct Throttled<S> {
    source: S,
    events_per_second: u64,
}

impl<S: Source> Throttled<S> {
    /// `source`, at most `events_per_second` of it.
    ///
    /// # Errors
    /// A rate of 0.
    pub fn new(source: S, events_per_second: u64) -> Result<Self> {
        match events_per_second {
            0 => Err(Error::config("a source is throttled to 0 events per second: valid are 1 and more")),
            _ => Ok(Throttled { source, events_per_second }),
        }
    }
}

impl<S: Source> Source for Throttled<S> {
    type Item = S::Item;

    fn partitions(&self) -> usize {
        self.source.partitions()
    }

    fn fingerprint(&self) -> Result<String> {
        self.source.fingerprint()
    }

    fn open(&self, partition: usize, position: u64) -> Result<Box<dyn Reader<S::Item>>> {
        let reader = self.source.open(partition, position)?;
        let pace = Pace::new(self.events_per_second, self.source.partitions() as u64);
        Ok(Box::new(ThrottledReader { reader, pace }))
    }
}

struct ThrottledReader<T> {
    reader: Box<dyn Reader<T>>,
    pace: Pace,
}

impl<T> Reader<T> for ThrottledReader<T> {
    fn read(&mut self, into: &mut Vec<T>, max: usize, now: Duration) -> Result<ReadStatus> {
        let due = match self.pace.due(now) {
            Ok(due) => due,
            Err(at) => return Ok(ReadStatus::NotBefore(at)),
        };
        let before = into.len();
        let status = self.reader.read(into, max.min(usize::try_from(due).unwrap_or(usize::MAX)), now)?;
        self.pace.took((into.len() - before) as u64);
        Ok(status)
    }

    fn position(&self) -> u64 {
        self.reader.position()
    }

    fn skipped(&self) -> u64 {
        self.reader.skipped()
    }
}

/// How far a reader that pauses may catch up.
const BURST: Duration = Duration::from_millis(10);

/// Shortest wait: a fast reader is woken a thousand times a second and not once per event.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// When the next event is due. Time is counted in parts of a nanosecond, of which one event has a whole number, so that
/// no rate is rounded.
#[derive(Debug)]
struct Pace {
    /// Parts of a nanosecond.
    parts: u128,
    /// What one event takes, in parts.
    event: u128,
    /// When the next event is due, in parts; `None` before the first read.
    next: Option<u128>,
}

impl Pace {
    fn new(events_per_second: u64, partitions: u64) -> Self {
        Pace { parts: events_per_second.into(), event: u128::from(partitions) * 1_000_000_000, next: None }
    }

    /// How many events are due, at least 1, or when to ask again.
    fn due(&mut self, now: Duration) -> Result<u64, Duration> {
        let parts = |time: Duration| time.as_nanos() * self.parts;
        let earliest = parts(now).saturating_sub(parts(BURST));
        let next = self.next.unwrap_or(parts(now)).max(earliest);
        self.next = Some(next);
        match parts(now).checked_sub(next) {
            Some(behind) => Ok(u64::try_from(behind / self.event + 1).unwrap_or(u64::MAX)),
            None => {
                let at = u64::try_from(next.div_ceil(self.parts)).unwrap_or(u64::MAX);
                Err(Duration::from_nanos(at).max(now + WAIT_MIN))
            }
        }
    }

    fn took(&mut self, events: u64) {
        self.next = self.next.map(|next| next + u128::from(events) * self.event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Generate;

    /// Reads for `time`, waking exactly when told plus `late`; returns events read and reads made.
    fn run(rate: u64, partitions: usize, time: Duration, late: Duration) -> (usize, u64) {
        let source = Throttled::new(Generate::new(partitions, u64::MAX, |_, index| index), rate).unwrap();
        let mut reader = source.open(0, 0).unwrap();
        let (mut now, mut read, mut reads, mut events) = (Duration::from_secs(7), 0, 0, Vec::new());
        let end = now + time;
        while now < end {
            reads += 1;
            match reader.read(&mut events, 1_024, now).unwrap() {
                ReadStatus::NotBefore(at) => now = at + late,
                status => assert_eq!(status, ReadStatus::More),
            }
            read += events.len();
            events.clear();
        }
        (read, reads)
    }

    #[test]
    fn the_rate_is_kept_whether_it_is_low_or_high() {
        assert_eq!(run(1, 1, Duration::from_secs(10), Duration::ZERO).0, 10);
        assert_eq!(run(3, 1, Duration::from_secs(10), Duration::ZERO).0, 30);
        for (rate, partitions) in [(1_000, 1), (999_983, 3), (10_000_000, 1)] {
            for late in [Duration::ZERO, Duration::from_micros(300)] {
                let (read, _) = run(rate, partitions, Duration::from_secs(2), late);
                let expected = 2 * rate as usize / partitions;
                assert!(read.abs_diff(expected) <= expected / 100 + 1, "{rate}/{partitions}: {read}");
            }
        }
    }

    #[test]
    fn a_fast_reader_is_not_woken_for_every_event() {
        let (read, reads) = run(100_000, 1, Duration::from_secs(1), Duration::ZERO);
        assert!(read > 90_000 && reads <= 2_100, "{read} events in {reads} reads");
    }

    #[test]
    fn after_a_pause_there_is_no_flood() {
        let mut pace = Pace::new(1_000, 1);
        assert_eq!(pace.due(Duration::from_secs(1)), Ok(1));
        assert_eq!(pace.due(Duration::from_secs(60)), Ok(11));
        let mut slow = Pace::new(1, 1);
        assert_eq!(slow.due(Duration::from_secs(1)), Ok(1));
        assert_eq!(slow.due(Duration::from_secs(60)), Ok(1));
        slow.took(1);
        assert_eq!(slow.due(Duration::from_secs(60)), Err(Duration::from_millis(60_990)));
    }

    #[test]
    fn position_end_and_fingerprint_are_those_of_the_source() {
        let inner = Generate::new(1, 5, |_, index| index);
        let source = Throttled::new(inner.clone(), 1_000_000).unwrap();
        assert_eq!(source.fingerprint().unwrap(), inner.fingerprint().unwrap());
        let (mut reader, mut events, mut now) = (source.open(0, 3).unwrap(), Vec::new(), Duration::ZERO);
        while reader.read(&mut events, 9, now).unwrap() != ReadStatus::End {
            now += Duration::from_millis(1);
        }
        assert_eq!((events, reader.position()), (vec![3, 4], 5));
        assert!(Throttled::new(inner, 0).is_err());
    }
}
