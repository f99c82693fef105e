//! What is counted.

use gress_runtime::{Error, Result};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use rand_distr::{Distribution as _, Zipf};
use std::sync::Arc;

/// A stream of keys, the same for every engine.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// Distinct keys.
    pub keys: u64,
    /// Events that a fast engine counts.
    pub events: u64,
    /// Keys that were drawn beforehand, since drawing takes longer than counting; `None` for uniform ones.
    drawn: Option<Arc<[u32]>>,
}

/// Keys that are drawn; then they come again. Power of two.
const DRAWN: usize = 1 << 22;

impl Workload {
    /// Keys that are all asked for alike.
    pub(crate) fn uniform(keys: u64, events: u64) -> Workload {
        Workload { keys, events, drawn: None }
    }

    /// Few keys most of the time: Zipf with the exponent 0.99. Which keys those are has nothing to do with their order.
    pub(crate) fn zipf(keys: u64, events: u64, seed: u64) -> Result<Workload> {
        let wrong = |error: String| Error::argument(format!("no keys can be drawn from {keys}: {error}"));
        let count = u32::try_from(keys).map_err(|e| wrong(e.to_string()))?;
        let zipf = Zipf::new(f64::from(count), 0.99).map_err(|e| wrong(e.to_string()))?;
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let ranks = zipf.sample_iter(random).map(|rank: f64| (rank as u64).saturating_sub(1));
        let drawn = ranks.map(|rank| below(rank, keys) as u32).take(DRAWN).collect();
        Ok(Workload { keys, events, drawn: Some(drawn) })
    }

    /// The key of event `index`, not in any order that a cache could like.
    #[inline]
    pub(crate) fn key(&self, index: u64) -> u64 {
        match &self.drawn {
            None => below(index, self.keys),
            Some(drawn) => drawn[index as usize % DRAWN].into(),
        }
    }

    /// The same keys, fewer events.
    pub(crate) fn shorter(&self, events: u64) -> Workload {
        Workload { events: self.events.min(events), ..self.clone() }
    }

    /// Fewer uniform keys and fewer events, as many for each key.
    pub(crate) fn smaller(&self, events: u64) -> Workload {
        let shorter = self.shorter(events);
        let keys = u128::from(self.keys) * u128::from(shorter.events) / u128::from(self.events.max(1));
        Workload::uniform((keys as u64).max(1), shorter.events)
    }
}

/// A number below `end`, uniform over all indices: SplitMix64, then the high half of a product, without a division.
#[inline]
pub(crate) fn below(index: u64, end: u64) -> u64 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    ((u128::from(z) * u128::from(end)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_tenth_of_the_zipf_keys_get_most_of_the_events_and_uniform_keys_a_tenth() {
        let share = |workload: &Workload| {
            let mut counts: HashMap<u64, u64> = HashMap::new();
            (0..workload.events).for_each(|index| *counts.entry(workload.key(index)).or_default() += 1);
            let mut counts: Vec<_> = counts.into_values().collect();
            counts.sort_unstable_by(|a, b| b.cmp(a));
            counts.iter().take(100).sum::<u64>() as f64 / workload.events as f64
        };
        let zipf = share(&Workload::zipf(1_000, 200_000, 1).unwrap());
        let uniform = share(&Workload::uniform(1_000, 200_000));
        assert!((0.65..0.75).contains(&zipf) && (0.1..0.13).contains(&uniform), "{zipf} {uniform}");
    }

    #[test]
    fn a_smaller_workload_has_as_many_events_for_each_key() {
        let smaller = Workload::uniform(1_000, 30_000).smaller(300);
        assert_eq!((smaller.keys, smaller.events), (10, 300));
    }

    #[test]
    fn a_shorter_workload_has_the_same_keys() {
        let workload = Workload::zipf(100, 1_000, 3).unwrap();
        let shorter = workload.shorter(10);
        assert_eq!((shorter.events, shorter.keys), (10, 100));
        assert!((0..10).all(|index| shorter.key(index) == workload.key(index)));
    }
}
