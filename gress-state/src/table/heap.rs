//! What live entries hold on the heap, by sampling the length of their encoding.

use super::slot_key::SlotKey;
use crate::value::StateValue;

/// The mean length of encoded keys and values, from every 64th use: a hint of what types with a heap hold there. Newer
/// samples weigh more, for values that grow.
///
/// Chunks of lists are counted instead: they grow from nothing to their full size, which few of the uses see.
#[derive(Default)]
pub(super) struct HeapEstimate {
    uses: u64,
    /// 32 times the mean.
    mean_32: u64,
    counted: Option<Counted>,
}

/// What entries have brought along when they were put into the table, and gained since.
#[derive(Clone, Copy, Default)]
struct Counted {
    entries: u64,
    bytes: u64,
}

impl HeapEstimate {
    /// From now on sizes are counted.
    pub(super) fn count(&mut self) {
        self.counted = Some(Counted::default());
    }

    /// An entry is put into the table.
    #[inline]
    pub(super) fn placed<K: SlotKey, V: StateValue>(&mut self, key: &K, value: Option<&V>) {
        match self.counted {
            None => self.used(key, value),
            Some(_) => self.count_entry(key, value),
        }
    }

    #[cold]
    fn count_entry<K: SlotKey, V: StateValue>(&mut self, key: &K, value: Option<&V>) {
        let Some(counted) = &mut self.counted else { return };
        if counted.entries == 1 << 16 {
            // Older entries say less of what there is.
            (counted.entries, counted.bytes) = (counted.entries / 2, counted.bytes / 2);
        }
        counted.entries += 1;
        counted.bytes += (key.heap_bytes() + value.map_or(0, StateValue::value_len)) as u64;
    }

    /// An entry has gained so many bytes, or lost them.
    pub(super) fn grown(&mut self, bytes: isize) {
        if let Some(counted) = &mut self.counted {
            counted.bytes = counted.bytes.saturating_add_signed(bytes as i64);
        }
    }

    /// Counts a use of an entry: it was put into the table, or is about to be changed.
    #[inline]
    pub(super) fn used<K: SlotKey, V: StateValue>(&mut self, key: &K, value: Option<&V>) {
        if !(std::mem::needs_drop::<K>() || std::mem::needs_drop::<V>()) {
            return;
        }
        if self.uses.is_multiple_of(64) {
            self.sample(key.heap_bytes() + value.map_or(0, StateValue::value_len));
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
        let mean = match self.counted {
            None => self.mean_32 / 32,
            Some(Counted { entries, bytes }) => bytes / entries.max(1),
        };
        mean as usize + 16 * allocations
    }
}
