//! The key token. Only [`KeyMaker`] makes one, it cannot be cloned, and operators are lent it for one call: so code can
//! never keep the key of an earlier event and touch that key's state by accident.

use gress_core::{Error, Event, KeyGroup, Result, key_group::key_hash, ordered};
use serde::{Serialize, de::DeserializeOwned};
use std::{any::type_name, hash::Hash, ops::Deref};

/// What may be a key: a plain value that owns its data and derives order, hash and serde.
///
/// The key's encoding (see [`gress_core::ordered`]) decides its group and its place in stores and checkpoints; `Eq` must
/// agree with it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    note = "keys need `#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]` and own their data"
)]
pub trait StateKey: Ord + Hash + Clone + Send + Serialize + DeserializeOwned + 'static {}
impl<K: Ord + Hash + Clone + Send + Serialize + DeserializeOwned + 'static> StateKey for K {}

/// What a map in state may have as keys: anything that serde can write and read.
///
/// The encoding of [`gress_core::ordered`] alone decides which map keys are equal and how they are ordered; `Eq` and `Ord` are
/// not asked. So floats are map keys (`-0.0` before `0.0`, NaN last), and for types with derived `Ord` the order is that.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a map in state",
    note = "add `#[derive(Serialize, Deserialize)]`"
)]
pub trait MapKey: Serialize + DeserializeOwned + 'static {}
impl<E: Serialize + DeserializeOwned + 'static> MapKey for E {}

/// The current key: its value, hash and key group, computed once where the stream was keyed. Derefs to the value.
#[derive(Debug)]
pub struct Key<K> {
    value: K,
    hash: u64,
}

impl<K> Key<K> {
    pub(crate) fn from_parts(value: K, hash: u64) -> Self {
        Key { value, hash }
    }

    /// The key itself.
    pub fn value(&self) -> &K {
        &self.value
    }

    /// The hash of its encoding.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The key group it belongs to.
    #[inline]
    pub fn group(&self) -> KeyGroup {
        KeyGroup::of_hash(self.hash)
    }
}

impl<K> Deref for Key<K> {
    type Target = K;
    fn deref(&self) -> &K {
        &self.value
    }
}

/// An event with its key, as it travels through an exchange.
#[derive(Debug)]
pub struct Keyed<K, T> {
    /// The key.
    pub key: Key<K>,
    /// The event.
    pub event: Event<T>,
}

/// Makes key tokens, for the runtime: once an event, where a stream is keyed.
#[derive(Debug, Default)]
pub struct KeyMaker {
    encoded: Vec<u8>,
}

impl KeyMaker {
    /// The token of `value`.
    ///
    /// # Errors
    /// A `Serialize` implementation of the key that fails.
    #[inline]
    pub fn key<K: StateKey>(&mut self, value: K) -> Result<Key<K>> {
        self.encoded.clear();
        encode_key(&value, &mut self.encoded)?;
        let hash = key_hash(&self.encoded);
        Ok(Key { value, hash })
    }
}

#[inline]
pub(crate) fn encode_key<K: Serialize + ?Sized>(key: &K, into: &mut Vec<u8>) -> Result<()> {
    ordered::encode(key, into)
        .map_err(|e| Error::operator(format!("cannot encode a key of type `{}`: {e}", type_name::<K>())).because(e))
}
