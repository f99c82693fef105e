//! The deserializer behind [`super::decode`]: reads what the encoder writes, with limits that come from the input.
//!
//! It believes no length. Texts and byte strings are borrowed from the input before they are copied, a sequence may not have
//! more elements than bytes are left (but for [`EMPTY_ELEMENTS_MAX`] of a type that takes no bytes), and what lies within
//! each other may do so [`DEPTH_MAX`] times. A number in another form than the shortest is refused, so that a value has one
//! encoding.

use super::{CodecError, DEPTH_MAX, EMPTY_ELEMENTS_MAX, U16, U32, U64, U128};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

/// What is left to be read, of bytes, depth and elements.
pub(super) struct Decoder<'de> {
    rest: &'de [u8],
    depth_left: usize,
    /// Elements that sequences may still have: each takes a byte, except as many as [`EMPTY_ELEMENTS_MAX`] together.
    elements_left: usize,
}

impl<'de> Decoder<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Decoder { rest: bytes, depth_left: DEPTH_MAX, elements_left: bytes.len() + EMPTY_ELEMENTS_MAX }
    }

    /// Bytes that nobody has asked for.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (first, rest) = self.rest.split_first_chunk::<N>().ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(*first)
    }

    fn take_slice(&mut self, len: usize) -> Result<&'de [u8], CodecError> {
        let (first, rest) = self.rest.split_at_checked(len).ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    fn number(&mut self) -> Result<u64, CodecError> {
        match self.take()? {
            [short @ ..U16] => Ok(short.into()),
            [U16] => shortest(u16::from_le_bytes(self.take()?).into(), U16.into()),
            [U32] => shortest(u32::from_le_bytes(self.take()?).into(), 1 << 16),
            [U64] => shortest(u64::from_le_bytes(self.take()?), 1 << 32),
            [other] => Err(CodecError::new(format!("{other:#04x} begins no number of up to 64 bits"))),
        }
    }

    fn wide_number(&mut self) -> Result<u128, CodecError> {
        match self.rest.first() {
            Some(&U128) => {
                let [_] = self.take()?;
                match u128::from_le_bytes(self.take()?) {
                    wide if wide >> 64 != 0 => Ok(wide),
                    _ => Err(not_shortest()),
                }
            }
            _ => self.number().map(u128::from),
        }
    }

    fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, CodecError> {
        let number = self.number()?;
        let too_large = || CodecError::new(format!("{number} is too large for its type"));
        T::try_from(number).map_err(|_| too_large())
    }

    fn flag(&mut self) -> Result<bool, CodecError> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(CodecError::new(format!("{other:#04x} stands where 0 or 1 is due"))),
        }
    }

    fn bytes(&mut self) -> Result<&'de [u8], CodecError> {
        let len = self.narrow()?;
        self.take_slice(len)
    }

    fn text(&mut self) -> Result<&'de str, CodecError> {
        std::str::from_utf8(self.bytes()?).map_err(|e| CodecError::new(format!("a text is not UTF-8: {e}")))
    }

    fn char(&mut self) -> Result<char, CodecError> {
        let width = match self.rest.first() {
            Some(0..0x80) => 1,
            Some(0xc0..0xe0) => 2,
            Some(0xe0..0xf0) => 3,
            _ => 4,
        };
        let char = std::str::from_utf8(self.take_slice(width)?).ok().and_then(|text| text.chars().next());
        char.ok_or_else(|| CodecError::new("a char is no UTF-8"))
    }

    /// Reads the length of a sequence or map, and takes as many elements from those that are left.
    fn elements(&mut self) -> Result<usize, CodecError> {
        let len: usize = self.narrow()?;
        match self.elements_left.checked_sub(len) {
            Some(left) => {
                self.elements_left = left;
                Ok(len)
            }
            None => Err(CodecError::new(format!("a sequence of {len} elements has {} bytes", self.rest.len()))),
        }
    }

    /// Reads what lies one level deeper.
    #[inline]
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, CodecError>) -> Result<T, CodecError> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or_else(CodecError::too_deep)?;
        let value = read(self);
        self.depth_left += 1;
        value
    }
}

fn cut_short() -> CodecError {
    CodecError::new("they end too early")
}

fn not_shortest() -> CodecError {
    CodecError::new("a number is written longer than it is")
}

fn shortest(number: u64, least: u64) -> Result<u64, CodecError> {
    if number >= least { Ok(number) } else { Err(not_shortest()) }
}

/// Undoes the interleaving of negative and positive numbers.
fn signed(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

macro_rules! unsigned {
    ($($method:ident => $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
            visitor.$visit(self.narrow()?)
        }
    )*};
}

macro_rules! signed {
    ($($method:ident => $visit:ident as $unsigned:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
            // What fits the unsigned type fits the signed one.
            let number: $unsigned = self.narrow()?;
            visitor.$visit(signed(number.into()) as _)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Decoder<'de> {
    type Error = CodecError;

    unsigned! {
        deserialize_u16 => visit_u16,
        deserialize_u32 => visit_u32,
        deserialize_u64 => visit_u64,
    }
    signed! {
        deserialize_i16 => visit_i16 as u16,
        deserialize_i32 => visit_i32 as u32,
        deserialize_i64 => visit_i64 as u64,
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let [byte] = self.take()?;
        visitor.visit_u8(byte)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_i8(i8::from_le_bytes(self.take()?))
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_u128(self.wide_number()?)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let number = self.wide_number()?;
        visitor.visit_i128((number >> 1) as i128 ^ -((number & 1) as i128))
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_f32(f32::from_le_bytes(self.take()?))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_f64(f64::from_le_bytes(self.take()?))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_bool(self.flag()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_char(self.char()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_string(self.text()?.to_owned())
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_byte_buf(self.bytes()?.to_vec())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self.flag()? {
            true => self.deeper(|inside| visitor.visit_some(inside)),
            false => visitor.visit_none(),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, CodecError> {
        self.deeper(|inside| visitor.visit_newtype_struct(inside))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let left = self.elements()?;
        self.deserialize_tuple(left, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let left = self.elements()?;
        self.deeper(|decoder| visitor.visit_map(Parts { decoder, left }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, CodecError> {
        self.deeper(|decoder| visitor.visit_seq(Parts { decoder, left: len }))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.deeper(|inside| visitor.visit_enum(inside))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CodecError> {
        Err(CodecError::new("the type must say what it reads: `deserialize_any` is not supported"))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// As many parts as the type or a length says.
struct Parts<'d, 'de> {
    decoder: &'d mut Decoder<'de>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Parts<'_, 'de> {
    type Error = CodecError;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, CodecError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    /// No more than there are bytes: containers make room for as many.
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(self.decoder.left()))
    }
}

impl<'de> de::MapAccess<'de> for Parts<'_, 'de> {
    type Error = CodecError;
    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, CodecError> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, CodecError> {
        seed.deserialize(&mut *self.decoder)
    }

    fn size_hint(&self) -> Option<usize> {
        de::SeqAccess::size_hint(self)
    }
}

impl<'de> de::EnumAccess<'de> for &mut Decoder<'de> {
    type Error = CodecError;
    type Variant = Self;
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), CodecError> {
        let index: u32 = self.narrow()?;
        let value: Result<_, CodecError> = seed.deserialize(index.into_deserializer());
        Ok((value?, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Decoder<'de> {
    type Error = CodecError;
    fn unit_variant(self) -> Result<(), CodecError> {
        Ok(())
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, CodecError> {
        seed.deserialize(self)
    }
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, CodecError> {
        de::Deserializer::deserialize_tuple(self, len, visitor)
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        de::Deserializer::deserialize_tuple(self, fields.len(), visitor)
    }
}
