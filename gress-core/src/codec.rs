//! Values as bytes. The only module that names the codec, so that it can be replaced.
//!
//! Decoding trusts nothing: a limit taken from the length of the input bounds what a forged length may allocate, and
//! bytes that are left over are an error.

use crate::error::{Error, Result};
use bincode::{
    config::{self, Configuration, Limit, LittleEndian, NoLimit, Varint},
    serde::{decode_from_slice, encode_into_std_write},
};
use serde::{Serialize, de::DeserializeOwned};

/// Name of the codec, as it stands in manifests.
pub const NAME: &str = "bincode-2/varint";

const fn unlimited() -> Configuration<LittleEndian, Varint, NoLimit> {
    config::standard()
}

/// Appends the encoding of `value` to `into`. On error `into` is as it was.
///
/// # Errors
/// A `Serialize` implementation that fails, or a shape the codec cannot hold (a sequence of unknown length).
pub fn encode<T: Serialize + ?Sized>(value: &T, into: &mut Vec<u8>) -> Result<()> {
    let before = into.len();
    encode_into_std_write(value, into, unlimited()).map(drop).map_err(|error| {
        into.truncate(before);
        Error::damaged(format!("cannot encode a `{}`: {error}", std::any::type_name::<T>()))
    })
}

/// Bytes that `value` takes when encoded, without keeping them.
pub fn encoded_len<T: Serialize + ?Sized>(value: &T) -> usize {
    encode_into_std_write(value, &mut std::io::sink(), unlimited()).unwrap_or(0)
}

/// The value whose encoding `bytes` is, all of it.
///
/// # Errors
/// Bytes that are no encoding of a `T`, are too short, or go on after it.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let decoded = match bytes.len() {
        0..=0x1000 => limited::<T, 0x1_0000>(bytes),
        0x1001..=0x10_0000 => limited::<T, 0x20_0000>(bytes),
        _ => limited::<T, 0x1_0000_0000>(bytes),
    };
    let name = std::any::type_name::<T>();
    match decoded {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok((_, used)) => Err(Error::damaged(format!("a `{name}` ends after {used} of {} bytes", bytes.len()))),
        Err(error) => Err(Error::damaged(format!("{} bytes are no `{name}`: {error}", bytes.len()))),
    }
}

fn limited<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<(T, usize), bincode::error::DecodeError> {
    const fn config<const LIMIT: usize>() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
        config::standard().with_limit::<LIMIT>()
    }
    decode_from_slice(bytes, config::<LIMIT>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flight {
        seq: u64,
        tail: Option<String>,
        delay: i64,
    }

    fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_value_comes_back() {
        let flight = Flight { seq: 70_000, tail: Some("N14228".into()), delay: -4 };
        let bytes = bytes_of(&flight);
        assert_eq!(decode::<Flight>(&bytes).unwrap(), flight);
        assert_eq!(encoded_len(&flight), bytes.len());
    }

    #[test]
    fn bytes_left_over_and_bytes_missing_are_errors() {
        let mut bytes = bytes_of(&(1_u64, 2_u64));
        assert!(decode::<u64>(&bytes).unwrap_err().to_string().contains("ends after 1 of 2 bytes"));
        bytes.truncate(1);
        assert!(decode::<(u64, u64)>(&bytes).is_err());
    }

    #[test]
    fn a_forged_length_allocates_nothing() {
        // A length of 2^40 in the codec's varint form, then nothing.
        let forged = [253, 0, 0, 0, 0, 0, 1, 0, 0];
        assert!(decode::<Vec<u64>>(&forged).is_err());
        assert!(decode::<String>(&forged).is_err());
        assert!(decode::<Vec<u8>>(&forged).is_err());
    }

    #[test]
    fn a_failed_encoding_leaves_the_buffer_as_it_was() {
        struct Broken;
        impl Serialize for Broken {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                use serde::ser::{Error, SerializeTuple};
                s.serialize_tuple(2)?.serialize_element(&7_u8)?;
                Err(S::Error::custom("no"))
            }
        }
        let mut bytes = vec![1, 2];
        assert!(encode(&Broken, &mut bytes).is_err());
        assert_eq!(bytes, [1, 2]);
    }
}
