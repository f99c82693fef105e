//! Which keys are read and written, in which order.

use clap::ValueEnum;
use gress_runtime::{Error, Result};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use rand_distr::{Distribution as _, Uniform, Zipf};

/// A key: where it lies among the others, which says nothing of how often it is asked for, and its number.
pub(crate) type Key = [u8; 16];

/// The key of this number.
pub(crate) fn key(number: u64) -> Key {
    let mut key = [0; 16];
    let (place, own) = key.split_at_mut(8);
    place.copy_from_slice(&scatter(number).to_be_bytes());
    own.copy_from_slice(&number.to_be_bytes());
    key
}

/// One of all numbers for each number: SplitMix64.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// How often each key is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Skew {
    /// Each key alike.
    Uniform,
    /// Few keys most of the time: Zipf with the exponent 0.99.
    Zipf,
}

impl Skew {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Skew::Uniform => "uniform",
            Skew::Zipf => "zipf 0.99",
        }
    }
}

/// A sequence of keys that was drawn beforehand, so that drawing it costs nothing while something is timed.
#[derive(Clone, Debug)]
pub(crate) struct Keys(Vec<Key>);

/// Keys in a sequence, which begins anew at its end. Power of two.
const DRAWN: usize = 1 << 20;

impl Keys {
    /// Of the keys with the numbers below `count`.
    pub(crate) fn draw(skew: Skew, count: u64, seed: u64) -> Result<Keys> {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let count = count.max(1);
        let wrong = |error: String| Error::argument(format!("no keys can be drawn from {count}: {error}"));
        let keys = match skew {
            Skew::Uniform => {
                let uniform = Uniform::new(0, count).map_err(|e| wrong(e.to_string()))?;
                uniform.sample_iter(random).map(key).take(DRAWN).collect()
            }
            Skew::Zipf => {
                let zipf = Zipf::new(count as f64, 0.99).map_err(|e| wrong(e.to_string()))?;
                zipf.sample_iter(random).map(|rank: f64| key((rank as u64).saturating_sub(1))).take(DRAWN).collect()
            }
        };
        Ok(Keys(keys))
    }

    #[inline]
    pub(crate) fn at(&self, index: u64) -> &Key {
        &self.0[index as usize % DRAWN]
    }

    /// The `length` keys from `index` on; divides the sequence for a power of two, else some keys are left out.
    #[inline]
    pub(crate) fn slice(&self, index: u64, length: usize) -> &[Key] {
        let start = (index as usize % (DRAWN / length)) * length;
        &self.0[start..start + length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn zipf_asks_for_the_first_key_twice_as_often_as_for_the_second() {
        let keys = Keys::draw(Skew::Zipf, 1_000, 7).unwrap();
        let mut asked: HashMap<Key, f64> = HashMap::new();
        keys.0.iter().for_each(|key| *asked.entry(*key).or_default() += 1.0);
        let ratio = asked[&key(0)] / asked[&key(1)];
        assert!((1.9..2.1).contains(&ratio), "{ratio}");
        assert!(asked.len() > 990 && asked.len() <= 1_000);
    }

    #[test]
    fn a_seed_gives_the_same_keys_again() {
        let draw = |seed| Keys::draw(Skew::Uniform, 1_000_000, seed).unwrap().0;
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
