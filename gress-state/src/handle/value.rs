//! One value a key: reads like a map that is durable.

use crate::{
    key::{Key, StateKey},
    table::{Found, ValueTable},
    ttl::Ttl,
    value::StateValue,
    version::Version,
};
use gress_core::Result;
use std::{
    cell::{Ref, RefCell, RefMut},
    ops::{Deref, DerefMut},
    rc::Rc,
};

/// One value a key. Every call is about the key it is given; a key without a value has none until one is set.
///
/// ```
/// # use gress_state::{Key, ValueState};
/// # use gress_core::Result;
/// fn count(seen: &mut ValueState<String, u64>, key: &Key<String>) -> Result<u64> {
///     let mut n = seen.entry(key)?.or_insert(0);
///     *n += 1;
///     Ok(*n)
/// }
/// ```
pub struct ValueState<K, V> {
    table: Rc<RefCell<ValueTable<K, V>>>,
}

impl<K: StateKey, V: StateValue> ValueState<K, V> {
    pub(crate) fn new(table: Rc<RefCell<ValueTable<K, V>>>) -> Self {
        ValueState { table }
    }

    /// Values have this version, and those of older ones are migrated: see [`Version`]. Said once, where the state is declared.
    #[must_use]
    pub fn version(self, version: Version<V>) -> Self {
        self.table.borrow_mut().version(version.into_versions());
        self
    }

    /// Entries expire by `ttl`. Said once, where the state is declared:
    ///
    /// ```
    /// # use gress_state::{Ttl, ValueState};
    /// # use std::time::Duration;
    /// fn short_lived(state: ValueState<String, u64>) -> ValueState<String, u64> {
    ///     state.ttl(Ttl::after(Duration::from_secs(60)).in_event_time())
    /// }
    /// ```
    ///
    /// An expired entry is absent for every call. With [`crate::ttl::TtlVisibility::ReturnExpiredIfNotCleanedUp`] one that
    /// was not cleaned up yet is there once more: a read gives and removes it; [`ValueState::update`] and the entry API
    /// find it and keep it, as updated now.
    ///
    /// A second time to live, or one that comes after the state was used, is a problem that building the job reports.
    #[must_use]
    pub fn ttl(self, ttl: Ttl) -> Self {
        self.table.borrow_mut().expire_by(ttl);
        self
    }

    /// The value of `key`, borrowed. Drop it, or use [`ValueState::get_cloned`] or [`ValueState::take`], before writing
    /// to the same handle.
    ///
    /// # Errors
    /// Those of the store, where the value must be loaded.
    #[inline]
    pub fn get(&self, key: &Key<K>) -> Result<Option<Read<'_, V>>> {
        let table = self.table.borrow();
        if table.live.ages() {
            drop(table);
            return self.get_aging(key);
        }
        if let Some(at) = table.live.find(key) {
            table.cold.hit();
            return Ok(Ref::filter_map(table, |t| t.live.value(at)).ok().map(Read::in_table));
        }
        if !table.cold.spilled() {
            table.cold.hit();
            return Ok(None);
        }
        drop(table);
        self.get_cold(key)
    }

    #[cold]
    fn get_cold(&self, key: &Key<K>) -> Result<Option<Read<'_, V>>> {
        let found = match self.table.try_borrow_mut() {
            Ok(mut table) => {
                let ValueTable { live, cold, .. } = &mut *table;
                live.find_or_load(key, cold)?
            }
            // A value that was read before is still borrowed from the table, which must not change under it.
            Err(_) => {
                let table = self.table.borrow();
                let loaded = table.live.load(key, &table.cold)?;
                return Ok(loaded.map(|loaded| Read::apart(loaded.value)));
            }
        };
        let Some(at) = found else { return Ok(None) };
        Ok(Ref::filter_map(self.table.borrow(), |t| t.live.value(at)).ok().map(Read::in_table))
    }

    /// [`ValueState::get`] where entries expire: a read may change the table.
    #[inline(never)]
    fn get_aging(&self, key: &Key<K>) -> Result<Option<Read<'_, V>>> {
        let found = match self.table.try_borrow_mut() {
            Ok(mut table) => table.read(key)?,
            // A value that was read before is still borrowed: the change waits until it no longer is.
            Err(_) => self.table.borrow().read_beside(key)?,
        };
        Ok(match found {
            Found::Nothing => None,
            Found::In(at) => Ref::filter_map(self.table.borrow(), |t| t.live.value(at)).ok().map(Read::in_table),
            Found::Apart(value) => Some(Read::apart(value)),
        })
    }

    /// A clone of the value of `key`, which holds no borrow of the handle.
    ///
    /// # Errors
    /// As [`ValueState::get`].
    pub fn get_cloned(&self, key: &Key<K>) -> Result<Option<V>>
    where
        V: Clone,
    {
        Ok(self.get(key)?.map(|value| value.clone()))
    }

    /// Sets the value of `key`, without reading the one before.
    ///
    /// # Errors
    /// A value before that the checkpoint under way needs and that cannot be encoded.
    #[inline]
    pub fn set(&mut self, key: &Key<K>, value: V) -> Result<()> {
        let mut table = self.table.borrow_mut();
        if table.live.ages() {
            table.catch_up()?;
        }
        let ValueTable { live, cold, .. } = &mut *table;
        live.set(key, value, cold)
    }

    /// Changes the value of `key` in place if there is one; `true` if there was.
    ///
    /// # Errors
    /// As [`ValueState::get`] and [`ValueState::set`].
    #[inline]
    pub fn update(&mut self, key: &Key<K>, change: impl FnOnce(&mut V)) -> Result<bool> {
        let mut table = self.table.borrow_mut();
        let Some(at) = table.find_to_change(key)? else { return Ok(false) };
        let ValueTable { live, cold, .. } = &mut *table;
        live.touch(at, cold)?;
        let Some(value) = live.value_mut(at) else { return Ok(false) };
        change(value);
        live.mark(at);
        Ok(true)
    }

    /// Removes the value of `key` and gives it.
    ///
    /// # Errors
    /// As [`ValueState::get`] and [`ValueState::set`].
    pub fn take(&mut self, key: &Key<K>) -> Result<Option<V>> {
        let mut table = self.table.borrow_mut();
        let Some(at) = table.find_to_change(key)? else { return Ok(None) };
        let ValueTable { live, cold, .. } = &mut *table;
        live.remove(at, cold)
    }

    /// Removes the value of `key`, without reading it from the store.
    ///
    /// # Errors
    /// As [`ValueState::set`].
    pub fn remove(&mut self, key: &Key<K>) -> Result<()> {
        let mut table = self.table.borrow_mut();
        if table.live.ages() {
            table.catch_up()?;
        }
        let ValueTable { live, cold, .. } = &mut *table;
        match live.find(key) {
            Some(at) => live.remove(at, cold).map(drop),
            None if cold.spilled() => {
                live.remove_blindly(key);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The place of `key`, to fill or change.
    ///
    /// # Errors
    /// As [`ValueState::get`] and [`ValueState::set`].
    #[inline]
    pub fn entry<'a>(&'a mut self, key: &'a Key<K>) -> Result<Entry<'a, K, V>> {
        let mut table = self.table.borrow_mut();
        let at = table.find_to_change(key)?;
        if let Some(at) = at {
            let ValueTable { live, cold, .. } = &mut *table;
            live.touch(at, cold)?;
        }
        Ok(Entry { table, key, at })
    }
}

/// A borrowed value.
pub struct Read<'a, V>(Held<'a, V>);

enum Held<'a, V> {
    InTable(Ref<'a, V>),
    Apart(Box<V>),
}

impl<'a, V> Read<'a, V> {
    pub(super) fn in_table(value: Ref<'a, V>) -> Self {
        Read(Held::InTable(value))
    }

    pub(super) fn apart(value: V) -> Self {
        Read(Held::Apart(Box::new(value)))
    }
}

impl<V> Deref for Read<'_, V> {
    type Target = V;
    #[inline]
    fn deref(&self) -> &V {
        match &self.0 {
            Held::InTable(value) => value,
            Held::Apart(value) => value,
        }
    }
}

/// The place of one key in a [`ValueState`].
pub struct Entry<'a, K, V> {
    table: RefMut<'a, ValueTable<K, V>>,
    key: &'a Key<K>,
    at: Option<u32>,
}

impl<'a, K: StateKey, V: StateValue> Entry<'a, K, V> {
    /// The value, set to `default` if there is none.
    #[inline]
    pub fn or_insert(self, default: V) -> Write<'a, K, V> {
        self.or_insert_with(|| default)
    }

    /// The value, set to `V::default()` if there is none.
    #[inline]
    pub fn or_default(self) -> Write<'a, K, V>
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// The value, set to what `default` gives if there is none.
    #[inline]
    pub fn or_insert_with(mut self, default: impl FnOnce() -> V) -> Write<'a, K, V> {
        let live = &mut self.table.live;
        let at = match self.at {
            Some(at) => {
                if live.value(at).is_none() {
                    live.fill(at, default());
                } else if live.ages() {
                    live.keep(at);
                }
                at
            }
            None => live.insert_new(self.key, default(), false),
        };
        Write { table: self.table, at }
    }
}

/// A value that may be changed: it counts as changed once it is borrowed mutably, not before.
pub struct Write<'a, K, V> {
    table: RefMut<'a, ValueTable<K, V>>,
    at: u32,
}

impl<K: StateKey, V: StateValue> Deref for Write<'_, K, V> {
    type Target = V;
    #[inline]
    #[expect(clippy::expect_used, reason = "an entry that was filled stays filled while it is borrowed")]
    fn deref(&self) -> &V {
        self.table.live.value(self.at).expect("the entry was filled")
    }
}

impl<K: StateKey, V: StateValue> DerefMut for Write<'_, K, V> {
    #[inline]
    #[expect(clippy::expect_used, reason = "an entry that was filled stays filled while it is borrowed")]
    fn deref_mut(&mut self) -> &mut V {
        self.table.live.change(self.at).expect("the entry was filled")
    }
}
