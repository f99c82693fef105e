//! What live entries hold on the heap, by sampling the length of their encoding.

use crate::key::{StateKey, StateValue};
use gress_core::codec;

/// The mean length of encoded keys and values, from every 64th use: a hint of what types with a heap hold there. Newer
/// samples weigh more, for values that grow.
#[derive(Default)]
pub(super) struct HeapEstimate {
    uses: u64,
    /// 32 times the mean.
    mean_32: u64,
}

impl HeapEstimate {
    /// Counts a use of an entry: it was put into the table, or is about to be changed.
    #[inline]
    pub(super) fn used<K: StateKey, V: StateValue>(&mut self, key: &K, value: Option<&V>) {
        if !(std::mem::needs_drop::<K>() || std::mem::needs_drop::<V>()) {
            return;
        }
        if self.uses.is_multiple_of(64) {
            self.sample(codec::encoded_len(key) + value.map_or(0, codec::encoded_len));
        }
        self.uses += 1;
    }

    #[cold]
    fn sample(&mut self, bytes: usize) {
        self.mean_32 = match self.uses {
            0 => 32 * bytes as u64,
            _ => self.mean_32 - self.mean_32 / 32 + bytes as u64,
        };
    }

    pub(super) fn mean<K, V>(&self) -> usize {
        // An allocation has a header and is rounded up.
        let allocations = usize::from(std::mem::needs_drop::<K>()) + usize::from(std::mem::needs_drop::<V>());
        (self.mean_32 / 32) as usize + 16 * allocations
    }
}
