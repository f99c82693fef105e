//! The table of live values: typed entries in front of a store, one hash table per state and window.
//!
//! ```text
//!            hit: a Rust value                     ┌──────────── spill: sorted run ──────────▶ store
//!  handle ──────────────────▶ Live<K, V> ──────────┤                                            │
//!            miss: load ◀──────────────────────────│───────────────────────── get ◀─────────────┘
//!                                                  └── seal: unsorted entries ──▶ run of the checkpoint
//! ```
//!
//! A barrier seals by *epoch*: it only counts the epoch up, in constant time. What was changed in an older epoch is then
//! encoded in slices between batches, and an entry that is touched before its slice is encoded first. So the sealed
//! content is that of the barrier, and no barrier waits for a million entries.

mod aging;
mod cold;
mod dropped;
mod evicted;
mod fetching;
mod heap;
mod list;
mod live;
mod map;
mod slot;
mod slot_index;
mod slot_key;
mod slot_set;
mod stats;
mod timers;
mod values;
mod wanted;
mod windows;

pub(crate) use cold::Cold;
pub use cold::TaskBackend;
use dropped::Dropped;
pub(crate) use evicted::Evicted;
pub(crate) use list::{ListCursor, ListTable, migrate_chunk, restamp_chunk, take_item};
pub(crate) use map::{MapTable, Met, Place, Walk};
pub use stats::TableStats;
pub(crate) use timers::TimerTable;
pub(crate) use values::{Found, ValueTable};
pub(crate) use windows::{Firing, WindowTable};

use crate::{
    run::{RunCursor, UnsortedRun},
    ttl::{Expiry, TtlDescription},
    value::StateValue,
    version::{FIRST_VERSION, Versions},
};
use gress_core::{Result, Schema, StateName, codec, schema_of};
use serde::de::DeserializeOwned;
use std::{
    any::{Any, type_name},
    fmt,
    sync::Arc,
};

/// What a task does with one of its states without knowing its types.
pub trait StateTable {
    /// The state's name.
    fn name(&self) -> &StateName;

    /// Brings what keys with these hashes need into the cache: of the first ones, which are used soon, all of it; of the
    /// others what leads there. Changes nothing; a table that cannot does nothing.
    fn look_ahead(&self, soon: &[u64], later: &[u64]) {
        let _ = (soon, later);
    }

    /// Events with these keys follow, each a [`Key`](crate::Key) of the type that the state has: fetches those that are
    /// not live from the store, many by one call, where that is worth it. No read finds anything else for it.
    ///
    /// # Errors
    /// A value that does not decode, and those of the store.
    fn fetch(&mut self, keys: &mut dyn Iterator<Item = &dyn Any>) -> Result<()> {
        let _ = keys;
        Ok(())
    }

    /// What a manifest says of the state.
    fn describe(&self) -> StateDescription;

    /// What is wrong with how the state was declared.
    fn problem(&self) -> Option<String> {
        None
    }

    /// How values of other versions become those of its own, if it was given one.
    #[doc(hidden)]
    fn versions(&self) -> Option<Versions> {
        None
    }

    /// By which rule its entries expire, if they do.
    fn expiry(&self) -> Option<Arc<Expiry>> {
        None
    }

    /// Looks at up to `max` live entries, in turn, and removes those that no read will find any more.
    ///
    /// # Errors
    /// A value that the seal under way needs and that cannot be encoded.
    fn clean(&mut self, max: usize) -> Result<()> {
        let _ = max;
        Ok(())
    }

    /// The checkpoint of the oldest seal that was not told of yet is complete: no restore goes back behind its barrier.
    fn completed(&mut self) {}

    /// The store may drop what no later read finds.
    fn nothing_is_replayed(&self) {}

    /// Live entries that were found expired so far.
    fn expired(&self) -> u64 {
        0
    }

    /// Marks all that was changed since the last seal as the content of this one. Constant time. The seal
    /// before has been taken: its run has a place in the chain, before what was spilled since.
    ///
    /// # Errors
    /// A seal before that was not taken.
    fn begin_seal(&mut self) -> Result<()>;

    /// Encodes up to `max` entries of the seal; `true` when all are.
    ///
    /// # Errors
    /// A value that cannot be encoded.
    fn seal_slice(&mut self, max: usize) -> Result<bool>;

    /// The sealed entries, once [`StateTable::seal_slice`] has said that all are encoded.
    fn take_sealed(&mut self) -> UnsortedRun;

    /// Takes back the room of what [`StateTable::take_sealed`] gave, once that is stored: the next seal needs as much, and
    /// to touch new memory takes longer than to encode what goes there.
    fn take_back(&mut self, _emptied: UnsortedRun) {}

    /// Lets go of that room: memory is short.
    fn release_room(&mut self) {}

    /// Fills the state from the merged content of a checkpoint: into the table while it has less than `budget` bytes,
    /// then into the store.
    ///
    /// # Errors
    /// Content that does not decode as this state, and the errors of the store.
    fn restore(&mut self, content: &mut dyn RunCursor, budget: usize) -> Result<()>;

    /// Memory that the live values take, by estimate.
    fn memory_bytes(&self) -> usize;

    /// Live entries, known-absent ones included.
    fn entries(&self) -> usize;

    /// What the table holds and has done. Costs as much as [`StateTable::memory_bytes`].
    fn stats(&self) -> TableStats;

    /// Evicts until the live values take at most `target` bytes, or entries of `slice_bytes` are encoded. What the store
    /// lacks is written to it in sorted runs; the one with what no checkpoint has yet is returned, to become part of the
    /// next one.
    ///
    /// # Errors
    /// A value that cannot be encoded, and the errors of the store.
    fn evict(&mut self, target: usize, slice_bytes: usize) -> Result<Option<Vec<u8>>>;
}

/// What a manifest says of a state, so that tools can read it without the job.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StateDescription {
    /// What kind of state it is.
    pub kind: StateKind,
    /// The Rust type of its keys.
    pub key_type: String,
    /// The Rust type of its values.
    pub value_type: String,
    /// The shape of its keys, whatever their type is called.
    pub key_schema: Schema,
    /// The shape of its values, whatever their type is called. Of a list, of its items.
    pub value_schema: Schema,
    /// Of a map, what its values are found by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_key: Option<MapKeyDescription>,
    /// Name of the codec of its values, where it is another than the manifest's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// The version of its values.
    #[serde(default = "first_version", skip_serializing_if = "is_first_version")]
    pub version: u32,
    /// When its entries expire, if they do: then each value begins with a stamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<TtlDescription>,
}

impl StateDescription {
    /// A state of this kind from `K` to `V`.
    pub fn of<K: DeserializeOwned, V: StateValue>(kind: StateKind) -> Self {
        StateDescription {
            kind,
            key_type: type_name::<K>().to_owned(),
            value_type: type_name::<V>().to_owned(),
            key_schema: schema_of::<K>(),
            value_schema: V::value_schema(),
            map_key: None,
            version: FIRST_VERSION,
            codec: (V::CODEC != codec::NAME).then(|| V::CODEC.to_owned()),
            ttl: None,
        }
    }

    /// A state with a map from `E` to `V` for each `K`.
    pub fn of_map<K: DeserializeOwned, E: DeserializeOwned, V: StateValue>() -> Self {
        let map_key = MapKeyDescription { type_name: type_name::<E>().to_owned(), schema: schema_of::<E>() };
        StateDescription { map_key: Some(map_key), ..StateDescription::of::<K, V>(StateKind::Map) }
    }

    /// Name of the codec of its values.
    pub fn codec_name(&self) -> &str {
        self.codec.as_deref().unwrap_or(codec::NAME)
    }

    /// What of the state `stored` differs so that its entries are not found as those of this one are: kind, shape of the
    /// keys. A type that was only renamed does not.
    pub(crate) fn difference_in_place(&self, stored: &StateDescription) -> Option<String> {
        if self.kind != stored.kind {
            return differs("the kind", &format!("{:?}", stored.kind), &format!("{:?}", self.kind));
        }
        if self.key_schema != stored.key_schema {
            return differs("keys", &stored.key_schema, &self.key_schema);
        }
        if let (Some(ours), Some(stored)) = (&self.map_key, &stored.map_key)
            && ours.schema != stored.schema
        {
            return differs("map keys", &stored.schema, &ours.schema);
        }
        None
    }

    /// What of the state `stored` differs so that its values cannot be read as those of this one: codec, shape.
    pub(crate) fn difference_in_values(&self, stored: &StateDescription) -> Option<String> {
        if self.codec_name() != stored.codec_name() {
            return differs("the codec", &stored.codec_name(), &self.codec_name());
        }
        if self.value_schema != stored.value_schema {
            return differs("values", &stored.value_schema, &self.value_schema);
        }
        None
    }
}

fn differs(what: &str, stored: &dyn fmt::Display, ours: &dyn fmt::Display) -> Option<String> {
    Some(format!("{what} `{stored}` in the checkpoint, `{ours}` in the job"))
}

fn first_version() -> u32 {
    FIRST_VERSION
}

fn is_first_version(version: &u32) -> bool {
    *version == FIRST_VERSION
}

impl fmt::Display for StateDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StateDescription { kind, key_type, value_type, .. } = self;
        match &self.map_key {
            None => write!(f, "{kind:?} from `{key_type}` to `{value_type}`"),
            Some(map_key) => {
                write!(f, "{kind:?} from `{key_type}` and `{}` to `{value_type}`", map_key.type_name)
            }
        }
    }
}

/// What the values of a map are found by.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MapKeyDescription {
    /// The Rust type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its shape, whatever it is called.
    pub schema: Schema,
}

/// Kinds of state; they differ in how their store keys are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateKind {
    /// One value a key.
    Value,
    /// One value a key, that what is added is reduced into.
    Reducing,
    /// One accumulator a key.
    Aggregating,
    /// A list a key, in chunks.
    List,
    /// A sorted map a key.
    Map,
    /// One accumulator a key and window.
    Window,
    /// Event-time timers.
    EventTimers,
}
