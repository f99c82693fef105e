//! A sorted map a key: reads like a map that is durable.

use super::value::Read;
use crate::{
    key::{Key, MapKey, StateKey, encode_key},
    table::{Found, MapTable, Met, Place, ValueTable, Walk},
    ttl::Ttl,
    value::StateValue,
    version::Version,
};
use gress_core::Result;
use serde::Serialize;
use std::{
    cell::{Ref, RefCell, RefMut},
    ops::{Bound, Deref, DerefMut, RangeBounds},
    rc::Rc,
};

/// A map a key, sorted by the encoding of its map keys: see [`MapKey`]. A map without entries and one that is absent are the
/// same.
///
/// Entries are loaded, changed and evicted one by one. A small map is loaded as a whole when it is iterated over; one that is
/// larger than memory is walked in slices.
///
/// ```
/// # use gress_state::{Key, MapState};
/// # use gress_core::Result;
/// fn bump(seen: &mut MapState<u32, String, u64>, key: &Key<u32>, word: &str) -> Result<u64> {
///     *seen.entry(key, word)?.or_insert(0) += 1;
///     let mut sum = 0;
///     for entry in seen.iter(key)? {
///         let (_, n) = entry?;
///         sum += *n;
///     }
///     Ok(sum)
/// }
/// ```
pub struct MapState<K, E, V> {
    table: Rc<RefCell<MapTable<K, E, V>>>,
    /// The buffer that map keys are encoded in.
    scratch: RefCell<Vec<u8>>,
}

impl<K: StateKey, E: MapKey, V: StateValue> MapState<K, E, V> {
    pub(crate) fn new(table: Rc<RefCell<MapTable<K, E, V>>>) -> Self {
        MapState { table, scratch: RefCell::default() }
    }

    /// Values have this version, and those of older ones are migrated: see [`Version`]. Said once, where the state is
    /// declared.
    #[must_use]
    pub fn version(self, version: Version<V>) -> Self {
        self.table.borrow_mut().values.version(version.into_versions());
        self
    }

    /// Entries expire by `ttl`, each by its own age: see [`crate::ValueState::ttl`]. A map whose entries have all expired is
    /// absent. What an iterator passes over, it has read.
    #[must_use]
    pub fn ttl(self, ttl: Ttl) -> Self {
        self.table.borrow_mut().expire_by(ttl);
        self
    }

    /// Lends the encoding of `element`.
    #[inline]
    fn with<Q: Serialize + ?Sized, R>(&self, element: &Q, then: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
        let mut bytes = self.scratch.take();
        bytes.clear();
        encode_key(element, &mut bytes)?;
        let result = then(&bytes);
        self.scratch.replace(bytes);
        result
    }

    /// The value of `element`, borrowed. Drop it, or use [`MapState::get_cloned`] or [`MapState::take`], before writing to
    /// the same handle.
    ///
    /// # Errors
    /// A map key that cannot be encoded, and those of the store, where the value must be loaded.
    #[inline]
    pub fn get<Q>(&self, key: &Key<K>, element: &Q) -> Result<Option<Read<'_, V>>>
    where
        E: std::borrow::Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        self.with(element, |bytes| self.get_encoded(key, bytes))
    }

    #[inline]
    fn get_encoded(&self, key: &Key<K>, element: &[u8]) -> Result<Option<Read<'_, V>>> {
        let table = self.table.borrow();
        if table.values.live.ages() {
            drop(table);
            return self.get_aging(key, element);
        }
        if let Some(at) = table.find(key, element) {
            table.values.cold.hit();
            return Ok(in_table(table, at));
        }
        if table.is_whole(key) {
            table.values.cold.hit();
            return Ok(None);
        }
        drop(table);
        let found = match self.table.try_borrow_mut() {
            Ok(mut table) => {
                let place = table.place(key, element)?;
                let ValueTable { live, cold, .. } = &mut table.values;
                live.find_or_load(&place, cold)?
            }
            // A value that was read before is still borrowed from the table, which must not change under it.
            Err(_) => {
                let table = self.table.borrow();
                let loaded = table.values.live.load(&table.place(key, element)?, &table.values.cold)?;
                return Ok(loaded.map(|loaded| Read::apart(loaded.value)));
            }
        };
        Ok(found.and_then(|at| in_table(self.table.borrow(), at)))
    }

    /// [`MapState::get`] where entries expire: a read may change the table.
    #[inline(never)]
    fn get_aging(&self, key: &Key<K>, element: &[u8]) -> Result<Option<Read<'_, V>>> {
        let place = self.table.borrow().place(key, element)?;
        let found = match self.table.try_borrow_mut() {
            Ok(mut table) => table.values.read(&place)?,
            // A value that was read before is still borrowed: the change waits until it no longer is.
            Err(_) => self.table.borrow().values.read_beside(&place)?,
        };
        Ok(self.lend(found))
    }

    fn lend(&self, found: Found<V>) -> Option<Read<'_, V>> {
        match found {
            Found::Nothing => None,
            Found::In(at) => in_table(self.table.borrow(), at),
            Found::Apart(value) => Some(Read::apart(value)),
        }
    }

    /// A clone of the value of `element`, which holds no borrow of the handle.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn get_cloned<Q>(&self, key: &Key<K>, element: &Q) -> Result<Option<V>>
    where
        E: std::borrow::Borrow<Q>,
        Q: Serialize + ?Sized,
        V: Clone,
    {
        Ok(self.get(key, element)?.map(|value| value.clone()))
    }

    /// Whether `element` has a value: `None`, where values are options, is one.
    ///
    /// # Errors
    /// As [`MapState::get`].
    pub fn contains<Q>(&self, key: &Key<K>, element: &Q) -> Result<bool>
    where
        E: std::borrow::Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        Ok(self.get(key, element)?.is_some())
    }

    /// Sets the value of `element`, without reading the one before.
    ///
    /// # Errors
    /// A map key that cannot be encoded; a value before that the checkpoint under way needs and that cannot be encoded.
    #[inline]
    pub fn put<Q>(&mut self, key: &Key<K>, element: &Q, value: V) -> Result<()>
    where
        E: std::borrow::Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        self.with(element, |bytes| self.table.borrow_mut().set(key, bytes, value))
    }

    /// Sets the values of several map keys. Where one fails, those before it are set.
    ///
    /// # Errors
    /// As [`MapState::put`].
    pub fn put_all(&mut self, key: &Key<K>, entries: impl IntoIterator<Item = (E, V)>) -> Result<()> {
        entries.into_iter().try_for_each(|(element, value)| self.put(key, &element, value))
    }

    /// Changes the value of `element` in place if there is one; `true` if there was.
    ///
    /// # Errors
    /// As [`MapState::get`] and [`MapState::put`].
    pub fn update<Q>(&mut self, key: &Key<K>, element: &Q, change: impl FnOnce(&mut V)) -> Result<bool>
    where
        E: std::borrow::Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        self.with(element, |bytes| self.table.borrow_mut().update(key, bytes, change))
    }

    /// The place of `element`, to fill or change.
    ///
    /// # Errors
    /// As [`MapState::get`] and [`MapState::put`].
    pub fn entry<Q>(&mut self, key: &Key<K>, element: &Q) -> Result<MapEntry<'_, K, V>>
    where
        E: std::borrow::Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        self.with(element, |bytes| {
            let mut table = self.table.borrow_mut();
            let at = table.find_to_change(key, bytes)?;
            let place = match at {
                Some(at) => {
                    let ValueTable { live, cold, .. } = &mut table.values;
                    live.touch(at, cold)?;
                    None
                }
                None => Some(table.place(key, bytes)?),
            };
            Ok(MapEntry { values: RefMut::map(table, |table| &mut table.values), place, at })
        })
    }

    /// Removes the value of `element` and gives it.
    ///
    /// # Errors
    /// As [`MapState::get`] and [`MapState::put`].
    pub fn take<Q>(&mut self, key: &Key<K>, element: &Q) -> Result<Option<V>>
    where
        E: std::borrow::Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        self.with(element, |bytes| self.table.borrow_mut().take(key, bytes))
    }

    /// Removes the value of `element`, without reading it from the store.
    ///
    /// # Errors
    /// As [`MapState::put`].
    pub fn remove<Q>(&mut self, key: &Key<K>, element: &Q) -> Result<()>
    where
        E: std::borrow::Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        self.with(element, |bytes| self.table.borrow_mut().remove(key, bytes))
    }

    /// All entries, in ascending order of their map keys.
    ///
    /// # Errors
    /// Those of the store. The iterator gives those, and entries that do not decode, and ends with the first of them.
    pub fn iter<'a>(&'a self, key: &'a Key<K>) -> Result<MapIter<'a, K, E, V>> {
        let walk = match self.table.try_borrow_mut() {
            Ok(mut table) => {
                table.values.catch_up()?;
                table.walk_and_load(key)?
            }
            // What was read before is still borrowed: nothing can be loaded.
            Err(_) => return self.walk(key, Bound::Unbounded, Bound::Unbounded),
        };
        Ok(MapIter { state: self, key, walk, failed: false })
    }

    /// The entries whose map keys lie in `range`, in ascending order. A range that ends before it begins is empty.
    ///
    /// # Errors
    /// As [`MapState::iter`], and a bound that cannot be encoded.
    pub fn range<'a>(&'a self, key: &'a Key<K>, range: impl RangeBounds<E>) -> Result<MapIter<'a, K, E, V>> {
        self.walk(key, encoded(range.start_bound())?, encoded(range.end_bound())?)
    }

    fn walk<'a>(
        &'a self,
        key: &'a Key<K>,
        lower: Bound<Vec<u8>>,
        upper: Bound<Vec<u8>>,
    ) -> Result<MapIter<'a, K, E, V>> {
        let store = !self.table.borrow().is_whole(key);
        Ok(MapIter { state: self, key, walk: Walk::new(key, lower, upper, store)?, failed: false })
    }

    /// The entry with the least map key.
    ///
    /// # Errors
    /// As [`MapState::iter`].
    pub fn first<'a>(&'a self, key: &'a Key<K>) -> Result<Option<(E, Read<'a, V>)>> {
        self.walk(key, Bound::Unbounded, Bound::Unbounded)?.next().transpose()
    }

    /// The entry with the greatest map key. Of a map that is not in memory as a whole, some dozens of looks at the store.
    ///
    /// # Errors
    /// As [`MapState::iter`].
    pub fn last<'a>(&'a self, key: &'a Key<K>) -> Result<Option<(E, Read<'a, V>)>> {
        let mut upper = Bound::Unbounded;
        loop {
            let Some(met) = self.table.borrow().last(key, &upper)? else { return Ok(None) };
            if let Some(entry) = self.give(key, &met)? {
                return Ok(Some(entry));
            }
            upper = Bound::Excluded(met.element().to_vec());
        }
    }

    /// What a walk has met, as a read finds it.
    fn give(&self, key: &Key<K>, met: &Met) -> Result<Option<(E, Read<'_, V>)>> {
        let found = self.table.borrow().read_met(key, met)?;
        let Some(value) = found.and_then(|found| self.lend(found)) else { return Ok(None) };
        let element = self.table.borrow().decode_element(met.element())?;
        Ok(Some((element, value)))
    }

    /// Removes the entry with the least map key and gives it.
    ///
    /// # Errors
    /// As [`MapState::iter`] and [`MapState::put`].
    pub fn pop_first(&mut self, key: &Key<K>) -> Result<Option<(E, V)>> {
        let mut table = self.table.borrow_mut();
        table.values.catch_up()?;
        let mut walk = Walk::new(key, Bound::Unbounded, Bound::Unbounded, !table.is_whole(key))?;
        while let Some(met) = walk.step(table.head(key).as_deref(), &table)? {
            if let Met::Live(_, at) = met
                && table.values.live.value(at).is_none()
            {
                continue;
            }
            let element = table.decode_element(met.element())?;
            if let Some(value) = table.take(key, met.element())? {
                return Ok(Some((element, value)));
            }
        }
        Ok(None)
    }

    /// Removes the entries that `keep` refuses.
    ///
    /// # Errors
    /// As [`MapState::iter`] and [`MapState::put`]: what was looked at before is done.
    pub fn retain(&mut self, key: &Key<K>, mut keep: impl FnMut(&E, &V) -> bool) -> Result<()> {
        let mut table = self.table.borrow_mut();
        table.values.catch_up()?;
        let mut walk = table.walk_and_load(key)?;
        while let Some(met) = walk.step(table.head(key).as_deref(), &table)? {
            if !table.is_there(&met)? {
                continue;
            }
            let element = table.decode_element(met.element())?;
            if !table.look_at(key, &met, |value| keep(&element, value))? {
                table.remove(key, met.element())?;
            }
        }
        Ok(())
    }

    /// Whether there are no entries.
    ///
    /// # Errors
    /// Those of the store.
    pub fn is_empty(&self, key: &Key<K>) -> Result<bool> {
        let table = self.table.borrow();
        let mut walk = Walk::new(key, Bound::Unbounded, Bound::Unbounded, !table.is_whole(key))?;
        while let Some(met) = walk.step(table.head(key).as_deref(), &table)? {
            if table.is_there(&met)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes all entries: few of them one by one, many as a range.
    ///
    /// # Errors
    /// Those of the store, and a value that the checkpoint under way needs and that cannot be encoded.
    pub fn clear(&mut self, key: &Key<K>) -> Result<()> {
        self.table.borrow_mut().clear(key)
    }
}

fn in_table<'a, K: StateKey, E: MapKey, V: StateValue>(
    table: Ref<'a, MapTable<K, E, V>>,
    at: u32,
) -> Option<Read<'a, V>> {
    Ref::filter_map(table, |table| table.values.live.value(at)).ok().map(Read::in_table)
}

fn encoded<E: MapKey>(bound: Bound<&E>) -> Result<Bound<Vec<u8>>> {
    let encode = |element: &E| {
        let mut bytes = Vec::new();
        encode_key(element, &mut bytes).map(|()| bytes)
    };
    Ok(match bound {
        Bound::Included(element) => Bound::Included(encode(element)?),
        Bound::Excluded(element) => Bound::Excluded(encode(element)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

/// Entries of a map in ascending order of their map keys. It borrows the handle, so that the map stays as it is.
pub struct MapIter<'a, K, E, V> {
    state: &'a MapState<K, E, V>,
    key: &'a Key<K>,
    walk: Walk,
    failed: bool,
}

impl<'a, K: StateKey, E: MapKey, V: StateValue> MapIter<'a, K, E, V> {
    fn take(&mut self) -> Result<Option<(E, Read<'a, V>)>> {
        // Changes that reads put off are made from time to time, if nothing is borrowed.
        if let Ok(mut table) = self.state.table.try_borrow_mut() {
            table.values.catch_up_if_far_behind()?;
        }
        loop {
            let table = self.state.table.borrow();
            let Some(met) = self.walk.step(table.head(self.key).as_deref(), &table)? else { return Ok(None) };
            drop(table);
            if let Some(entry) = self.state.give(self.key, &met)? {
                return Ok(Some(entry));
            }
        }
    }
}

impl<'a, K: StateKey, E: MapKey, V: StateValue> Iterator for MapIter<'a, K, E, V> {
    type Item = Result<(E, Read<'a, V>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let taken = self.take();
        self.failed = taken.is_err();
        taken.transpose()
    }
}

/// The place of one map key in a [`MapState`].
pub struct MapEntry<'a, K, V> {
    values: RefMut<'a, ValueTable<Place<K>, V>>,
    /// The token of an element that has no slot.
    place: Option<Key<Place<K>>>,
    at: Option<u32>,
}

impl<'a, K: StateKey, V: StateValue> MapEntry<'a, K, V> {
    /// The value, set to `default` if there is none.
    pub fn or_insert(self, default: V) -> MapWrite<'a, K, V> {
        self.or_insert_with(|| default)
    }

    /// The value, set to `V::default()` if there is none.
    pub fn or_default(self) -> MapWrite<'a, K, V>
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// The value, set to what `default` gives if there is none.
    #[expect(clippy::expect_used, reason = "an element without a slot has a token")]
    pub fn or_insert_with(mut self, default: impl FnOnce() -> V) -> MapWrite<'a, K, V> {
        let live = &mut self.values.live;
        let at = match self.at {
            Some(at) => {
                if live.value(at).is_none() {
                    live.fill(at, default());
                } else if live.ages() {
                    live.keep(at);
                }
                at
            }
            None => live.insert_new(self.place.as_ref().expect("it has no slot"), default(), false),
        };
        MapWrite { values: self.values, at }
    }
}

/// A value of a map that may be changed: it counts as changed once it is borrowed mutably, not before.
pub struct MapWrite<'a, K, V> {
    values: RefMut<'a, ValueTable<Place<K>, V>>,
    at: u32,
}

impl<K: StateKey, V: StateValue> Deref for MapWrite<'_, K, V> {
    type Target = V;
    #[expect(clippy::expect_used, reason = "an entry that was filled stays filled while it is borrowed")]
    fn deref(&self) -> &V {
        self.values.live.value(self.at).expect("the entry was filled")
    }
}

impl<K: StateKey, V: StateValue> DerefMut for MapWrite<'_, K, V> {
    #[expect(clippy::expect_used, reason = "an entry that was filled stays filled while it is borrowed")]
    fn deref_mut(&mut self) -> &mut V {
        let live = &mut self.values.live;
        live.mark(self.at);
        live.value_mut(self.at).expect("the entry was filled")
    }
}
