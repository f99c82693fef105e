//! Which runs of a chain to merge: a pure function of their sizes.
//!
//! ```text
//!  base │ run run run … run      up to 128 runs, of which few are small
//!       └── more: the cheapest of them that follow each other become one
//!  └────── a quarter heavier than the base: all become the new base
//! ```
//!
//! Nothing is merged before it must be: what a merge writes is uploaded, each time, and many runs are read but once, at a start.

use super::chain::INLINE_BYTES_MAX;
use std::{cmp::Ordering, ops::Range};

/// Runs above a base that may stand between two checkpoints. Who reads a chain holds a block of each.
const RUNS_MAX: usize = 128;
/// How many of the newest runs up to a size may stand. Each manifest names all runs, or has their bytes, so that many of
/// those that are small cost more than to merge them.
const LIMITS: [(u64, usize); 3] = [(INLINE_BYTES_MAX as u64, 8), (64 << 10, 24), (u64::MAX, RUNS_MAX)];
/// Runs that together outweigh the base by a quarter are folded into it from this number on, however small they are.
const FOLD_RUNS: usize = 8;
/// Or from this size on, however few they are.
const FOLD_BYTES: u64 = 4 << 20;
/// How many times the size of its largest part a merged run should have: then no byte is merged often.
const GROWTH: [u64; 4] = [8, 4, 2, 1];

/// Which runs to merge next, if any, given the sizes in bytes from the base to the newest.
///
/// All of them where the runs together outweigh the base by a quarter. Else, where there are too many runs, those that
/// follow each other and cost least: the fewest bytes to write for each run that vanishes, among those that become a run of
/// eight times the size of the largest of them, or of as many as there is. So
///
/// - a chain is no longer than 128 runs above its base, and takes two and a quarter times the bytes of the base;
/// - a base is written once for a quarter more bytes of runs than it has;
/// - where a hundredth or more changes from one checkpoint to the next, no byte is written a second time before it enters
///   the base, and where a thousandth does, about once.
pub fn plan_fold(bytes: &[u64]) -> Option<Range<usize>> {
    let (base, runs) = bytes.split_first()?;
    let total = runs.iter().fold(0_u64, |sum, run| sum.saturating_add(*run));
    if total >= base.saturating_add(base / 4) && (runs.len() >= FOLD_RUNS || total >= FOLD_BYTES) {
        return Some(0..bytes.len());
    }
    LIMITS.iter().find_map(|(size, most)| {
        let newest = runs.iter().rev().take_while(|run| *run <= size).count();
        let surplus = newest.checked_sub(*most).filter(|surplus| *surplus > 0)?;
        cheapest(bytes, bytes.len() - newest, surplus)
    })
}

/// Of the runs from `first` on those to merge so that at least `surplus` vanish.
fn cheapest(bytes: &[u64], first: usize, surplus: usize) -> Option<Range<usize>> {
    GROWTH.iter().find_map(|growth| {
        let starts = first..bytes.len().saturating_sub(surplus);
        let best = starts.flat_map(|start| merges(bytes, start, surplus, *growth)).min_by(Merged::compare);
        best.map(|merged| merged.runs)
    })
}

/// The merges of runs from `start` on by which at least `surplus` vanish, and which grow enough.
fn merges(bytes: &[u64], start: usize, surplus: usize, growth: u64) -> impl Iterator<Item = Merged> + '_ {
    let (mut total, mut largest) = (0_u64, 0_u64);
    bytes[start..].iter().enumerate().filter_map(move |(vanish, run)| {
        total = total.saturating_add(*run);
        largest = largest.max(*run);
        let fits = vanish >= surplus && largest.saturating_mul(growth) <= total;
        fits.then(|| Merged { runs: start..start + vanish + 1, bytes: total, vanish })
    })
}

/// Runs that could be merged.
struct Merged {
    runs: Range<usize>,
    bytes: u64,
    /// By how many runs the chain becomes shorter.
    vanish: usize,
}

impl Merged {
    /// The cheaper one for each run that vanishes is less, and of equals the longer one.
    fn compare(&self, other: &Merged) -> Ordering {
        let cost = |merged: &Merged, of: &Merged| u128::from(merged.bytes) * of.vanish as u128;
        cost(self, other).cmp(&cost(other, self)).then(other.vanish.cmp(&self.vanish))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    /// What a chain came to.
    #[derive(Debug, Default)]
    struct Outcome {
        /// For each of the limits the most of the newest runs of its size between two checkpoints.
        newest: [usize; LIMITS.len()],
        /// Bytes of all seals, of merges above the base, of bases.
        sealed: u64,
        merged: u64,
        folded: u64,
        /// The most bytes of a chain for each byte of its base.
        space: f64,
    }

    impl Outcome {
        fn is_short(&self) -> bool {
            self.newest.iter().zip(LIMITS).all(|(newest, (_, most))| *newest <= most)
        }

        /// Bytes written for each sealed one.
        fn written(&self) -> f64 {
            (self.sealed + self.merged + self.folded) as f64 / self.sealed as f64
        }
    }

    /// Appends a run for each checkpoint, and folds once after it, as tasks do. `size` says how large the run of so much
    /// weight is; what is folded into the base changes keys that it has.
    fn simulate(base: u64, weights: impl IntoIterator<Item = u64>, size: impl Fn(u64) -> u64) -> Outcome {
        let (mut chain, mut outcome) = (vec![base], Outcome::default());
        let mut weights_above = Vec::new();
        for weight in weights {
            weights_above.push(weight);
            chain.push(size(weight));
            outcome.sealed += size(weight);
            outcome.space = outcome.space.max(chain.iter().sum::<u64>() as f64 / base as f64);
            match plan_fold(&chain) {
                Some(Range { start: 0, end }) => {
                    assert_eq!(end, chain.len());
                    outcome.folded += base;
                    chain.truncate(1);
                    weights_above.clear();
                }
                Some(runs) => {
                    let above = runs.start - 1..runs.end - 1;
                    let weight = weights_above[above.clone()].iter().sum();
                    weights_above.splice(above, [weight]);
                    outcome.merged += size(weight);
                    chain.splice(runs, [size(weight)]);
                }
                None => {}
            }
            for (newest, (size, _)) in outcome.newest.iter_mut().zip(LIMITS) {
                *newest = (*newest).max(chain[1..].iter().rev().take_while(|run| **run <= size).count());
            }
        }
        outcome
    }

    /// Runs of these sizes, none of whose keys are the same.
    fn of_sizes(base: u64, sizes: impl IntoIterator<Item = u64>) -> Outcome {
        simulate(base, sizes, |size| size)
    }

    /// Checkpoints of a base in each of which a share of all keys changes, drawn anew: of a merged run those that came
    /// twice are there once.
    fn of_share(base: u64, share: f64, checkpoints: usize) -> Outcome {
        let size = |weight: u64| (base as f64 * (1.0 - (1.0 - share).powf(weight as f64))) as u64;
        simulate(base, std::iter::repeat_n(1, checkpoints), size)
    }

    #[test]
    fn a_hundredth_that_changes_is_written_less_than_twice() {
        for base in [64 * MIB, 1 << 30, 1 << 36] {
            let outcome = of_share(base, 0.01, 200);
            assert!(outcome.written() <= 1.6, "{base}: {outcome:?}");
            let outcome = of_share(base, 0.01, 5_000);
            assert!(outcome.written() <= 1.82, "{base}: {outcome:?}");
        }
    }

    #[test]
    fn whatever_share_changes_little_is_written_again() {
        for (share, limit) in [(0.5, 1.8), (0.1, 1.8), (0.02, 1.8), (0.005, 2.3), (0.002, 2.6), (0.001, 2.7)] {
            let outcome = of_share(1 << 30, share, (20.0 / share) as usize);
            assert!(outcome.written() <= limit, "{share}: {} {outcome:?}", outcome.written());
            assert!(outcome.is_short() && outcome.space < 2.25 + share, "{share}: {outcome:?}");
        }
        let outcome = of_share(1 << 30, 0.000_1, 50_000);
        assert!(outcome.written() <= 4.0, "{} {outcome:?}", outcome.written());
    }

    #[test]
    fn runs_of_all_kinds_of_sizes_are_merged_a_few_times() {
        type SizeOf = fn(u64) -> u64;
        let kinds: [(&str, SizeOf); 7] = [
            ("tiny", |_| 100),
            ("small", |_| 64 << 10),
            ("large and small in turn", |n| if n % 2 == 0 { MIB } else { 500 }),
            ("rising", |n| 1_000 + 100 * n),
            ("falling", |n| 1_000_000 - 199 * n),
            ("large ones first", |n| if n < 60 { MIB } else { 5_000 }),
            ("a saw", |n| (5_000.0 * 1.15_f64.powi((n % 60) as i32)) as u64),
        ];
        for (name, size) in kinds {
            for base in [1 << 34, 128 * MIB] {
                let outcome = of_sizes(base, (0..5_000).map(size));
                assert!(outcome.written() <= 4.5, "{name}, {base}: {} {outcome:?}", outcome.written());
                assert!(outcome.is_short(), "{name}, {base}: {outcome:?}");
            }
        }
    }

    #[test]
    fn a_state_that_grows_from_nothing_is_written_a_few_times() {
        // Runs of new keys: a folded base has all of them.
        let (mut chain, mut written) = (vec![MIB], 0);
        for run in std::iter::repeat_n(MIB, 5_000) {
            chain.push(run);
            written += run;
            if let Some(runs) = plan_fold(&chain) {
                let merged = chain[runs.clone()].iter().sum();
                written += merged;
                chain.splice(runs, [merged]);
            }
        }
        assert!(written <= 5 * 5_000 * MIB, "{}", written / MIB);
    }

    proptest! {
        #[test]
        fn chains_stay_short_take_little_space_and_are_written_a_few_times(
            base in 1_u64..1 << 40,
            exponents in prop::collection::vec(5.0..26.0_f64, 1..600),
        ) {
            let sizes: Vec<_> = exponents.iter().map(|exponent| exponent.exp2() as u64).collect();
            let largest = sizes.iter().max().copied().unwrap_or_default();
            let outcome = of_sizes(base, sizes);
            prop_assert!(outcome.is_short(), "{outcome:?}");
            // Where a fold costs next to nothing, the base may be small beside its runs.
            prop_assert!(outcome.space * base as f64 <= (2 * base + base / 4 + largest.max(FOLD_BYTES) + 8 * largest) as f64);
            prop_assert!(outcome.merged <= 4 * outcome.sealed, "{outcome:?}");
            prop_assert!(5 * outcome.folded <= 4 * outcome.sealed + 5, "{outcome:?}");
        }

        #[test]
        fn what_is_planned_makes_any_chain_short_enough(bytes in prop::collection::vec(any::<u64>(), 0..300)) {
            let Some(runs) = plan_fold(&bytes) else {
                prop_assert!(bytes.len() <= 1 + RUNS_MAX);
                return Ok(());
            };
            prop_assert!(runs.len() >= 2 && runs.end <= bytes.len());
            prop_assert!(bytes.len() - runs.len() <= RUNS_MAX);
        }
    }

    #[test]
    fn nothing_is_merged_without_need() {
        assert_eq!(plan_fold(&[]), None);
        assert_eq!(plan_fold(&[1 << 30]), None);
        assert_eq!(plan_fold(&[1 << 30, MIB, MIB]), None);
        assert_eq!(plan_fold(&[MIB, 8 * MIB]), Some(0..2));
        assert_eq!(plan_fold(&[&[1 << 30][..], &[MIB; RUNS_MAX]].concat()), None);
    }

    #[test]
    fn too_many_runs_become_fewer_where_it_costs_least() {
        let large_then_small = [&[1 << 34][..], &[MIB; 30], &[70_000; 99]].concat();
        assert_eq!(plan_fold(&large_then_small), Some(31..130));
        let small_then_large = [&[1 << 34][..], &[70_000; 99], &[MIB; 30]].concat();
        assert_eq!(plan_fold(&small_then_large), Some(1..100));
        let inline = [&[1 << 34][..], &[MIB], &[100; 9]].concat();
        assert_eq!(plan_fold(&inline), Some(2..11));
    }
}
