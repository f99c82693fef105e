//! What is stored.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// Values of one length, of which a compressor can save about half.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pool: Vec<u8>,
    length: usize,
}

/// Bytes in which values begin.
const POOL_BYTES: usize = 1 << 20;
/// Bytes that are random, or all zero.
const STRETCH: usize = 32;

impl Values {
    pub(crate) fn new(length: usize, seed: u64) -> Values {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut pool = vec![0; (POOL_BYTES + length).next_multiple_of(STRETCH)];
        pool.chunks_mut(STRETCH).step_by(2).for_each(|stretch| random.fill(stretch));
        Values { pool, length }
    }

    /// The value of this number.
    #[inline]
    pub(crate) fn at(&self, number: u64) -> &[u8] {
        // An odd step reaches every beginning.
        let start = number.wrapping_mul(7_919) as usize % POOL_BYTES;
        &self.pool[start..start + self.length]
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }
}
