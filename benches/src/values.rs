//! What is stored.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// Values of which a compressor can save about half.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pool: Vec<u8>,
    length: usize,
    /// By how much a value is shorter or longer, at most.
    spread: usize,
}

/// Bytes in which values begin.
const POOL_BYTES: usize = 1 << 20;
/// Bytes that are random, or all zero.
const STRETCH: usize = 32;

impl Values {
    /// Values of this length.
    pub(crate) fn new(length: usize, seed: u64) -> Values {
        Values::about(length, 0, seed)
    }

    /// Values of lengths from half of `mean` to one and a half of it.
    pub(crate) fn of_many_lengths(mean: usize, seed: u64) -> Values {
        Values::about(mean, mean / 2, seed)
    }

    fn about(length: usize, spread: usize, seed: u64) -> Values {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut pool = vec![0; (POOL_BYTES + length + spread).next_multiple_of(STRETCH)];
        pool.chunks_mut(STRETCH).step_by(2).for_each(|stretch| random.fill(stretch));
        Values { pool, length, spread }
    }

    /// The value of this number.
    #[inline]
    pub(crate) fn at(&self, number: u64) -> &[u8] {
        // An odd step reaches every beginning.
        let start = number.wrapping_mul(7_919) as usize % POOL_BYTES;
        let length = self.length - self.spread + number as usize % (2 * self.spread + 1);
        &self.pool[start..start + length]
    }

    /// The length, or the mean of all lengths.
    pub(crate) fn length(&self) -> usize {
        self.length
    }
}
