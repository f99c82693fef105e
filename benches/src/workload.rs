//! What is counted.

/// A stream of keys, the same for every engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    /// Distinct keys.
    pub keys: u64,
    /// Events that a fast engine counts.
    pub events: u64,
}

impl Workload {
    /// The key of event `index`: uniform, and not in any order that a cache could like.
    #[inline]
    pub(crate) fn key(&self, index: u64) -> u64 {
        // SplitMix64, then the high half of a product: uniform without a division.
        let mut z = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((u128::from(z) * u128::from(self.keys)) >> 64) as u64
    }

    /// The same keys, fewer events.
    pub(crate) fn shorter(&self, events: u64) -> Workload {
        Workload { events: self.events.min(events), ..*self }
    }
}
