//! The serializer behind [`super::encode`]. What it writes can be read: a value that is nested too deeply for the decoder is
//! refused here, not when a job needs it back.

use super::{CodecError, DEPTH_MAX, EMPTY_ELEMENTS_MAX, U16, U32, U64, U128};
use serde::ser::{self, Serialize};

/// Takes encoded bytes, or only counts them.
pub(super) trait Output {
    fn append(&mut self, bytes: &[u8]);
    fn len(&self) -> usize;
}

impl Output for Vec<u8> {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn len(&self) -> usize {
        Vec::len(self)
    }
}

/// Counts bytes.
#[derive(Default)]
pub(super) struct Count(usize);

impl Output for Count {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn len(&self) -> usize {
        self.0
    }
}

/// Appends the encoding of `value`.
pub(super) fn write<T: Serialize + ?Sized, O: Output>(value: &T, into: &mut O) -> Result<(), CodecError> {
    let before = into.len();
    let mut writing = Writing { into, elements: 0 };
    value.serialize(Encoder { writing: &mut writing, depth_left: DEPTH_MAX })?;
    let (elements, bytes) = (writing.elements, into.len() - before);
    match elements > bytes + EMPTY_ELEMENTS_MAX {
        true => Err(CodecError::new(format!("its sequences have {elements} elements in {bytes} bytes"))),
        false => Ok(()),
    }
}

struct Writing<'a, O> {
    into: &'a mut O,
    /// Elements of all sequences.
    elements: usize,
}

/// Writes one value, and what lies within it.
struct Encoder<'w, 'a, O> {
    writing: &'w mut Writing<'a, O>,
    depth_left: usize,
}

impl<O: Output> Encoder<'_, '_, O> {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.writing.into.append(bytes);
    }

    #[inline]
    fn number(&mut self, number: u64) {
        match number {
            ..0x1_0000 => match u8::try_from(number) {
                Ok(short @ ..U16) => self.append(&[short]),
                _ => {
                    let [a, b] = (number as u16).to_le_bytes();
                    self.append(&[U16, a, b]);
                }
            },
            0x1_0000..0x1_0000_0000 => {
                let [a, b, c, d] = (number as u32).to_le_bytes();
                self.append(&[U32, a, b, c, d]);
            }
            _ => {
                self.append(&[U64]);
                self.append(&number.to_le_bytes());
            }
        }
    }

    fn wide_number(&mut self, number: u128) {
        match u64::try_from(number) {
            Ok(number) => self.number(number),
            Err(_) => {
                self.append(&[U128]);
                self.append(&number.to_le_bytes());
            }
        }
    }

    fn elements(&mut self, len: Option<usize>) -> Result<(), CodecError> {
        let len = len.ok_or_else(|| CodecError::new("a sequence must know its length"))?;
        self.writing.elements = self.writing.elements.saturating_add(len);
        self.number(len as u64);
        Ok(())
    }

    /// One level deeper.
    #[inline]
    fn deeper(self) -> Result<Self, CodecError> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(CodecError::too_deep)?;
        Ok(Encoder { depth_left, ..self })
    }

    fn variant(self, index: u32) -> Result<Self, CodecError> {
        let mut deeper = self.deeper()?;
        deeper.number(index.into());
        Ok(deeper)
    }
}

macro_rules! unsigned {
    ($($method:ident($type:ty),)*) => {$(
        #[inline]
        fn $method(mut self, number: $type) -> Result<(), CodecError> {
            self.number(number.into());
            Ok(())
        }
    )*};
}

/// Interleaves negative and positive numbers, so that small ones of either sign are short.
macro_rules! signed {
    ($($method:ident($type:ty),)*) => {$(
        #[inline]
        fn $method(mut self, number: $type) -> Result<(), CodecError> {
            let number = i64::from(number);
            self.number((number << 1 ^ number >> 63) as u64);
            Ok(())
        }
    )*};
}

macro_rules! plain {
    ($($method:ident($type:ty),)*) => {$(
        #[inline]
        fn $method(mut self, value: $type) -> Result<(), CodecError> {
            self.append(&value.to_le_bytes());
            Ok(())
        }
    )*};
}

impl<'w, 'a, O: Output> ser::Serializer for Encoder<'w, 'a, O> {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    unsigned! { serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), }
    signed! { serialize_i16(i16), serialize_i32(i32), serialize_i64(i64), }
    plain! { serialize_u8(u8), serialize_i8(i8), serialize_f32(f32), serialize_f64(f64), }

    fn serialize_u128(mut self, number: u128) -> Result<(), CodecError> {
        self.wide_number(number);
        Ok(())
    }

    fn serialize_i128(mut self, number: i128) -> Result<(), CodecError> {
        self.wide_number((number << 1 ^ number >> 127) as u128);
        Ok(())
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), CodecError> {
        self.serialize_u8(value.into())
    }

    fn serialize_char(mut self, value: char) -> Result<(), CodecError> {
        self.append(value.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), CodecError> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(mut self, value: &[u8]) -> Result<(), CodecError> {
        self.number(value.len() as u64);
        self.append(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), CodecError> {
        self.serialize_u8(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), CodecError> {
        self.append(&[1]);
        value.serialize(self.deeper()?)
    }

    fn serialize_unit(self) -> Result<(), CodecError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CodecError> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), CodecError> {
        self.variant(index).map(drop)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), CodecError> {
        value.serialize(self.deeper()?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        value.serialize(self.variant(index)?)
    }

    fn serialize_seq(mut self, len: Option<usize>) -> Result<Self, CodecError> {
        self.elements(len)?;
        self.deeper()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, CodecError> {
        self.deeper()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, CodecError> {
        self.deeper()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CodecError> {
        self.variant(index)?.deeper()
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self, CodecError> {
        self.serialize_seq(len)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, CodecError> {
        self.deeper()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CodecError> {
        self.variant(index)?.deeper()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// What is compound is its parts, one after another.
macro_rules! parts {
    ($($of:ident: $part:ident($($name:ident: $type:ty)?),)*) => {$(
        impl<O: Output> ser::$of for Encoder<'_, '_, O> {
            type Ok = ();
            type Error = CodecError;
            #[inline]
            fn $part<T: Serialize + ?Sized>(&mut self, $($name: $type,)? part: &T) -> Result<(), CodecError> {
                part.serialize(Encoder { writing: &mut *self.writing, depth_left: self.depth_left })
            }
            fn end(self) -> Result<(), CodecError> {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(_name: &'static str),
    SerializeStructVariant: serialize_field(_name: &'static str),
}

impl<O: Output> ser::SerializeMap for Encoder<'_, '_, O> {
    type Ok = ();
    type Error = CodecError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CodecError> {
        ser::SerializeSeq::serialize_element(self, key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        ser::SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Result<(), CodecError> {
        Ok(())
    }
}
