//! Whether what a batch will look for is fetched from the store beforehand, many keys by one call: pure.
//!
//! A state may be written without being read, or read by few of a batch's events. So what the keys of a batch lack is only
//! fetched as long as samples show that most of it would have been read: of every so many batches one is left alone, and
//! its misses are counted against the keys that the table lacked.

/// Batches that are fetched between two samples.
const FETCHED: u32 = 63;
/// Batches that are left alone after a sample that spoke against it.
const LEFT_ALONE: u32 = 64;
/// Misses from which on a batch is worth a sample, and keys from which on they are worth a call.
pub(super) const FEW: usize = 8;

/// What is to be done with a batch before its events are handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ahead {
    /// Nothing.
    Nothing,
    /// The keys that the table lacks are counted, and [`Fetching::lacking`] is told.
    Count,
    /// They are fetched.
    Fetch,
}

/// What the batches before have shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fetching {
    /// So many batches are left alone yet; then the misses of one, from this number on, tell whether a sample is worth it.
    Off { batches: u32, misses: u64 },
    /// The batch under way is a sample: the table lacked so many of its keys when it had missed so often.
    Sampling { lacking: usize, misses: u64 },
    /// So many batches more are fetched.
    On { batches: u32 },
}

impl Default for Fetching {
    fn default() -> Self {
        Fetching::Off { batches: 0, misses: 0 }
    }
}

impl Fetching {
    /// A batch begins, and reads have missed the table so often before it.
    pub(super) fn begins(&mut self, misses: u64) -> Ahead {
        let missed = |before: u64| usize::try_from(misses.saturating_sub(before)).unwrap_or(usize::MAX);
        let (next, ahead) = match *self {
            Fetching::Off { batches: 0, misses: before } if missed(before) >= FEW => {
                (Fetching::Sampling { lacking: 0, misses }, Ahead::Count)
            }
            Fetching::Off { batches, .. } => {
                (Fetching::Off { batches: batches.saturating_sub(1), misses }, Ahead::Nothing)
            }
            // Events of one key share a miss, so that a batch never has more of them than it lacks keys.
            Fetching::Sampling { lacking, misses: before } if lacking >= FEW && missed(before) >= lacking / 2 => {
                (Fetching::On { batches: FETCHED - 1 }, Ahead::Fetch)
            }
            Fetching::Sampling { .. } => (Fetching::Off { batches: LEFT_ALONE, misses }, Ahead::Nothing),
            Fetching::On { batches: 0 } => (Fetching::Sampling { lacking: 0, misses }, Ahead::Count),
            Fetching::On { batches } => (Fetching::On { batches: batches - 1 }, Ahead::Fetch),
        };
        *self = next;
        ahead
    }

    /// The table lacks so many keys of the batch that is a sample.
    pub(super) fn lacking(&mut self, keys: usize) {
        if let Fetching::Sampling { lacking, .. } = self {
            *lacking = keys;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches of a state that lacks `lacking` keys each and reads `read` of them, and what was done with each.
    fn batches(count: usize, lacking: usize, read: usize) -> Vec<Ahead> {
        let (mut fetching, mut misses) = (Fetching::default(), 0);
        let mut batch = || {
            let ahead = fetching.begins(misses);
            match ahead {
                Ahead::Count => fetching.lacking(lacking),
                Ahead::Fetch => return ahead,
                Ahead::Nothing => {}
            }
            misses += read as u64;
            ahead
        };
        (0..count).map(|_| batch()).collect()
    }

    fn count(batches: &[Ahead], of: Ahead) -> usize {
        batches.iter().filter(|ahead| **ahead == of).count()
    }

    #[test]
    fn what_is_read_is_fetched_but_for_the_samples() {
        let all = batches(1_000, 900, 800);
        assert_eq!(all[..3], [Ahead::Nothing, Ahead::Count, Ahead::Fetch]);
        assert_eq!(count(&all, Ahead::Nothing), 1);
        assert_eq!(count(&all, Ahead::Count), 999_usize.div_ceil(64));
    }

    #[test]
    fn what_is_hardly_read_is_sampled_seldom_and_never_fetched() {
        let all = batches(1_000, 900, 100);
        assert_eq!(count(&all, Ahead::Fetch), 0);
        assert!((10..20).contains(&count(&all, Ahead::Count)), "{all:?}");
    }

    #[test]
    fn a_state_that_is_in_the_table_or_never_read_is_left_alone() {
        assert_eq!(count(&batches(1_000, 0, 0), Ahead::Nothing), 1_000);
        assert_eq!(count(&batches(1_000, 1_000, 0), Ahead::Nothing), 1_000);
        assert_eq!(count(&batches(1_000, 1_000, FEW - 1), Ahead::Nothing), 1_000);
    }

    #[test]
    fn a_state_that_is_no_longer_read_is_no_longer_fetched() {
        let mut fetching = Fetching::On { batches: 1 };
        assert_eq!(fetching.begins(50), Ahead::Fetch);
        assert_eq!(fetching.begins(50), Ahead::Count);
        fetching.lacking(100);
        assert_eq!(fetching.begins(60), Ahead::Nothing);
        assert_eq!(fetching, Fetching::Off { batches: LEFT_ALONE, misses: 60 });
    }
}
