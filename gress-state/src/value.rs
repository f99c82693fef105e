//! Values of state and their codecs: what serde can write goes through the codec of [`gress_core::codec`], and what should
//! go through another is [`Coded`].
//!
//! Which codec a state has is part of its value's type. So the usual one is called directly, wherever bytes are made, and
//! nobody pays for the choice.

use gress_core::{Error, Result, Schema, codec, schema_of};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    any::type_name,
    cell::Cell,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

/// What may be state: anything that serde can write and read, and what [`Coded`] gives another codec. There is no need to
/// implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be state",
    note = "add `#[derive(Serialize, Deserialize)]`, or wrap it in `Coded` with a codec of its own"
)]
pub trait StateValue: Sized + Send + 'static {
    /// Name of the codec, as it stands in manifests.
    #[doc(hidden)]
    const CODEC: &'static str;

    /// The shape of the type.
    #[doc(hidden)]
    fn value_schema() -> Schema;

    /// Appends the value's bytes. On error `into` is as it was.
    #[doc(hidden)]
    fn encode_value(&self, into: &mut Vec<u8>) -> Result<()>;

    /// The value whose bytes these are, all of them.
    #[doc(hidden)]
    fn decode_value(bytes: &[u8]) -> Result<Self>;

    /// About how many bytes the value takes.
    #[doc(hidden)]
    fn value_len(&self) -> usize;
}

impl<V: Serialize + DeserializeOwned + Send + 'static> StateValue for V {
    const CODEC: &'static str = codec::NAME;

    fn value_schema() -> Schema {
        schema_of::<V>()
    }

    #[inline]
    fn encode_value(&self, into: &mut Vec<u8>) -> Result<()> {
        codec::encode(self, into)
    }

    #[inline]
    fn decode_value(bytes: &[u8]) -> Result<Self> {
        codec::decode(bytes)
    }

    #[inline]
    fn value_len(&self) -> usize {
        codec::encoded_len(self)
    }
}

/// Another format for values of type `V`: how they become bytes, and values again. [`Coded`] gives it to a state.
///
/// ```
/// use gress_state::{Coded, ValueCodec, ValueState};
/// use gress_core::{Error, Result};
///
/// /// Numbers as text.
/// struct Decimal;
///
/// impl ValueCodec<u64> for Decimal {
///     const NAME: &'static str = "decimal/1";
///
///     fn encode(value: &u64, into: &mut Vec<u8>) -> Result<()> {
///         into.extend_from_slice(value.to_string().as_bytes());
///         Ok(())
///     }
///
///     fn decode(bytes: &[u8]) -> Result<u64> {
///         Ok(std::str::from_utf8(bytes)?.parse()?)
///     }
/// }
///
/// struct Seen {
///     count: ValueState<String, Coded<u64, Decimal>>,
/// }
/// ```
///
/// The bytes are part of checkpoints. What they mean must never change under one name: a changed format needs another
/// name, and the states that have it a [version](crate::Version) that migrates.
pub trait ValueCodec<V>: 'static {
    /// Name of the format, as it stands in manifests: a restore with another is refused.
    const NAME: &'static str;

    /// Appends the bytes of `value` to `into`, which is empty.
    ///
    /// # Errors
    /// A value that the format cannot hold. The error is told with the names of state and key.
    fn encode(value: &V, into: &mut Vec<u8>) -> Result<()>;

    /// The value whose bytes these are, all of them.
    ///
    /// # Errors
    /// Bytes that are no value: never a panic, whatever they are. The error is told with the names of state and key.
    fn decode(bytes: &[u8]) -> Result<V>;

    /// The shape of the type, which a restore compares: `any`, unless the format depends on more than its name. Of a
    /// serde type it may be [`schema_of`].
    fn schema() -> Schema {
        Schema::any()
    }
}

/// A value that is kept in the format of codec `C`. It derefs to the value.
///
/// ```
/// # use gress_state::{Coded, Key, ValueCodec, ValueState};
/// # use gress_core::Result;
/// fn count<C: ValueCodec<u64>>(seen: &mut ValueState<String, Coded<u64, C>>, key: &Key<String>) -> Result<u64> {
///     let mut n = seen.entry(key)?.or_insert(Coded::new(0));
///     **n += 1;
///     Ok(**n)
/// }
/// ```
pub struct Coded<V, C> {
    value: V,
    by: PhantomData<fn() -> C>,
}

impl<V, C> Coded<V, C> {
    /// `value`, to be kept in the format of `C`.
    pub const fn new(value: V) -> Self {
        Coded { value, by: PhantomData }
    }

    /// The value itself.
    pub fn into_inner(self) -> V {
        self.value
    }
}

thread_local! {
    /// A codec never sees the bytes of other values.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<V: Send + 'static, C: ValueCodec<V>> StateValue for Coded<V, C> {
    const CODEC: &'static str = C::NAME;

    fn value_schema() -> Schema {
        C::schema()
    }

    fn encode_value(&self, into: &mut Vec<u8>) -> Result<()> {
        let mut bytes = SCRATCH.take();
        bytes.clear();
        let encoded = C::encode(&self.value, &mut bytes);
        if encoded.is_ok() {
            into.extend_from_slice(&bytes);
        }
        SCRATCH.set(bytes);
        encoded.map_err(|e| e.at(format!("cannot encode a `{}` by the codec `{}`", type_name::<V>(), C::NAME)))
    }

    fn decode_value(bytes: &[u8]) -> Result<Self> {
        let value = C::decode(bytes).map_err(|error| {
            let (len, name, codec) = (bytes.len(), type_name::<V>(), C::NAME);
            Error::damaged(format!("{len} bytes are no `{name}` by the codec `{codec}`: {error}"))
        });
        value.map(Coded::new)
    }

    fn value_len(&self) -> usize {
        let mut bytes = SCRATCH.take();
        bytes.clear();
        let len = C::encode(&self.value, &mut bytes).map_or(0, |()| bytes.len());
        SCRATCH.set(bytes);
        len
    }
}

impl<V, C> Deref for Coded<V, C> {
    type Target = V;
    #[inline]
    fn deref(&self) -> &V {
        &self.value
    }
}

impl<V, C> DerefMut for Coded<V, C> {
    #[inline]
    fn deref_mut(&mut self) -> &mut V {
        &mut self.value
    }
}

impl<V, C> From<V> for Coded<V, C> {
    fn from(value: V) -> Self {
        Coded::new(value)
    }
}

impl<V: Clone, C> Clone for Coded<V, C> {
    fn clone(&self) -> Self {
        Coded::new(self.value.clone())
    }
}

impl<V: Copy, C> Copy for Coded<V, C> {}

impl<V: Default, C> Default for Coded<V, C> {
    fn default() -> Self {
        Coded::new(V::default())
    }
}

impl<V: PartialEq, C> PartialEq for Coded<V, C> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<V: Eq, C> Eq for Coded<V, C> {}

impl<V: fmt::Debug, C> fmt::Debug for Coded<V, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes what is there in front of the number, too, and refuses 13.
    struct Sloppy;

    impl ValueCodec<u8> for Sloppy {
        const NAME: &'static str = "sloppy";
        fn encode(value: &u8, into: &mut Vec<u8>) -> Result<()> {
            into.insert(0, *value);
            if *value == 13 { Err(Error::operator("13 is not written")) } else { Ok(()) }
        }
        fn decode(bytes: &[u8]) -> Result<u8> {
            match bytes {
                [n] => Ok(*n),
                _ => Err(Error::damaged("it is no byte")),
            }
        }
    }

    #[test]
    fn a_codec_neither_sees_nor_changes_the_bytes_of_other_values() {
        let mut bytes = vec![1, 2];
        Coded::<u8, Sloppy>::new(3).encode_value(&mut bytes).unwrap();
        assert_eq!(bytes, [1, 2, 3]);
        let error = Coded::<u8, Sloppy>::new(13).encode_value(&mut bytes).unwrap_err().to_string();
        assert_eq!(bytes, [1, 2, 3], "a failure leaves no byte");
        assert!(error.contains("cannot encode a `u8` by the codec `sloppy`") && error.contains("13 is"), "{error}");
        assert_eq!((Coded::<u8, Sloppy>::new(7).value_len(), Coded::<u8, Sloppy>::new(13).value_len()), (1, 0));
    }

    #[test]
    fn what_does_not_decode_is_told_with_type_and_codec() {
        assert_eq!(*Coded::<u8, Sloppy>::decode_value(&[7]).unwrap(), 7);
        let error = Coded::<u8, Sloppy>::decode_value(&[7, 8]).unwrap_err().to_string();
        assert!(error.contains("2 bytes are no `u8` by the codec `sloppy`: it is no byte"), "{error}");
    }

    #[test]
    fn a_serde_type_has_the_usual_codec_and_a_coded_one_its_own() {
        assert_eq!((u64::CODEC, Coded::<u8, Sloppy>::CODEC), (codec::NAME, "sloppy"));
        assert_eq!((u8::value_schema().as_str(), Coded::<u8, Sloppy>::value_schema().as_str()), ("u8", "any"));
    }
}
