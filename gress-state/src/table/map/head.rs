//! The collection of one key: which of its elements have slots, in order, and whether those are all.

use crate::{
    key::{Key, StateKey, encode_key},
    key_layout::{self, WindowPart},
    table::slot_key::SlotKey,
};
use gress_core::{KeyGroup, Result};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ops::Bound,
    rc::Rc,
};

/// Collections of at most so many live elements are evicted as a whole, so that they stay whole as long as they are used.
const WHOLE_MAX: usize = 64;

/// What the table knows of the collection of one key.
pub(crate) struct Head<K> {
    pub key: K,
    pub hash: u64,
    /// What the store keys of all its elements begin with: key group and key.
    pub prefix: Box<[u8]>,
    /// What has no slot is in neither store nor checkpoint, or a cleared range hides it there.
    pub whole: Cell<bool>,
    /// A cleared range is on its way to the store, which still has what it hides.
    pub cleared: Cell<bool>,
    /// Elements by their encoding, and their slots.
    elements: RefCell<BTreeMap<Rc<[u8]>, u32>>,
    /// Hashes of collections that have no live elements left.
    emptied: Rc<RefCell<Vec<u64>>>,
}

impl<K: StateKey> Head<K> {
    pub(crate) fn new(key: &Key<K>, whole: bool, emptied: Rc<RefCell<Vec<u64>>>) -> Result<Self> {
        let mut prefix = Vec::new();
        push_prefix(key, &mut prefix)?;
        Ok(Head {
            key: key.value().clone(),
            hash: key.hash(),
            prefix: prefix.into(),
            whole: Cell::new(whole),
            cleared: Cell::new(false),
            elements: RefCell::default(),
            emptied,
        })
    }

    pub(crate) fn is(&self, key: &Key<K>) -> bool {
        self.hash == key.hash() && self.key == **key
    }
}

impl<K> Head<K> {
    /// Live elements, known-absent ones included.
    pub(crate) fn len(&self) -> usize {
        self.elements.borrow().len()
    }

    /// The first live element within the bounds, and its slot.
    pub(crate) fn first(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Option<(Rc<[u8]>, u32)> {
        if is_empty(lower, upper) {
            return None;
        }
        let elements = self.elements.borrow();
        elements.range::<[u8], _>((lower, upper)).next().map(|(element, at)| (element.clone(), *at))
    }

    /// The last live element before `upper`, and its slot.
    pub(crate) fn last(&self, upper: Bound<&[u8]>) -> Option<(Rc<[u8]>, u32)> {
        let elements = self.elements.borrow();
        elements.range::<[u8], _>((Bound::Unbounded, upper)).next_back().map(|(element, at)| (element.clone(), *at))
    }

    /// The slots of all live elements.
    pub(crate) fn slots(&self) -> Vec<u32> {
        self.elements.borrow().values().copied().collect()
    }

    /// Memory that it takes, beside its elements.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + 2 * self.prefix.len() + 48
    }
}

/// Appends what the store keys of all elements of `key` begin with.
pub(crate) fn push_prefix<K: StateKey>(key: &Key<K>, into: &mut Vec<u8>) -> Result<()> {
    key_layout::push_prefix(key.group(), WindowPart::None, into);
    encode_key(key.value(), into)
}

/// Whether nothing lies between two bounds. A sorted map would panic.
pub(crate) fn is_empty(lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> bool {
    use Bound::{Excluded, Included};
    match (lower, upper) {
        (Included(a), Included(b)) => a > b,
        (Included(a) | Excluded(a), Included(b) | Excluded(b)) => a >= b,
        _ => false,
    }
}

/// Where an element stands.
pub(crate) struct Place<K> {
    pub head: Rc<Head<K>>,
    pub element: Rc<[u8]>,
}

impl<K> Clone for Place<K> {
    fn clone(&self) -> Self {
        Place { head: self.head.clone(), element: self.element.clone() }
    }
}

/// A table has one head for a key.
impl<K> PartialEq for Place<K> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.head, &other.head) && self.element == other.element
    }
}

impl<K: StateKey> SlotKey for Place<K> {
    /// Its place in the sorted map, and the allocation of its encoding.
    const BESIDE: usize = 64;

    #[inline]
    fn push_store_key(&self, _: KeyGroup, _: WindowPart, into: &mut Vec<u8>) -> Result<()> {
        into.extend_from_slice(&self.head.prefix);
        into.extend_from_slice(&self.element);
        Ok(())
    }

    fn heap_bytes(&self) -> usize {
        self.element.len()
    }

    #[inline]
    fn is_whole(&self) -> bool {
        self.head.whole.get()
    }

    fn placed(&self, at: u32) {
        self.head.elements.borrow_mut().insert(self.element.clone(), at);
    }

    fn freed(&self) {
        let mut elements = self.head.elements.borrow_mut();
        elements.remove(&self.element);
        if elements.is_empty() {
            self.head.emptied.borrow_mut().push(self.head.hash);
        }
    }

    fn evicted(&self) {
        self.head.whole.set(false);
    }

    fn companions(&self) -> Vec<u32> {
        if self.head.len() > WHOLE_MAX { Vec::new() } else { self.head.slots() }
    }
}
