//! Which runs of a chain to merge: a pure function of their sizes.

use std::ops::Range;

/// Runs of one size tier that may stand before they are merged.
const TIER_RUNS: usize = 8;
/// Runs that together outweigh the base are folded into it from this size on, however few they are.
const FOLD_BYTES: u64 = 4 << 20;

/// Which runs to merge next, if any, given the sizes in bytes from the base to the newest.
///
/// All of them where the runs together outweigh the base; else the newest ones of one size tier where they are many. So
/// a byte is rewritten a few times only, and the number of runs stays below eight for each of about seven
/// tiers.
pub fn plan_fold(bytes: &[u64]) -> Option<Range<usize>> {
    let (base, runs) = bytes.split_first()?;
    let total: u64 = runs.iter().sum();
    let many = bytes.len() > TIER_RUNS;
    if total >= *base && (many || total >= FOLD_BYTES) {
        return Some(0..bytes.len());
    }
    // From the newest back: how many runs are of no higher tier than the highest so far?
    let mut start = bytes.len();
    let mut highest = 0;
    while start > 1 {
        let next = tier(bytes[start - 1]);
        if next > highest && bytes.len() - start >= TIER_RUNS {
            break;
        }
        highest = highest.max(next);
        start -= 1;
    }
    let of_highest = bytes[start..].iter().filter(|b| tier(**b) == highest).count();
    (of_highest >= TIER_RUNS || bytes.len() - start >= 2 * TIER_RUNS).then_some(start..bytes.len())
}

/// Sizes within a factor of four are of one tier.
fn tier(bytes: u64) -> u32 {
    (bytes >> 12).checked_ilog2().map_or(0, |log| log / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appends `runs` runs of `size` bytes, folding as planned; gives the longest chain and all bytes that were written.
    fn simulate(base: u64, size: u64, runs: usize) -> (usize, u64) {
        let (mut chain, mut longest, mut written) = (vec![base], 0, 0);
        for _ in 0..runs {
            chain.push(size);
            written += size;
            while let Some(range) = plan_fold(&chain) {
                // A base keeps its size where the runs change keys that it has.
                let merged = if range.start == 0 { chain[0].max(size) } else { chain[range.clone()].iter().sum() };
                written += merged;
                chain.splice(range, [merged]);
            }
            longest = longest.max(chain.len());
        }
        (longest, written)
    }

    #[test]
    fn chains_stay_short_and_bytes_are_rewritten_a_few_times() {
        for (base, size) in [(0, 100), (100 << 20, 100), (100 << 20, 1 << 20), (1 << 30, 64 << 10), (1 << 20, 1 << 20)]
        {
            let (longest, written) = simulate(base, size, 5_000);
            let changed = size * 5_000;
            assert!(longest < 64, "{base} {size}: {longest} runs");
            assert!(written <= 8 * changed.max(base), "{base} {size}: {written} of {changed}");
        }
    }

    #[test]
    fn nothing_is_merged_without_need() {
        assert_eq!(plan_fold(&[]), None);
        assert_eq!(plan_fold(&[1 << 30]), None);
        assert_eq!(plan_fold(&[1 << 30, 1 << 20, 1 << 20]), None);
        assert_eq!(plan_fold(&[1 << 20, 8 << 20]), Some(0..2));
    }
}
