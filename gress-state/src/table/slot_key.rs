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

    /// The hash by which the index finds a slot, made of the one whose top bits are the key group.
    #[inline]
    fn spread(hash: u64) -> u64 {
        hash
    }

    /// Appends the store key; `hash` is that of the slot.
    fn push_store_key(&self, hash: u64, window: WindowPart, into: &mut Vec<u8>) -> Result<()>;

    /// About how much it holds on the heap.
    fn heap_bytes(&self) -> usize;

    /// Whether what has no slot is known to be absent: the store need not be asked.
    #[inline]
    fn is_whole(&self) -> bool {
        false
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
    fn push_store_key(&self, hash: u64, window: WindowPart, into: &mut Vec<u8>) -> Result<()> {
        key_layout::push_prefix(KeyGroup::of_hash(hash), window, into);
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

/// Where the index looks for an element: not by the bits of its key group, which all elements of a collection share.
#[inline]
pub(crate) fn spread_element(hash: u64) -> u64 {
    hash.rotate_left(32)
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
