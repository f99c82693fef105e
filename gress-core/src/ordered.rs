//! Keys as bytes that sort like the keys.
//!
//! [`encode`] turns any `Serialize` key into bytes whose order is the order of the key's derived `Ord`, and no encoding
//! is a prefix of another. So a store that sorts bytes keeps keys in their order, a key followed by more bytes can never
//! be mistaken for a longer key, and a range of keys is a range of bytes.
//!
//! | type | bytes |
//! |---|---|
//! | `bool`, `u8` … `u128` | big-endian, as wide as the type |
//! | `i8` … `i128` | big-endian with the sign bit flipped |
//! | `f32`, `f64` | total order: `-0.0 < 0.0`, NaN last (negative NaN first) |
//! | `char` | its scalar value, 4 bytes |
//! | `str`, bytes | as they are, `00` written as `00 FF`, ended by `00 00` |
//! | `Option` | `00`, or `01` and the value |
//! | tuple, struct, array | the fields, one after another |
//! | sequence, map | each element (or key and value) after `01`, ended by `00` |
//! | enum | index of the variant (1 byte below 255, else `FF` and 4 bytes), then its fields |
//! | `()`, unit struct | nothing |
//!
//! The encoding stands in every checkpoint: it is format [`crate::key_group::KEY_HASH`] names, and cannot change.

mod decode;
mod encode;

pub use decode::{decode, decode_first};
pub use encode::encode;

use std::fmt;

/// A key that has no order-preserving encoding, or bytes that are none.
#[derive(Debug)]
pub struct OrderedError(String);

impl OrderedError {
    fn new(what: impl Into<String>) -> Self {
        OrderedError(what.into())
    }
}

impl fmt::Display for OrderedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for OrderedError {}
impl serde::ser::Error for OrderedError {
    fn custom<T: fmt::Display>(what: T) -> Self {
        OrderedError(what.to_string())
    }
}
impl serde::de::Error for OrderedError {
    fn custom<T: fmt::Display>(what: T) -> Self {
        OrderedError(what.to_string())
    }
}

/// Flips an integer's sign bit, so that negative numbers sort before positive ones.
macro_rules! signed_bytes {
    ($value:expr, $unsigned:ty) => {
        (($value as $unsigned) ^ (1 << (<$unsigned>::BITS - 1))).to_be_bytes()
    };
}
use signed_bytes;

/// Bits of a float that sort like the float: all bits flipped where it is negative, else only the sign.
fn sortable_f64(bits: u64) -> u64 {
    bits ^ (((bits as i64 >> 63) as u64) | 1 << 63)
}
fn unsortable_f64(bits: u64) -> u64 {
    bits ^ if bits >> 63 == 1 { 1 << 63 } else { u64::MAX }
}
fn sortable_f32(bits: u32) -> u32 {
    bits ^ (((bits as i32 >> 31) as u32) | 1 << 31)
}
fn unsortable_f32(bits: u32) -> u32 {
    bits ^ if bits >> 31 == 1 { 1 << 31 } else { u32::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize, de::DeserializeOwned};
    use std::{collections::BTreeMap, fmt::Debug};

    fn bytes<K: Serialize>(key: &K) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(key, &mut bytes).unwrap();
        bytes
    }

    /// The three promises: bytes sort like keys, none is a prefix of another, and a key comes back.
    fn check<K: Serialize + DeserializeOwned + Ord + Debug>(a: &K, b: &K) {
        let (x, y) = (bytes(a), bytes(b));
        assert_eq!(x.cmp(&y), a.cmp(b), "{a:?} {b:?}: {x:02x?} {y:02x?}");
        assert!(a == b || !(x.starts_with(&y) || y.starts_with(&x)), "{a:?} {b:?}");
        assert_eq!(&decode::<K>(&x).unwrap(), a);
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    enum Shape {
        Nothing,
        Name(String),
        Pair(i32, u8),
        Fields { list: Vec<u16>, maybe: Option<String>, wide: (u128, i128) },
        Map(BTreeMap<String, i8>),
    }

    fn shape() -> impl Strategy<Value = Shape> {
        prop_oneof![
            Just(Shape::Nothing),
            text().prop_map(Shape::Name),
            any::<(i32, u8)>().prop_map(|(a, b)| Shape::Pair(a, b)),
            (any::<Vec<u16>>(), proptest::option::of(text()), any::<(u128, i128)>())
                .prop_map(|(list, maybe, wide)| Shape::Fields { list, maybe, wide }),
            proptest::collection::btree_map(text(), any::<i8>(), 0..4).prop_map(Shape::Map),
        ]
    }
    /// Short texts over the bytes that are special, so that prefixes and zeros are common.
    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop_oneof![Just('\0'), Just('\u{1}'), Just('a'), Just('ÿ'), any::<char>()], 0..5)
            .prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn integers_sort(a: (u8, i64, u32, i16), b: (u8, i64, u32, i16)) { check(&a, &b) }
        #[test]
        fn texts_sort(a in text(), b in text()) { check(&a, &b) }
        #[test]
        fn pairs_of_texts_sort(a in (text(), text()), b in (text(), text())) { check(&a, &b) }
        #[test]
        fn enums_and_nested_types_sort(a in shape(), b in shape()) { check(&a, &b) }
        #[test]
        fn sequences_sort(a: Vec<Option<bool>>, b: Vec<Option<bool>>) { check(&a, &b) }
        #[test]
        fn floats_sort_by_total_order(a: f64, b: f64) {
            prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), a.total_cmp(&b));
            prop_assert_eq!(decode::<f64>(&bytes(&a)).unwrap().to_bits(), a.to_bits());
            prop_assert_eq!(bytes(&(a as f32)).cmp(&bytes(&(b as f32))), (a as f32).total_cmp(&(b as f32)));
            prop_assert_eq!(decode::<f32>(&bytes(&(a as f32))).unwrap().to_bits(), (a as f32).to_bits());
        }
        #[test]
        fn any_bytes_decode_or_fail_cleanly(bytes: Vec<u8>) {
            // Whatever decodes must encode to the same bytes: there is one encoding of a key.
            if let Ok(shape) = decode::<Shape>(&bytes) {
                prop_assert_eq!(self::bytes(&shape), bytes);
            }
        }
    }

    // Conformance case 7.
    #[test]
    fn the_documented_order_holds() {
        let mut previous = Vec::new();
        for number in [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN] {
            let next = bytes(&number);
            assert!(previous < next, "{number}");
            previous = next;
        }
        let texts = ["", "\0", "a", "a\0", "ab"];
        assert!(texts.map(|t| bytes(&t)).is_sorted());
    }

    #[test]
    fn the_encoding_is_pinned() {
        assert_eq!(bytes(&7_u64), [0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(bytes(&-1_i16), [0x7f, 0xff]);
        assert_eq!(bytes(&"a\0"), [b'a', 0, 0xff, 0, 0]);
        assert_eq!(bytes(&Some(true)), [1, 1]);
        assert_eq!(bytes(&vec![3_u8]), [1, 3, 0]);
        assert_eq!(bytes(&Shape::Pair(0, 9)), [2, 0x80, 0, 0, 0, 9]);
    }
}
