//! The table of a state with one value a key, and the part that tables of collections have in common with it.

use super::{
    Cold, Dropped, Evicted, StateDescription, StateTable, TableStats,
    aging::{Aged, Verdict},
    fetching::{Ahead, FEW, Fetching},
    live::{Live, Origin},
    slot_key::{SlotKey, StoredKey},
    wanted::Wanted,
};
use crate::{
    key::Key,
    key_layout::WindowPart,
    run::{Fate, Mapped, RunCursor, RunEntry, UnsortedRun},
    ttl::{Expiry, Stamp, Ttl},
    value::StateValue,
    version::{self, Versions},
};
use gress_core::{Error, Result, StateName};
use std::{any::Any, cell::RefCell, sync::Arc};

/// Live values and what stands behind them. Handles work on both parts at once.
pub(crate) struct ValueTable<K, V> {
    pub live: Live<K, V>,
    pub cold: Cold,
    /// What was cleared at once and not removed one by one.
    pub dropped: Dropped,
    description: StateDescription,
    /// What reads would have changed while another value was borrowed from the table.
    put_off: RefCell<Vec<PutOff<K>>>,
    fetching: Fetching,
    problem: Option<String>,
}

/// A change that a read causes, to be made when nothing is borrowed.
struct PutOff<K> {
    key: K,
    hash: u64,
    change: Change,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// The entry lives on from this time.
    Renew(i64),
    /// The entry had expired and was given for the last time.
    Remove,
}

/// What a read finds.
pub(crate) enum Found<V> {
    Nothing,
    /// The value is in this slot.
    In(u32),
    /// The value is in no slot.
    Apart(V),
}

impl<K: SlotKey, V: StateValue> ValueTable<K, V> {
    pub(crate) fn new(cold: Cold, description: StateDescription) -> Self {
        let (mut live, put_off) = (Live::new(WindowPart::None), RefCell::default());
        if let Some(bytes) = cold.table_bytes {
            live.limit(bytes);
        }
        let (dropped, fetching) = (Dropped::default(), Fetching::default());
        ValueTable { live, cold, dropped, description, put_off, fetching, problem: None }
    }

    /// Entries expire by `ttl`. It is a problem if they do already, or if there are any.
    pub(crate) fn expire_by(&mut self, ttl: Ttl) {
        let problem = if self.live.ages() {
            "is given a time to live twice"
        } else if !self.live.is_unused() || self.cold.spilled() {
            "is given a time to live after it was used: do it where the state is declared"
        } else if ttl.millis() == 0 {
            "has a time to live of 0 ms, which keeps nothing: valid are 1 ms and more"
        } else {
            self.cold.expiry = Some(self.live.expire_by(ttl, self.cold.time.clone()));
            return;
        };
        self.problem = Some(format!("the state `{}` {problem}", self.cold.name));
        // Entries that were written without ages must not be read as if they had some: each use is an error from now on.
        self.live.expire_by(ttl, self.cold.time.clone());
    }

    /// The values have this version. It is a problem if they were given one already, or if it makes no sense.
    pub(crate) fn version(&mut self, versions: Versions) {
        if let Err(problem) = version::give(&mut self.cold.versions, versions) {
            self.problem = Some(format!("the state `{}` {problem}", self.cold.name));
        }
    }

    /// Makes the changes that reads had to put off. Called before the table changes in any other way.
    #[cold]
    pub(crate) fn catch_up(&mut self) -> Result<()> {
        if let Some(problem) = &self.problem {
            return Err(Error::refused(problem.clone()));
        }
        for PutOff { key, hash, change } in self.put_off.take() {
            let key = Key::from_parts(key, hash);
            let Some(at) = self.live.find_or_load(&key, &mut self.cold)? else { continue };
            match change {
                Change::Renew(now) if self.live.value(at).is_some() => {
                    self.live.touch(at, &mut self.cold)?;
                    self.live.mark_updated(at, now);
                }
                Change::Renew(_) => {}
                Change::Remove => drop(self.live.expire(at, &mut self.cold)?),
            }
        }
        Ok(())
    }

    /// The slot of `key` for a call that changes the value in place: one that has expired is there only if a read may
    /// still give it.
    #[inline]
    pub(crate) fn find_to_change(&mut self, key: &Key<K>) -> Result<Option<u32>> {
        match self.live.ages() {
            false => self.live.find_or_load(key, &mut self.cold),
            true => self.find_unless_gone(key),
        }
    }

    #[cold]
    fn find_unless_gone(&mut self, key: &Key<K>) -> Result<Option<u32>> {
        self.catch_up()?;
        let Some(at) = self.live.find_or_load(key, &mut self.cold)? else { return Ok(None) };
        if self.live.value(at).is_some() && self.live.judge(at) == Verdict::Gone {
            self.live.expire(at, &mut self.cold)?;
        }
        Ok(self.live.holds(at).then_some(at))
    }

    /// Fills the place of `key` with `first` of `value`, or lets `change` change what is there by it.
    #[inline]
    pub(crate) fn upsert<T>(
        &mut self,
        key: &Key<K>,
        value: T,
        first: impl FnOnce(T) -> V,
        change: impl FnOnce(&mut V, T),
    ) -> Result<()> {
        let at = self.find_to_change(key)?;
        let ValueTable { live, cold, .. } = self;
        let Some(at) = at else {
            live.insert_new(key, first(value), false);
            return Ok(());
        };
        live.touch(at, cold)?;
        match live.value_mut(at) {
            None => live.fill(at, first(value)),
            Some(old) => {
                change(old, value);
                live.mark(at);
            }
        }
        Ok(())
    }

    /// What `look` makes of the value of `key`.
    pub(crate) fn read_with<R>(&mut self, key: &Key<K>, look: impl FnOnce(&V) -> R) -> Result<Option<R>> {
        let found = match self.live.ages() {
            true => self.read(key)?,
            false => self.live.find_or_load(key, &mut self.cold)?.map_or(Found::Nothing, Found::In),
        };
        Ok(match found {
            Found::Nothing => None,
            Found::In(at) => self.live.value(at).map(look),
            Found::Apart(value) => Some(look(&value)),
        })
    }

    /// Removes the value of `key` and gives it.
    pub(crate) fn take(&mut self, key: &Key<K>) -> Result<Option<V>> {
        let Some(at) = self.find_to_change(key)? else { return Ok(None) };
        self.live.remove(at, &mut self.cold)
    }

    /// Removes the value of `key`, without reading it from the store.
    pub(crate) fn remove(&mut self, key: &Key<K>) -> Result<()> {
        if self.live.ages() {
            self.catch_up()?;
        }
        match self.live.find(key) {
            Some(at) => self.live.remove(at, &mut self.cold).map(drop),
            None => {
                if self.cold.spilled() && !key.value().is_whole() {
                    self.live.remove_blindly(key);
                }
                Ok(())
            }
        }
    }

    /// What a read finds in a state whose entries expire.
    pub(crate) fn read(&mut self, key: &Key<K>) -> Result<Found<V>> {
        self.catch_up()?;
        let Some(at) = self.live.find_or_load(key, &mut self.cold)? else { return Ok(Found::Nothing) };
        if self.live.value(at).is_none() {
            return Ok(Found::Nothing);
        }
        match self.live.judge(at) {
            Verdict::Live => {}
            Verdict::Renewed => {
                self.live.touch(at, &mut self.cold)?;
                self.live.mark(at);
            }
            Verdict::Gone => {
                self.live.expire(at, &mut self.cold)?;
                return Ok(Found::Nothing);
            }
            Verdict::Last => {
                return Ok(self.live.expire(at, &mut self.cold)?.map_or(Found::Nothing, Found::Apart));
            }
        }
        Ok(Found::In(at))
    }

    /// As [`ValueTable::read`], while another value is borrowed from the table.
    pub(crate) fn read_beside(&self, key: &Key<K>) -> Result<Found<V>> {
        if self.is_given_up(key) {
            return Ok(Found::Nothing);
        }
        let (found, verdict) = match self.live.find(key) {
            Some(at) if self.live.value(at).is_none() => return Ok(Found::Nothing),
            Some(at) => (Found::In(at), self.live.judge(at)),
            None => match self.live.load(key, &self.cold)? {
                None => return Ok(Found::Nothing),
                Some(Aged { value, updated }) => (Found::Apart(value), self.live.judge_age(updated)),
            },
        };
        Ok(self.judged_beside(key, found, verdict))
    }

    /// As [`ValueTable::read_beside`], of a value that was loaded already and is not live.
    pub(super) fn loaded_beside(&self, key: &Key<K>, loaded: Aged<V>) -> Found<V> {
        let verdict = self.live.judge_age(loaded.updated);
        match self.is_given_up(key) {
            true => Found::Nothing,
            false => self.judged_beside(key, Found::Apart(loaded.value), verdict),
        }
    }

    fn is_given_up(&self, key: &Key<K>) -> bool {
        let given_up = |put_off: &PutOff<K>| put_off.change == Change::Remove && put_off.key == **key;
        self.put_off.borrow().iter().any(given_up)
    }

    fn judged_beside(&self, key: &Key<K>, found: Found<V>, verdict: Verdict) -> Found<V> {
        match verdict {
            Verdict::Live => {}
            Verdict::Gone => return Found::Nothing,
            Verdict::Renewed => self.put_off(key, Change::Renew(self.live.now())),
            Verdict::Last => self.put_off(key, Change::Remove),
        }
        found
    }

    /// Makes the changes that reads have put off, once there are many.
    pub(crate) fn catch_up_if_far_behind(&mut self) -> Result<()> {
        const MANY: usize = 256;
        if self.put_off.get_mut().len() < MANY { Ok(()) } else { self.catch_up() }
    }

    fn put_off(&self, key: &Key<K>, change: Change) {
        let (key, hash) = (key.value().clone(), key.hash());
        self.put_off.borrow_mut().push(PutOff { key, hash, change });
    }
}

/// What a batch will look for.
impl<K: SlotKey, V: StateValue> ValueTable<K, V> {
    /// The keys that are not live, once for each event; of many that take much memory the first ones only.
    fn lacking<'k>(&self, keys: &mut dyn Iterator<Item = &'k dyn Any>) -> impl Iterator<Item = &'k Key<K>> {
        let keys = keys.filter_map(|key| key.downcast_ref::<Key<K>>());
        keys.filter(|key| self.live.find(key).is_none()).take(self.live.room_ahead())
    }

    fn fetch_lacking(&mut self, keys: &mut dyn Iterator<Item = &dyn Any>) -> Result<()> {
        let mut wanted = Wanted::new();
        for key in self.lacking(keys) {
            wanted.add(key, |into| self.live.push_store_key(key, into))?;
        }
        if wanted.len() < FEW {
            return Ok(());
        }
        let ValueTable { live, cold, .. } = self;
        let mut fetched = Vec::with_capacity(wanted.len());
        wanted.fetch(cold, |stored| live.decode(stored), |key, value| fetched.push((key, value)))?;
        for (key, value) in fetched {
            live.insert(key.value().clone(), key.hash(), value, Origin::Store);
        }
        Ok(())
    }
}

/// What a table of collections does as this one does.
impl<K: SlotKey, V: StateValue> ValueTable<K, V> {
    pub(super) fn described(&self) -> StateDescription {
        let ttl = self.live.ttl().map(Into::into);
        let version = self.cold.versions.as_ref().map_or(self.description.version, |versions| versions.number);
        StateDescription { ttl, version, ..self.description.clone() }
    }

    pub(super) fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    pub(super) fn clean_live(&mut self, max: usize) -> Result<()> {
        self.catch_up()?;
        self.live.clean(max, &mut self.cold)
    }

    pub(super) fn advance_expiry(&self) {
        if let Some((expiry, horizon)) = self.cold.expiry.as_ref().zip(self.live.horizon()) {
            expiry.advance(horizon);
        }
    }

    pub(super) fn begin_seal_of_live(&mut self) -> Result<()> {
        self.cold.begin_seal(self.live.sealed(), self.live.dirty_entries())?;
        self.catch_up()?;
        self.live.begin_seal();
        let spilled = self.cold.spilled();
        self.dropped.seal(&mut self.cold.sealed, spilled);
        Ok(())
    }

    pub(super) fn seal_live(&mut self, max: usize) -> Result<bool> {
        self.live.seal_slice(max, &mut self.cold)?;
        Ok(self.live.sealed())
    }

    pub(super) fn all_memory_bytes(&self) -> usize {
        let live = self.live.memory_bytes() + self.cold.to_be_sealed_bytes(self.live.dirty_entries());
        live + self.dropped.memory_bytes() + self.cold.sealed.memory_bytes()
    }

    pub(super) fn table_stats(&self) -> TableStats {
        let mut stats = self.cold.stats();
        self.live.add_to(&mut stats);
        stats.table_bytes += self.dropped.memory_bytes();
        stats
    }

    pub(super) fn evict_live(&mut self, target: usize, slice_bytes: usize) -> Result<Option<Vec<u8>>> {
        self.catch_up()?;
        let target = target.saturating_sub(self.dropped.memory_bytes() + self.cold.sealed.memory_bytes());
        let mut evicted = Evicted::new(slice_bytes, self.cold.dirty_entry_bytes());
        self.live.evict(target, &mut evicted, &mut self.cold)?;
        self.dropped.spill(&mut evicted.unsealed, &mut evicted.sealed);
        evicted.spill(&mut self.cold)
    }
}

impl<K: StoredKey, V: StateValue> StateTable for ValueTable<K, V> {
    fn name(&self) -> &StateName {
        &self.cold.name
    }

    fn look_ahead(&self, soon: &[u64], later: &[u64]) {
        self.live.look_ahead(soon, later);
    }

    fn fetch(&mut self, keys: &mut dyn Iterator<Item = &dyn Any>) -> Result<()> {
        if !self.cold.spilled() {
            return Ok(());
        }
        match self.fetching.begins(self.cold.misses()) {
            Ahead::Nothing => Ok(()),
            Ahead::Count => {
                let lacking = self.lacking(keys).count();
                self.fetching.lacking(lacking);
                Ok(())
            }
            Ahead::Fetch => self.fetch_lacking(keys),
        }
    }

    fn describe(&self) -> StateDescription {
        self.described()
    }

    fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    fn versions(&self) -> Option<Versions> {
        self.cold.versions.clone()
    }

    fn expiry(&self) -> Option<Arc<Expiry>> {
        self.cold.expiry.clone()
    }

    fn clean(&mut self, max: usize) -> Result<()> {
        self.clean_live(max)
    }

    fn completed(&mut self) {
        self.live.completed();
    }

    fn nothing_is_replayed(&self) {
        self.advance_expiry();
    }

    fn expired(&self) -> u64 {
        self.live.expired()
    }

    fn begin_seal(&mut self) -> Result<()> {
        self.begin_seal_of_live()
    }

    fn seal_slice(&mut self, max: usize) -> Result<bool> {
        self.seal_live(max)
    }

    fn take_sealed(&mut self) -> UnsortedRun {
        self.cold.take_sealed()
    }

    fn take_back(&mut self, emptied: UnsortedRun) {
        self.cold.take_back(emptied);
    }

    fn release_room(&mut self) {
        self.cold.release_room();
    }

    fn restore(&mut self, content: &mut dyn RunCursor, budget: usize) -> Result<()> {
        self.fill(content, budget, |table, store_key| K::of_store_key(store_key, &table.cold))
    }

    fn memory_bytes(&self) -> usize {
        self.all_memory_bytes()
    }

    fn entries(&self) -> usize {
        self.live.entries()
    }

    fn stats(&self) -> TableStats {
        self.table_stats()
    }

    fn evict(&mut self, target: usize, slice_bytes: usize) -> Result<Option<Vec<u8>>> {
        self.evict_live(target, slice_bytes)
    }
}

impl<K: SlotKey, V: StateValue> ValueTable<K, V> {
    /// Fills the table, then the store. `key_of` takes keys from store keys.
    pub(super) fn fill(
        &mut self,
        content: &mut dyn RunCursor,
        budget: usize,
        key_of: impl FnMut(&Self, &[u8]) -> Result<(K, u64)>,
    ) -> Result<()> {
        let Some((expiry, now)) = self.cold.expiry.clone().zip(self.live.horizon()) else {
            return self.fill_all(content, budget, key_of);
        };
        let fate = move |stored: &[u8], _: &mut Vec<u8>| {
            // Bytes that no stamp begins are for a reader to report.
            let over = Stamp::split(stored).is_ok_and(|(stamp, _)| expiry.is_expired(stamp, now));
            Ok(if over { Fate::Gone } else { Fate::Stays })
        };
        self.fill_all(&mut Mapped::new(content, fate), budget, key_of)
    }

    fn fill_all(
        &mut self,
        content: &mut dyn RunCursor,
        budget: usize,
        mut key_of: impl FnMut(&Self, &[u8]) -> Result<(K, u64)>,
    ) -> Result<()> {
        while self.live.memory_bytes() < budget || budget == usize::MAX {
            let Some(entry) = content.next()? else { return Ok(()) };
            let (store_key, bytes) = put(entry)?;
            let (key, hash) = key_of(self, store_key)?;
            let value = self.live.decode(bytes).map_err(|e| self.cold.undecodable::<V>(store_key, e))?;
            self.live.insert(key, hash, Some(value), Origin::Checkpoint);
        }
        self.cold.store_for_spill()?.apply_run(content)
    }
}

/// The put that a merged checkpoint consists of.
pub(super) fn put(entry: RunEntry<'_>) -> Result<(&[u8], &[u8])> {
    match entry {
        RunEntry::Put { key, value } => Ok((key, value)),
        other => Err(Error::damaged(format!("the merged content of a checkpoint holds {other:?}"))),
    }
}
