//! What stands behind a table: the store that it spills to, opened at the first spill, and the seal under way.

use super::TableStats;
use crate::{
    backend::{BackendFactory, Reading, StateBackend},
    key::{MapKey, StateKey},
    key_layout::{self, ElementParts, hex},
    run::{RunReader, UnsortedRun},
    store::StateStore,
    task_time::TaskTime,
    ttl::Expiry,
    version::Versions,
};
use gress_core::{Error, Result, StateName};
use std::{
    any::type_name,
    cell::{Cell, RefCell},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
};

/// Memory of an encoded entry, as long as no seal has told: a key and a value of eight bytes and what stands beside them.
const SEALED_ENTRY_BYTES: usize = 32;

/// One task's database, opened on its directory when the first of its states spills.
#[derive(Debug)]
pub struct TaskBackend {
    factory: Arc<dyn BackendFactory>,
    directory: PathBuf,
    open: RefCell<Option<Box<dyn StateBackend>>>,
}

impl TaskBackend {
    /// A database of `factory` that will live in `directory`. Nothing is created yet.
    pub fn new(factory: Arc<dyn BackendFactory>, directory: PathBuf) -> Rc<Self> {
        Rc::new(TaskBackend { factory, directory, open: RefCell::new(None) })
    }

    fn open_store(&self, name: &StateName, expiry: Option<&Arc<Expiry>>) -> Result<Box<dyn StateStore>> {
        let open_store = |backend: &dyn StateBackend| match expiry {
            None => backend.open_store(name),
            Some(expiry) => backend.open_expiring_store(name, expiry.clone()),
        };
        let mut open = self.open.borrow_mut();
        if let Some(backend) = open.as_deref() {
            return open_store(backend);
        }
        std::fs::create_dir_all(&self.directory)
            .map_err(|e| Error::io("create the directory of the state backend", &self.directory, e))?;
        let backend = self.factory.open(&self.directory)?;
        let store = open_store(&*backend)?;
        *open = Some(backend);
        Ok(store)
    }

    /// What the database tells of itself; nothing as long as it was not opened.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn readings(&self) -> Result<Vec<Reading>> {
        self.open.borrow().as_ref().map_or(Ok(Vec::new()), |backend| backend.readings())
    }

    /// Ends the database's background work, if it was opened.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn close(&self) -> Result<()> {
        self.open.borrow_mut().take().map_or(Ok(()), |backend| backend.close())
    }
}

/// The cold side of one state.
#[derive(Debug)]
pub(crate) struct Cold {
    pub name: StateName,
    /// When entries of the store expire, if they do.
    pub expiry: Option<Arc<Expiry>>,
    /// Which version the values have, if the state was given one.
    pub versions: Option<Versions>,
    /// What time it is, for states whose entries expire.
    pub time: Rc<TaskTime>,
    /// What the tables of the task may take, if that is limited.
    pub table_bytes: Option<usize>,
    backend: Rc<TaskBackend>,
    store: Option<Box<dyn StateStore>>,
    /// What the seal under way has encoded.
    pub sealed: UnsortedRun,
    /// What the seal before took, empty, for the next one; never with a store, where memory is short.
    room: UnsortedRun,
    /// Memory of an entry of the seal before, about.
    sealed_entry_bytes: usize,
    /// Whether room is kept for what the next seal will encode.
    keeps_room: bool,
    waiting: UnsortedRun,
    scratch: RefCell<Vec<u8>>,
    hits: Cell<u64>,
    misses: Cell<u64>,
    /// Keys that were read from the store before they were asked for: their first read is counted as a hit.
    fetched: Cell<u64>,
    spills: u64,
    spilled_bytes: u64,
}

impl Cold {
    pub(crate) fn new(name: StateName, backend: Rc<TaskBackend>, time: Rc<TaskTime>) -> Self {
        Cold {
            name,
            expiry: None,
            versions: None,
            time,
            table_bytes: None,
            backend,
            store: None,
            sealed: UnsortedRun::default(),
            room: UnsortedRun::default(),
            sealed_entry_bytes: SEALED_ENTRY_BYTES,
            keeps_room: false,
            waiting: UnsortedRun::default(),
            scratch: RefCell::default(),
            hits: Cell::new(0),
            misses: Cell::new(0),
            fetched: Cell::new(0),
            spills: 0,
            spilled_bytes: 0,
        }
    }

    /// Whether the store may hold keys: before the first spill, what is not in the table is absent.
    #[inline]
    pub(crate) fn spilled(&self) -> bool {
        self.store.is_some()
    }

    /// Counts a read that needs no store.
    #[inline]
    pub(crate) fn hit(&self) {
        // A plain add: a check for overflow would cost more, and 2^64 reads take centuries.
        self.hits.set(self.hits.get().wrapping_add(1));
    }

    /// Reads that have asked the store.
    pub(crate) fn misses(&self) -> u64 {
        self.misses.get()
    }

    /// What is counted here, for a table that adds what it holds.
    pub(crate) fn stats(&self) -> TableStats {
        TableStats {
            hits: self.hits.get().saturating_sub(self.fetched.get()),
            misses: self.misses.get().wrapping_add(self.fetched.get()),
            sealed_bytes: self.sealed.memory_bytes(),
            spills: self.spills,
            spilled_bytes: self.spilled_bytes,
            ..TableStats::default()
        }
    }

    /// The store, if anything was ever spilled.
    pub(crate) fn store(&self) -> Option<&dyn StateStore> {
        self.store.as_deref()
    }

    /// The store, opened if need be.
    pub(crate) fn store_for_spill(&mut self) -> Result<&dyn StateStore> {
        if self.store.is_none() {
            self.release_room();
            self.store = Some(self.backend.open_store(&self.name, self.expiry.as_ref())?);
        }
        self.store.as_deref().ok_or_else(|| Error::storage("the store was not opened"))
    }

    /// Writes `run` to the store, unless it is empty.
    pub(crate) fn spill(&mut self, run: UnsortedRun) -> Result<Option<Vec<u8>>> {
        if run.is_empty() {
            return Ok(None);
        }
        let bytes = Arc::new(run.into_bytes()?);
        let mut reader = RunReader::open(Box::new(bytes.clone()))?;
        self.store_for_spill()?.apply_run(&mut reader).map_err(|e| e.at(format!("state `{}`", self.name)))?;
        drop(reader);
        self.spills += 1;
        self.spilled_bytes += bytes.as_slice().len() as u64;
        Ok(Some(Arc::unwrap_or_clone(bytes)))
    }

    /// Collects an entry that goes to the store only; a run is written whenever enough have come together.
    pub(crate) fn spill_one(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        const RUN_BYTES: usize = 4 << 20;
        self.waiting.put(append(&key), append(&value))?;
        if self.waiting.memory_bytes() > RUN_BYTES { self.spill_rest() } else { Ok(()) }
    }

    /// Writes what [`Cold::spill_one`] has collected.
    pub(crate) fn spill_rest(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.spill(waiting).map(drop)
    }

    /// From now on memory counts with what the next seal will encode, so that a barrier never makes it exceed its budget:
    /// evicted entries leave their slots behind, which the encoded ones could not take.
    pub(crate) fn keep_room(&mut self) {
        self.keeps_room = true;
    }

    /// What a dirty entry weighs beside its slot.
    pub(crate) fn dirty_entry_bytes(&self) -> usize {
        if self.keeps_room { self.sealed_entry_bytes } else { 0 }
    }

    /// Room that is kept for so many dirty entries.
    pub(crate) fn to_be_sealed_bytes(&self, dirty_entries: usize) -> usize {
        (dirty_entries * self.dirty_entry_bytes()).max(self.room.room_bytes())
    }

    /// Checks that the seal before was taken: runs that were spilled since would hide what it holds, if it came later.
    /// About `entries` follow.
    pub(crate) fn begin_seal(&mut self, all_encoded: bool, entries: usize) -> Result<()> {
        match all_encoded && self.sealed.is_empty() {
            true => {
                self.sealed = std::mem::take(&mut self.room);
                if self.sealed.room_bytes() / 4 > entries.saturating_mul(self.sealed_entry_bytes) {
                    self.sealed = UnsortedRun::default();
                }
                // What grows step by step is copied at each, and then twice there. A little more than is needed is enough
                // for the next seal, too.
                self.sealed.reserve(entries, self.sealed_entry_bytes);
                Ok(())
            }
            false => {
                Err(Error::refused(format!("state `{}` is still being sealed for the checkpoint before", self.name)))
            }
        }
    }

    /// Takes what the seal has encoded.
    pub(crate) fn take_sealed(&mut self) -> UnsortedRun {
        if !self.sealed.is_empty() {
            self.sealed_entry_bytes = self.sealed.memory_bytes().div_ceil(self.sealed.len());
        }
        std::mem::take(&mut self.sealed)
    }

    /// See [`StateTable::take_back`](super::StateTable::take_back).
    pub(crate) fn take_back(&mut self, emptied: UnsortedRun) {
        if self.store.is_none() && emptied.is_empty() {
            self.room = emptied;
        }
    }

    /// See [`StateTable::release_room`](super::StateTable::release_room).
    pub(crate) fn release_room(&mut self) {
        self.room = UnsortedRun::default();
    }

    /// What `decode` makes of the `V` that the store has under the key that `key` appends; `None` if there is none.
    pub(crate) fn load<V, R>(
        &self,
        key: impl FnOnce(&mut Vec<u8>) -> Result<()>,
        decode: impl Fn(&[u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        let Some(store) = self.store.as_deref() else { return Ok(None) };
        self.misses.set(self.misses.get().wrapping_add(1));
        let mut store_key = self.scratch.take();
        store_key.clear();
        key(&mut store_key)?;
        let mut value = None;
        store.get(&store_key, &mut |bytes| value = Some(decode(bytes)))?;
        let value = value.transpose().map_err(|e| self.undecodable::<V>(&store_key, e));
        self.scratch.replace(store_key);
        value
    }

    /// As [`Cold::load`], of many keys in ascending order, for reads that follow and will be hits.
    pub(crate) fn load_many<V, R>(
        &self,
        store_keys: &[&[u8]],
        decode: impl Fn(&[u8]) -> Result<R>,
    ) -> Result<Vec<Option<R>>> {
        let Some(store) = self.store.as_deref() else { return Ok(store_keys.iter().map(|_| None).collect()) };
        self.fetched.set(self.fetched.get() + store_keys.len() as u64);
        let mut found: Vec<_> = store_keys.iter().map(|_| None).collect();
        store.multi_get(store_keys, &mut |at, stored| found[at] = stored.map(&decode))?;
        let wrong = |(at, error)| self.undecodable::<V>(store_keys[at], error);
        found.into_iter().enumerate().map(|(at, value)| value.transpose().map_err(|e| wrong((at, e)))).collect()
    }

    /// The key in a store key.
    pub(crate) fn decode_key<K: MapKey>(&self, store_key: &[u8], encoded: &[u8]) -> Result<K> {
        let mut scratch = self.scratch.take();
        let key = key_layout::decode_key(encoded, &mut scratch)
            .map_err(|e| Error::damaged(format!("state `{}`, store key {}: {e}", self.name, hex(store_key))));
        self.scratch.replace(scratch);
        key
    }

    /// Takes the store key of an element of a collection apart.
    pub(crate) fn split_element<'a, K: StateKey>(&self, store_key: &'a [u8]) -> Result<ElementParts<'a, K>> {
        let mut scratch = self.scratch.take();
        let parts = key_layout::split_element(store_key, &mut scratch);
        self.scratch.replace(scratch);
        parts.map_err(|e| Error::damaged(format!("state `{}`, store key {}: {e}", self.name, hex(store_key))))
    }

    /// What is said of a value that does not decode.
    pub(crate) fn undecodable<V>(&self, store_key: &[u8], error: Error) -> Error {
        let (name, key, value) = (&self.name, hex(store_key), type_name::<V>());
        Error::damaged(format!("state `{name}`, store key {key}, is no `{value}`: {error}"))
    }
}

/// Appends `bytes` to the buffer of a run.
pub(super) fn append(bytes: &[u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<()> + '_ {
    move |into| {
        into.extend_from_slice(bytes);
        Ok(())
    }
}
