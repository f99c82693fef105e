//! The serializer behind [`encode`].

use super::{OrderedError, signed_bytes, sortable_f32, sortable_f64};
use serde::ser::{self, Serialize};

/// Appends the order-preserving encoding of `key` to `into`.
///
/// # Errors
/// A `Serialize` implementation that fails; `into` may then hold a part of the key.
#[inline]
pub fn encode<K: Serialize + ?Sized>(key: &K, into: &mut Vec<u8>) -> Result<(), OrderedError> {
    key.serialize(Encoder { into })
}

struct Encoder<'a> {
    into: &'a mut Vec<u8>,
}

impl<'a> Encoder<'a> {
    #[inline]
    fn append(self, bytes: &[u8]) -> Result<(), OrderedError> {
        self.into.extend_from_slice(bytes);
        Ok(())
    }

    fn variant(&mut self, index: u32) {
        match u8::try_from(index) {
            Ok(short) if short < u8::MAX => self.into.push(short),
            _ => {
                self.into.push(u8::MAX);
                self.into.extend_from_slice(&index.to_be_bytes());
            }
        }
    }

    fn compound(self, terminated: bool) -> Compound<'a> {
        Compound { into: self.into, terminated }
    }
}

macro_rules! big_endian {
    ($($method:ident: $type:ty),*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), OrderedError> {
            self.append(&value.to_be_bytes())
        }
    )*};
}
macro_rules! sign_flipped {
    ($($method:ident: $type:ty as $unsigned:ty),*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), OrderedError> {
            self.append(&signed_bytes!(value, $unsigned))
        }
    )*};
}

impl<'a> ser::Serializer for Encoder<'a> {
    type Ok = ();
    type Error = OrderedError;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    big_endian!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128);
    sign_flipped!(
        serialize_i8: i8 as u8, serialize_i16: i16 as u16, serialize_i32: i32 as u32, serialize_i64: i64 as u64,
        serialize_i128: i128 as u128
    );

    fn serialize_bool(self, value: bool) -> Result<(), OrderedError> {
        self.append(&[u8::from(value)])
    }

    fn serialize_f32(self, value: f32) -> Result<(), OrderedError> {
        self.append(&sortable_f32(value.to_bits()).to_be_bytes())
    }

    fn serialize_f64(self, value: f64) -> Result<(), OrderedError> {
        self.append(&sortable_f64(value.to_bits()).to_be_bytes())
    }

    fn serialize_char(self, value: char) -> Result<(), OrderedError> {
        self.append(&u32::from(value).to_be_bytes())
    }

    fn serialize_str(self, value: &str) -> Result<(), OrderedError> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), OrderedError> {
        self.into.reserve(value.len() + 2);
        let mut parts = value.split(|&b| b == 0);
        self.into.extend_from_slice(parts.next().unwrap_or_default());
        for part in parts {
            self.into.extend_from_slice(&[0, 0xff]);
            self.into.extend_from_slice(part);
        }
        self.append(&[0, 0])
    }

    fn serialize_none(self) -> Result<(), OrderedError> {
        self.append(&[0])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), OrderedError> {
        self.into.push(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), OrderedError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), OrderedError> {
        Ok(())
    }

    fn serialize_unit_variant(mut self, _: &'static str, index: u32, _: &'static str) -> Result<(), OrderedError> {
        self.variant(index);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), OrderedError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), OrderedError> {
        self.variant(index);
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, OrderedError> {
        Ok(self.compound(true))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, OrderedError> {
        Ok(self.compound(false))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, OrderedError> {
        Ok(self.compound(false))
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, OrderedError> {
        self.variant(index);
        Ok(self.compound(false))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, OrderedError> {
        Ok(self.compound(true))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, OrderedError> {
        Ok(self.compound(false))
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, OrderedError> {
        self.variant(index);
        Ok(self.compound(false))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The parts of a tuple or struct, or (`terminated`) of a sequence or map whose length is not known to its reader.
struct Compound<'a> {
    into: &'a mut Vec<u8>,
    terminated: bool,
}

impl Compound<'_> {
    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), OrderedError> {
        value.serialize(Encoder { into: self.into })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), OrderedError> {
        self.into.push(1);
        self.part(value)
    }

    fn finish(self) -> Result<(), OrderedError> {
        if self.terminated {
            self.into.push(0);
        }
        Ok(())
    }
}

impl ser::SerializeSeq for Compound<'_> {
    type Ok = ();
    type Error = OrderedError;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), OrderedError> {
        self.element(value)
    }
    fn end(self) -> Result<(), OrderedError> {
        self.finish()
    }
}

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = OrderedError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), OrderedError> {
        self.element(key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), OrderedError> {
        self.part(value)
    }
    fn end(self) -> Result<(), OrderedError> {
        self.finish()
    }
}

macro_rules! fields {
    ($($trait:ident $method:ident ($($key:ty)?)),*) => {$(
        impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = OrderedError;
            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Result<(), OrderedError> {
                self.part(value)
            }
            fn end(self) -> Result<(), OrderedError> {
                self.finish()
            }
        }
    )*};
}
fields!(
    SerializeTuple serialize_element (),
    SerializeTupleStruct serialize_field (),
    SerializeTupleVariant serialize_field (),
    SerializeStruct serialize_field (&'static str),
    SerializeStructVariant serialize_field (&'static str)
);
