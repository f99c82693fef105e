//! What the slots of a table are found by: a key, or one element of the collection of a key.

use crate::{
    key::{StateKey, encode_key},
    key_layout::{self, WindowPart},
    table::Cold,
};
use gress_core::{
    KeyGroup, Result, codec,
    key_group::{KEY_GROUPS, key_hash},
};

/// A key of [`super::live::Live`]. The methods with a body are those by which a collection follows its elements; for a
/// plain key they do nothing and compile to nothing.
pub(crate) trait SlotKey: Clone + PartialEq + 'static {
    /// Memory that an entry takes beside its slot.
    const BESIDE: usize = 0;

    /// Appends the store key, whose key group is that of the slot.
    fn push_store_key(&self, group: KeyGroup, window: WindowPart, into: &mut Vec<u8>) -> Result<()>;

    /// About how much it holds on the heap.
    fn heap_bytes(&self) -> usize;

    /// Whether what has no slot is known to be absent: the store need not be asked.
    #[inline]
    fn is_whole(&self) -> bool {
        false
    }

    /// The hash of what a call with a key of this hash looks for first.
    #[inline]
    fn first_looked_for(hash: u64) -> u64 {
        hash
    }

    /// Slot `at` holds it now.
    #[inline]
    fn placed(&self, at: u32) {
        let _ = at;
    }

    /// Its slot is free again.
    #[inline]
    fn freed(&self) {}

    /// Its value leaves the table and stays in the store.
    #[inline]
    fn evicted(&self) {}

    /// Slots that are evicted together with its own, which is among them; none if it goes alone.
    #[inline]
    fn companions(&self) -> Vec<u32> {
        Vec::new()
    }
}

impl<K: StateKey> SlotKey for K {
    #[inline]
    fn push_store_key(&self, group: KeyGroup, window: WindowPart, into: &mut Vec<u8>) -> Result<()> {
        key_layout::push_prefix(group, window, into);
        encode_key(self, into)
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        codec::encoded_len(self)
    }
}

/// The hash of an element of a key's collection: in the key's group.
#[inline]
pub(crate) fn element_hash(of_key: u64, element: &[u8]) -> u64 {
    const GROUP: u64 = !(u64::MAX >> KEY_GROUPS.trailing_zeros());
    (of_key & GROUP) | ((key_hash(element) ^ of_key.rotate_left(32)) & !GROUP)
}

/// A slot key that is whole in its store key.
pub(crate) trait StoredKey: SlotKey {
    /// The key that stands in a store key, and its hash.
    fn of_store_key(store_key: &[u8], cold: &Cold) -> Result<(Self, u64)>;
}

impl<K: StateKey> StoredKey for K {
    fn of_store_key(store_key: &[u8], cold: &Cold) -> Result<(Self, u64)> {
        let parts = key_layout::split(store_key, 0)?;
        Ok((cold.decode_key(store_key, parts.encoded_key)?, parts.hash))
    }
}
