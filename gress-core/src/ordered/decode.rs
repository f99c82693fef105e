//! The deserializer behind [`decode`]. Every length is checked against the bytes that are left.

use super::{OrderedError, unsortable_f32, unsortable_f64};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};

/// The key whose encoding `bytes` is, all of it.
///
/// # Errors
/// Bytes that [`super::encode`] does not give for any `K`.
pub fn decode<K: DeserializeOwned>(bytes: &[u8]) -> Result<K, OrderedError> {
    match decode_first(bytes)? {
        (key, []) => Ok(key),
        (_, rest) => Err(OrderedError::new(format!("a key ends {} bytes before its end", rest.len()))),
    }
}

/// The key whose encoding `bytes` begins with, and what follows it.
///
/// # Errors
/// As [`decode`], but for bytes that follow.
pub fn decode_first<K: DeserializeOwned>(bytes: &[u8]) -> Result<(K, &[u8]), OrderedError> {
    let mut decoder = Decoder { rest: bytes };
    let key = K::deserialize(&mut decoder)?;
    Ok((key, decoder.rest))
}

struct Decoder<'a> {
    rest: &'a [u8],
}

impl Decoder<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], OrderedError> {
        let (first, rest) =
            self.rest.split_first_chunk::<N>().ok_or_else(|| OrderedError::new("a key is cut short"))?;
        self.rest = rest;
        Ok(*first)
    }

    fn marker(&mut self) -> Result<bool, OrderedError> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(OrderedError::new(format!("a key has {other:#04x} where 0 or 1 is due"))),
        }
    }

    /// Bytes up to the terminator `00 00`, with `00 FF` read as `00`.
    fn bytes(&mut self) -> Result<Vec<u8>, OrderedError> {
        let mut all = Vec::new();
        loop {
            let zero = self.rest.iter().position(|&b| b == 0).ok_or_else(|| OrderedError::new("a text has no end"))?;
            all.extend_from_slice(&self.rest[..zero]);
            self.rest = &self.rest[zero..];
            match self.take()? {
                [0, 0] => return Ok(all),
                [0, 0xff] => all.push(0),
                _ => return Err(OrderedError::new("a text has a bare zero")),
            }
        }
    }

    fn variant(&mut self) -> Result<u32, OrderedError> {
        match self.take()? {
            [u8::MAX] => match u32::from_be_bytes(self.take()?) {
                long @ 255.. => Ok(long),
                short => Err(OrderedError::new(format!("variant {short} is written long"))),
            },
            [short] => Ok(short.into()),
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident: $unsigned:ty => $read:expr),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
            let read: fn($unsigned) -> _ = $read;
            visitor.$visit(read(<$unsigned>::from_be_bytes(self.take()?)))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Decoder<'_> {
    type Error = OrderedError;

    numbers!(
        deserialize_u8 visit_u8: u8 => |v| v,
        deserialize_u16 visit_u16: u16 => |v| v,
        deserialize_u32 visit_u32: u32 => |v| v,
        deserialize_u64 visit_u64: u64 => |v| v,
        deserialize_u128 visit_u128: u128 => |v| v,
        deserialize_i8 visit_i8: u8 => |v| (v ^ 1 << 7) as i8,
        deserialize_i16 visit_i16: u16 => |v| (v ^ 1 << 15) as i16,
        deserialize_i32 visit_i32: u32 => |v| (v ^ 1 << 31) as i32,
        deserialize_i64 visit_i64: u64 => |v| (v ^ 1 << 63) as i64,
        deserialize_i128 visit_i128: u128 => |v| (v ^ 1 << 127) as i128,
        deserialize_f32 visit_f32: u32 => |v| f32::from_bits(unsortable_f32(v)),
        deserialize_f64 visit_f64: u64 => |v| f64::from_bits(unsortable_f64(v)),
    );

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, OrderedError> {
        Err(OrderedError::new("a key type must say what it reads: `deserialize_any` is not supported"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        visitor.visit_bool(self.marker()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        let scalar = u32::from_be_bytes(self.take()?);
        visitor.visit_char(char::from_u32(scalar).ok_or_else(|| OrderedError::new("a key has no valid char"))?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        visitor.visit_string(String::from_utf8(self.bytes()?).map_err(|e| OrderedError::new(e.to_string()))?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        visitor.visit_byte_buf(self.bytes()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        match self.marker()? {
            true => visitor.visit_some(self),
            false => visitor.visit_none(),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, OrderedError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, OrderedError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        visitor.visit_seq(Terminated { decoder: self, ended: false })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        visitor.visit_map(Terminated { decoder: self, ended: false })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, OrderedError> {
        visitor.visit_seq(Fields { decoder: self, left: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, OrderedError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, OrderedError> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, OrderedError> {
        visitor.visit_enum(self)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OrderedError> {
        self.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// As many parts as the type says.
struct Fields<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Fields<'_, '_> {
    type Error = OrderedError;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, OrderedError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.decoder).map(Some)
    }
}

/// Parts until the marker says that none follows.
struct Terminated<'d, 'a> {
    decoder: &'d mut Decoder<'a>,
    ended: bool,
}

impl Terminated<'_, '_> {
    fn next<'de, T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, OrderedError> {
        if self.ended || !self.decoder.marker()? {
            self.ended = true;
            return Ok(None);
        }
        seed.deserialize(&mut *self.decoder).map(Some)
    }
}

impl<'de> de::SeqAccess<'de> for Terminated<'_, '_> {
    type Error = OrderedError;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, OrderedError> {
        self.next(seed)
    }
}

impl<'de> de::MapAccess<'de> for Terminated<'_, '_> {
    type Error = OrderedError;
    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, OrderedError> {
        self.next(seed)
    }
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, OrderedError> {
        seed.deserialize(&mut *self.decoder)
    }
}

impl<'de> de::EnumAccess<'de> for &mut Decoder<'_> {
    type Error = OrderedError;
    type Variant = Self;
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), OrderedError> {
        let index = self.variant()?;
        let value: Result<_, OrderedError> = seed.deserialize(index.into_deserializer());
        Ok((value?, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Decoder<'_> {
    type Error = OrderedError;
    fn unit_variant(self) -> Result<(), OrderedError> {
        Ok(())
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, OrderedError> {
        seed.deserialize(self)
    }
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, OrderedError> {
        de::Deserializer::deserialize_tuple(self, len, visitor)
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, OrderedError> {
        de::Deserializer::deserialize_tuple(self, fields.len(), visitor)
    }
}
