//! Values as bytes, in the format of bincode 2 (`docs/formats.md` has it to the byte). All of Gress encodes and decodes
//! values here, so that the format can be replaced.
//!
//! Decoding trusts nothing: what a forged length may allocate is bounded by the bytes that are there, nesting is bounded,
//! and bytes that are left over are an error. Encoding refuses what decoding would.

mod decode;
mod encode;

use crate::error::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::{any::type_name, fmt};

/// Name of the codec, as it stands in manifests.
pub const NAME: &str = "bincode-2/varint";

/// How deep a value may be nested: options, structs, sequences and variants within each other. Each level takes stack.
pub const DEPTH_MAX: usize = 256;

/// Elements that the sequences of a value may have beyond one a byte: only those of types like `()` take no byte.
const EMPTY_ELEMENTS_MAX: usize = 1 << 16;

/// What a number begins with that takes more than one byte.
const U16: u8 = 251;
const U32: u8 = 252;
const U64: u8 = 253;
const U128: u8 = 254;

/// Appends the encoding of `value` to `into`. On error `into` is as it was.
///
/// # Errors
/// A `Serialize` implementation that fails, a shape the codec cannot hold (a sequence of unknown length), or one that
/// [`decode`] would refuse: nested deeper than [`DEPTH_MAX`], or of more than 65,536 elements without content.
pub fn encode<T: Serialize + ?Sized>(value: &T, into: &mut Vec<u8>) -> Result<()> {
    let before = into.len();
    encode::write(value, into).map_err(|error| {
        into.truncate(before);
        Error::damaged(format!("cannot encode a `{}`: {error}", type_name::<T>()))
    })
}

/// Bytes that `value` takes when encoded, without keeping them; 0 if it cannot be encoded.
pub fn encoded_len<T: Serialize + ?Sized>(value: &T) -> usize {
    let mut count = encode::Count::default();
    encode::write(value, &mut count).map_or(0, |()| encode::Output::len(&count))
}

/// The value whose encoding `bytes` is, all of it.
///
/// # Errors
/// Bytes that are no encoding of a `T`, are too short, or go on after it.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut decoder = decode::Decoder::new(bytes);
    let name = type_name::<T>();
    let value = T::deserialize(&mut decoder)
        .map_err(|error| Error::damaged(format!("{} bytes are no `{name}`: {error}", bytes.len())))?;
    match bytes.len() - decoder.left() {
        used if used == bytes.len() => Ok(value),
        used => Err(Error::damaged(format!("a `{name}` ends after {used} of {} bytes", bytes.len()))),
    }
}

/// Why a value has no encoding, or bytes are none.
#[derive(Debug)]
struct CodecError(String);

impl CodecError {
    fn new(what: impl Into<String>) -> Self {
        CodecError(what.into())
    }

    fn too_deep() -> Self {
        CodecError(format!("it is nested deeper than {DEPTH_MAX} levels"))
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for CodecError {}
impl serde::ser::Error for CodecError {
    fn custom<T: fmt::Display>(what: T) -> Self {
        CodecError(what.to_string())
    }
}
impl serde::de::Error for CodecError {
    fn custom<T: fmt::Display>(what: T) -> Self {
        CodecError(what.to_string())
    }
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

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Nothing,
        One(i32),
        Two(u8, char),
        Fields { bytes: Vec<u8>, deep: Option<Box<Shape>> },
    }

    #[test]
    fn the_encoding_is_pinned() {
        assert_eq!(bytes_of(&250_u64), [250]);
        assert_eq!(bytes_of(&251_u16), [251, 251, 0]);
        assert_eq!(bytes_of(&65_535_u64), [251, 255, 255]);
        assert_eq!(bytes_of(&65_536_u32), [252, 0, 0, 1, 0]);
        assert_eq!(bytes_of(&(1_u64 << 32)), [253, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(bytes_of(&(1_u128 << 64)), [254, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes_of(&(-1_i16, 1_i32, -126_i64, i128::MAX >> 64)), {
            [1, 2, 251, 251, 0, 253, 254, 255, 255, 255, 255, 255, 255, 255].as_slice()
        });
        assert_eq!(bytes_of(&(200_u8, -1_i8, true)), [200, 255, 1]);
        assert_eq!(bytes_of(&(1.5_f32, -2.0_f64)), [0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0]);
        assert_eq!(bytes_of(&('a', 'ü', "ü")), [b'a', 0xc3, 0xbc, 2, 0xc3, 0xbc]);
        assert_eq!(bytes_of(&(None::<u8>, Some(7_u8), ())), [0, 1, 7]);
        assert_eq!(bytes_of(&(vec![1_u16, 2], [3_u16, 4])), [2, 1, 2, 3, 4]);
        assert_eq!(bytes_of(&std::collections::BTreeMap::from([(1_u8, 2_u16)])), [1, 1, 2]);
        assert_eq!(bytes_of(&Shape::Nothing), [0]);
        assert_eq!(bytes_of(&Shape::Two(9, 'x')), [2, 9, b'x']);
        let fields = Shape::Fields { bytes: vec![1, 2], deep: Some(Box::new(Shape::One(-1))) };
        assert_eq!(bytes_of(&fields), [3, 2, 1, 2, 1, 1, 1]);
        assert_eq!(decode::<Shape>(&bytes_of(&fields)).unwrap(), fields);
    }

    #[test]
    fn a_large_value_of_small_parts_comes_back() {
        for len in [4_096, 300_000, 3_000_000] {
            let (numbers, wide) = (vec![7_u64; len], vec![7_u128; len]);
            assert_eq!(decode::<Vec<u64>>(&bytes_of(&numbers)).unwrap(), numbers);
            assert_eq!(decode::<Vec<u128>>(&bytes_of(&wide)).unwrap(), wide);
        }
    }

    #[test]
    fn a_number_in_a_longer_form_than_the_shortest_is_refused() {
        for long in [&[251, 250, 0][..], &[252, 255, 255, 0, 0], &[253, 0, 0, 0, 1, 0, 0, 0, 0]] {
            assert!(decode::<u64>(long).is_err(), "{long:?}");
        }
        assert!(decode::<u128>(&[&[254][..], &[255; 8], &[0; 8]].concat()).is_err());
        assert!(decode::<u16>(&[252, 0, 0, 1, 0]).unwrap_err().to_string().contains("65536 is too large for its type"));
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused_when_it_is_written_and_when_it_is_read() {
        let nested = |levels: usize| {
            (0..levels)
                .fold(Shape::Nothing, |inside, _| Shape::Fields { bytes: Vec::new(), deep: Some(Box::new(inside)) })
        };
        // A level is a variant, its fields and an option; the innermost one is a variant.
        let deepest = nested((DEPTH_MAX - 1) / 3);
        assert_eq!(decode::<Shape>(&bytes_of(&deepest)).unwrap(), deepest);
        let error = encode(&nested(DEPTH_MAX / 3 + 1), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("nested deeper than 256 levels"), "{error}");
        let forged = [3, 0, 1].repeat(1 << 20);
        let error = decode::<Shape>(&forged).unwrap_err().to_string();
        assert!(error.contains("nested deeper than 256 levels"), "{error}");
    }

    #[test]
    fn elements_without_content_are_few() {
        let few = vec![(); EMPTY_ELEMENTS_MAX];
        assert_eq!(decode::<Vec<()>>(&bytes_of(&few)).unwrap(), few);
        assert!(encode(&vec![(); EMPTY_ELEMENTS_MAX + 100], &mut Vec::new()).is_err());
        // 2^60 of them would take no memory and for ever.
        assert!(decode::<Vec<()>>(&[253, 0, 0, 0, 0, 0, 0, 0, 16]).is_err());
        assert!(decode::<Vec<Vec<()>>>(&[2, 251, 0, 255, 251, 0, 255]).is_err(), "together, too");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_decode_to_what_encodes_to_them_or_are_refused(bytes: Vec<u8>) {
            if let Ok(shape) = decode::<Vec<Shape>>(&bytes) {
                proptest::prop_assert_eq!(bytes_of(&shape), bytes);
            }
        }
    }
}
