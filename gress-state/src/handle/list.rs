//! A list a key: appended to without reading it, read item by item.

use crate::{
    key::{Key, StateKey},
    table::{ListCursor, ListTable, take_item},
    ttl::Ttl,
    value::StateValue,
    version::Version,
};
use gress_core::{Error, Result};
use std::{cell::RefCell, marker::PhantomData, rc::Rc};

/// A list a key, in the order of addition. A list without items and a list that is absent are the same.
///
/// Items are kept encoded, in chunks of about 4 KiB: an addition to a list that is not in memory reads its last chunk alone,
/// and a list that is larger than memory is read chunk by chunk.
///
/// ```
/// # use gress_state::{Key, ListState};
/// # use gress_core::Result;
/// fn total(bids: &mut ListState<String, u64>, key: &Key<String>, bid: u64) -> Result<u64> {
///     bids.add(key, &bid)?;
///     bids.iter(key)?.sum()
/// }
/// ```
pub struct ListState<K, T> {
    table: Rc<RefCell<ListTable<K>>>,
    scratch: Vec<u8>,
    of: PhantomData<fn(T) -> T>,
}

impl<K: StateKey, T: StateValue> ListState<K, T> {
    pub(crate) fn new(table: Rc<RefCell<ListTable<K>>>) -> Self {
        ListState { table, scratch: Vec::new(), of: PhantomData }
    }

    /// Items have this version, and those of older ones are migrated: see [`Version`]. Said once, where the state is
    /// declared.
    #[must_use]
    pub fn version(self, version: Version<T>) -> Self {
        self.table.borrow_mut().version(version.into_versions());
        self
    }

    /// Items expire by `ttl`, each by its own age: see [`crate::ValueState::ttl`]. A list whose items have all expired is
    /// absent. What reads renew or give for the last time is every item that a read comes to.
    #[must_use]
    pub fn ttl(self, ttl: Ttl) -> Self {
        self.table.borrow_mut().expire_by(ttl);
        self
    }

    /// Adds an item at the end.
    ///
    /// # Errors
    /// An item that cannot be encoded, which leaves the list as it was, and the errors of the store.
    #[inline]
    pub fn add(&mut self, key: &Key<K>, item: &T) -> Result<()> {
        self.scratch.clear();
        item.encode_value(&mut self.scratch).map_err(|e| self.unencodable(key, e))?;
        let mut table = self.table.borrow_mut();
        if table.live.ages() {
            table.catch_up()?;
        }
        table.append(key, &self.scratch)
    }

    /// Adds items at the end: all of them, or none.
    ///
    /// # Errors
    /// As [`ListState::add`].
    pub fn add_all<'t>(&mut self, key: &Key<K>, items: impl IntoIterator<Item = &'t T>) -> Result<()> {
        let encoded = Encoded::of(items).map_err(|e| self.unencodable(key, e))?;
        self.append_all(key, &encoded)
    }

    /// What is said of an item that cannot be encoded.
    #[cold]
    fn unencodable(&self, key: &Key<K>, error: Error) -> Error {
        self.table.borrow().unencodable_item(key, error)
    }

    fn append_all(&mut self, key: &Key<K>, encoded: &Encoded) -> Result<()> {
        let mut table = self.table.borrow_mut();
        table.catch_up()?;
        encoded.items().try_for_each(|item| table.append(key, item))
    }

    /// Replaces the list; with no items, removes it.
    ///
    /// # Errors
    /// As [`ListState::add`].
    pub fn update<'t>(&mut self, key: &Key<K>, items: impl IntoIterator<Item = &'t T>) -> Result<()> {
        let encoded = Encoded::of(items).map_err(|e| self.unencodable(key, e))?;
        self.clear(key)?;
        self.append_all(key, &encoded)
    }

    /// All items, in order.
    ///
    /// # Errors
    /// Those of the store, and items that do not decode.
    pub fn get(&self, key: &Key<K>) -> Result<Vec<T>> {
        self.iter(key)?.collect()
    }

    /// The items, in order, read chunk by chunk.
    ///
    /// # Errors
    /// A state that was declared wrongly. The iterator gives the errors of the store, and items that do not decode, and
    /// ends with the first of them.
    pub fn iter<'a>(&'a self, key: &'a Key<K>) -> Result<ListIter<'a, K, T>> {
        self.table.borrow_mut().catch_up()?;
        let (cursor, chunk, of) = (ListCursor::default(), Vec::new(), PhantomData);
        Ok(ListIter { table: &self.table, key, cursor, chunk, read: 0, failed: false, of })
    }

    /// Whether there are no items.
    ///
    /// # Errors
    /// Those of the store.
    pub fn is_empty(&self, key: &Key<K>) -> Result<bool> {
        Ok(!self.table.borrow_mut().has_items(key)?)
    }

    /// Removes the items that `keep` refuses.
    ///
    /// # Errors
    /// Those of the store, and items that do not decode: what was looked at before is done.
    pub fn retain(&mut self, key: &Key<K>, mut keep: impl FnMut(&T) -> bool) -> Result<()> {
        self.table.borrow_mut().retain(key, |item| T::decode_value(item).map(|item| keep(&item)))
    }

    /// Removes the list.
    ///
    /// # Errors
    /// Those of the store.
    pub fn clear(&mut self, key: &Key<K>) -> Result<()> {
        self.table.borrow_mut().clear(key)
    }

    /// Moves the lists of `sources` to the end of that of `target`, in the order given. What has expired is left behind.
    ///
    /// # Errors
    /// Those of the store.
    pub fn merge(&mut self, target: &Key<K>, sources: &[&Key<K>]) -> Result<()> {
        let sources: Vec<_> = sources.iter().copied().filter(|source| source.value() != target.value()).collect();
        self.table.borrow_mut().merge(target, &sources)
    }
}

/// Items that have all been encoded, so that none is added where one cannot be.
struct Encoded {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Encoded {
    fn of<'t, T: StateValue>(items: impl IntoIterator<Item = &'t T>) -> Result<Self> {
        let mut encoded = Encoded { bytes: Vec::new(), ends: Vec::new() };
        for item in items {
            item.encode_value(&mut encoded.bytes)?;
            encoded.ends.push(encoded.bytes.len());
        }
        Ok(encoded)
    }

    fn items(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(&start, &end)| &self.bytes[start..end])
    }
}

/// The items of a list. It borrows the handle, so that the list stays as it is, and holds one chunk.
pub struct ListIter<'a, K, T> {
    table: &'a RefCell<ListTable<K>>,
    key: &'a Key<K>,
    cursor: ListCursor,
    /// Items behind their lengths.
    chunk: Vec<u8>,
    read: usize,
    failed: bool,
    of: PhantomData<fn() -> T>,
}

impl<K: StateKey, T: StateValue> ListIter<'_, K, T> {
    fn take(&mut self) -> Result<Option<T>> {
        while self.read == self.chunk.len() {
            self.chunk.clear();
            self.read = 0;
            if !self.table.borrow_mut().read_on(self.key, &mut self.cursor, &mut self.chunk)? {
                return Ok(None);
            }
        }
        let mut rest = &self.chunk[self.read..];
        let item = take_item(&mut rest)?;
        self.read = self.chunk.len() - rest.len();
        let item = T::decode_value(item);
        item.map(Some).map_err(|e| self.table.borrow().undecodable_item::<T>(self.key, &self.cursor, e))
    }
}

impl<K: StateKey, T: StateValue> Iterator for ListIter<'_, K, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.failed {
            return None;
        }
        let taken = self.take();
        self.failed = taken.is_err();
        taken.transpose()
    }
}
