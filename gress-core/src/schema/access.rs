//! What serde's visitors take parts from: elements, entries, and the content of a variant.

use super::trace::{At, Refused, Tracer};
use super::tree::{Form, Place};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::{StrDeserializer, U32Deserializer},
};
use serde::forward_to_deserialize_any;

/// The parts of one branch, one after another.
pub(super) struct Parts<'t> {
    pub(super) tracer: &'t mut Tracer,
    pub(super) at: At,
    pub(super) place: Place,
    pub(super) next: usize,
    pub(super) length: usize,
}

impl Parts<'_> {
    fn take<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        let node = self.tracer.tree.part(self.place, self.next);
        self.next += 1;
        self.tracer.visit(At { node, ..self.at }, seed)
    }

    fn form(mut self, form: Form) -> Self {
        self.tracer.tree.form(self.place, form);
        self.length = match form {
            Form::Unknown | Form::Unit => 0,
            Form::One => 1,
            Form::Tuple(length) => length,
            Form::Struct(fields) => fields.len(),
        };
        self
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        if self.next < self.length { self.take(seed).map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.length.saturating_sub(self.next))
    }
}

/// The parts of a map: a key and a value, or none.
pub(super) struct Entry<'t>(pub(super) Parts<'t>);

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        self.0.next_element_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        self.0.next_element_seed(seed)?.ok_or(Refused)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.length.saturating_sub(self.0.next).div_ceil(2))
    }
}

/// The variant that was chosen.
pub(super) struct Variant<'t> {
    pub(super) name: &'static str,
    pub(super) index: usize,
    pub(super) parts: Parts<'t>,
}

impl<'de, 't> EnumAccess<'de> for Variant<'t> {
    type Error = Refused;
    type Variant = Parts<'t>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Parts<'t>), Refused> {
        let tag = seed.deserialize(Tag { name: self.name, index: self.index })?;
        Ok((tag, self.parts))
    }
}

impl<'de> VariantAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        self.form(Form::Unit);
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refused> {
        self.form(Form::One).take(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_seq(self.form(Form::Tuple(length)))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_seq(self.form(Form::Struct(fields)))
    }
}

/// Says which variant follows. By name, as with aliases an enum has more names than numbers.
struct Tag {
    name: &'static str,
    index: usize,
}

impl Tag {
    fn by_number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let number = u32::try_from(self.index).map_err(|_| Refused)?;
        U32Deserializer::<Refused>::new(number).deserialize_any(visitor)
    }
}

impl<'de> Deserializer<'de> for Tag {
    type Error = Refused;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        StrDeserializer::<Refused>::new(self.name).deserialize_any(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.by_number(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.by_number(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
