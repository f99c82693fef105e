//! Key groups: the unit in which keyed state is dealt out over tasks.
//!
//! A key's group is fixed by its hash and never changes; a task owns one contiguous range of groups. The hash is
//! [`KEY_HASH`] over the key's order-preserving encoding, so it is the same in every process, release and platform.

use serde::{Deserialize, Serialize};
use std::{fmt, ops::Range};

/// Key groups of a job, fixed for its life.
pub const KEY_GROUPS: u16 = 128;

/// Name of the hash over the encoded key, as it stands in manifests.
pub const KEY_HASH: &str = "xxh3-64/ordered-1";

/// One of the [`KEY_GROUPS`] shares into which all keys fall.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyGroup(pub u16);

impl KeyGroup {
    /// The group of a key with this hash: the hash's top seven bits.
    #[inline]
    pub const fn of_hash(hash: u64) -> Self {
        KeyGroup((hash >> (64 - KEY_GROUPS.trailing_zeros())) as u16)
    }

    /// Which of `parallelism` tasks owns this group.
    #[inline]
    pub const fn task(self, parallelism: usize) -> usize {
        self.0 as usize * parallelism / KEY_GROUPS as usize
    }
}

/// The hash of a key, from its order-preserving encoding.
#[inline]
pub fn key_hash(encoded: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(encoded)
}

/// The contiguous groups that one task owns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct KeyGroupRange {
    first: u16,
    end: u16,
}

impl KeyGroupRange {
    /// All groups.
    pub const ALL: KeyGroupRange = KeyGroupRange { first: 0, end: KEY_GROUPS };

    /// The share of task `subtask` out of `parallelism`. Shares are disjoint, cover all groups, and differ in size by
    /// at most one.
    pub fn of_task(subtask: usize, parallelism: usize) -> Self {
        let bound = |task: usize| (task * KEY_GROUPS as usize).div_ceil(parallelism) as u16;
        KeyGroupRange { first: bound(subtask), end: bound(subtask + 1) }
    }

    /// Whether `group` belongs to this range.
    #[inline]
    pub fn contains(self, group: KeyGroup) -> bool {
        (self.first..self.end).contains(&group.0)
    }

    /// The groups, in ascending order.
    pub fn groups(self) -> impl DoubleEndedIterator<Item = KeyGroup> + Clone {
        Range { start: self.first, end: self.end }.map(KeyGroup)
    }
}

impl fmt::Display for KeyGroupRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Conformance case 49, for the 128 groups that Gress fixes.
    #[test]
    fn every_group_belongs_to_exactly_the_task_that_says_so() {
        for parallelism in 1..=128 {
            let ranges: Vec<_> = (0..parallelism).map(|s| KeyGroupRange::of_task(s, parallelism)).collect();
            let sizes: Vec<_> = ranges.iter().map(|r| r.groups().count()).collect();
            assert_eq!(sizes.iter().sum::<usize>(), 128);
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            for group in KeyGroupRange::ALL.groups() {
                let owners: Vec<_> = (0..parallelism).filter(|&s| ranges[s].contains(group)).collect();
                assert_eq!(owners, [group.task(parallelism)]);
            }
        }
    }

    #[test]
    fn ranges_match_the_published_vectors() {
        let of = |s, p| KeyGroupRange::of_task(s, p).to_string();
        assert_eq!([of(0, 3), of(1, 3), of(2, 3)], ["0..43", "43..86", "86..128"]);
        assert_eq!([of(0, 2), of(1, 2)], ["0..64", "64..128"]);
    }

    #[test]
    fn the_key_hash_is_pinned() {
        assert_eq!(key_hash(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(key_hash(&7_u64.to_be_bytes()), key_hash(&[0, 0, 0, 0, 0, 0, 0, 7]));
    }
}
