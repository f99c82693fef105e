//! Committed records that a job will emit again, after it went back behind them.

use gress_core::Result;
use gress_state::run::UnsortedRun;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_128;

/// A multiset of record digests. A record that is emitted again is taken out once and not written a second time; at the
/// end of the input nothing may be left.
#[derive(Debug, Default)]
pub struct ReplayFilter {
    left: HashMap<u128, u64, foldhash::fast::FixedState>,
}

impl ReplayFilter {
    /// The digest of a record's bytes.
    pub fn digest(record: &[u8]) -> u128 {
        xxh3_128(record)
    }

    /// Adds `count` occurrences of a record.
    pub fn add(&mut self, digest: u128, count: u64) {
        if count > 0 {
            let left = self.left.entry(digest).or_default();
            *left = left.saturating_add(count);
        }
    }

    /// Takes one occurrence of a record out; `true` if there was one: the record is committed already.
    pub fn take(&mut self, digest: u128) -> bool {
        let Some(count) = self.left.get_mut(&digest) else { return false };
        *count -= 1;
        if *count == 0 {
            self.left.remove(&digest);
        }
        true
    }

    /// Records that were not emitted again yet.
    pub fn remaining(&self) -> u64 {
        self.left.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Adds to `run` that `count` occurrences of a record of `subtask` are left, as checkpoints keep it:
    /// `subtask u16 ‖ digest u128` to `count u64`, big-endian.
    pub(crate) fn entry(subtask: usize, digest: u128, count: u64, run: &mut UnsortedRun) -> Result<()> {
        run.put(
            |key| {
                key.extend_from_slice(&(subtask as u16).to_be_bytes());
                key.extend_from_slice(&digest.to_be_bytes());
                Ok(())
            },
            |value| {
                value.extend_from_slice(&count.to_be_bytes());
                Ok(())
            },
        )
    }

    /// Digests and counts of the records that are left, in any order.
    pub fn iter(&self) -> impl Iterator<Item = (u128, u64)> {
        self.left.iter().map(|(digest, count)| (*digest, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_occurrence_is_taken_once() {
        let (a, b) = (ReplayFilter::digest(b"a"), ReplayFilter::digest(b"b"));
        let mut filter = ReplayFilter::default();
        filter.add(a, 2);
        assert!(filter.take(a) && filter.take(a));
        assert!(!filter.take(a) && !filter.take(b));
        assert_eq!(filter.remaining(), 0);
    }

    #[test]
    fn counts_of_nothing_and_of_more_than_there_can_be_do_no_harm() {
        let (a, b) = (ReplayFilter::digest(b"a"), ReplayFilter::digest(b"b"));
        let mut filter = ReplayFilter::default();
        filter.add(a, 0);
        assert!(!filter.take(a));
        filter.add(a, u64::MAX);
        filter.add(a, 7);
        filter.add(b, 7);
        assert_eq!(filter.remaining(), u64::MAX);
        assert!(filter.take(b));
    }
}
