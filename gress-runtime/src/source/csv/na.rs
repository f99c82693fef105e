//! Fields that say `NA`, as R and pandas write a value that is missing.

use serde::{
    Deserialize, Deserializer,
    de::{Error, IntoDeserializer, Visitor},
    forward_to_deserialize_any,
};
use std::{fmt, marker::PhantomData};

/// Reads a field that may be `NA` or empty: both are `None`. For use with types that are read from CSV only.
///
/// ```
/// #[derive(Clone, serde::Deserialize)]
/// struct Flight {
///     origin: String,
///     #[serde(deserialize_with = "gress_runtime::source::na_as_none")]
///     dep_delay: Option<i64>,
/// }
/// ```
///
/// # Errors
/// A field that is neither, and no `T`.
pub fn na_as_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_str(NaOr(PhantomData))
}

struct NaOr<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NaOr<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field, or `NA`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
        match text {
            "" | "NA" => Ok(None),
            text => T::deserialize(Field { text, error: PhantomData }).map(Some),
        }
    }
}

/// The text of a field, as whatever type is asked for.
struct Field<'a, E> {
    text: &'a str,
    error: PhantomData<E>,
}

macro_rules! parse {
    ($($deserialize:ident => $visit:ident($type:ty),)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            match self.text.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(e) => Err(E::custom(format_args!("`{}` is no {}: {e}", self.text, stringify!($type)))),
            }
        }
    )*};
}

impl<'de, E: Error> Deserializer<'de> for Field<'_, E> {
    type Error = E;

    parse! {
        deserialize_bool => visit_bool(bool),
        deserialize_i8 => visit_i8(i8),
        deserialize_i16 => visit_i16(i16),
        deserialize_i32 => visit_i32(i32),
        deserialize_i64 => visit_i64(i64),
        deserialize_i128 => visit_i128(i128),
        deserialize_u8 => visit_u8(u8),
        deserialize_u16 => visit_u16(u16),
        deserialize_u32 => visit_u32(u32),
        deserialize_u64 => visit_u64(u64),
        deserialize_u128 => visit_u128(u128),
        deserialize_f32 => visit_f32(f32),
        deserialize_f64 => visit_f64(f64),
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_str(self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_enum(self.text.into_deserializer())
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(u16);

    #[derive(Debug, PartialEq, Deserialize)]
    enum Kind {
        Jet,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Fields {
        #[serde(deserialize_with = "na_as_none")]
        float: Option<f64>,
        #[serde(deserialize_with = "na_as_none")]
        text: Option<String>,
        #[serde(deserialize_with = "na_as_none")]
        wrapped: Option<Wrapped>,
        #[serde(deserialize_with = "na_as_none")]
        kind: Option<Kind>,
    }

    fn read(line: &str) -> Result<Fields, csv::Error> {
        csv::StringRecord::from(line.split(',').collect::<Vec<_>>()).deserialize(None)
    }

    #[test]
    fn every_type_of_field_may_be_na() {
        let some =
            Fields { float: Some(-1.5), text: Some("1".into()), wrapped: Some(Wrapped(3)), kind: Some(Kind::Jet) };
        assert_eq!(read("-1.5,1,3,Jet").unwrap(), some);
        let none = Fields { float: None, text: None, wrapped: None, kind: None };
        assert_eq!(read("NA,NA,NA,NA").unwrap(), none);
        assert_eq!(read(",,,").unwrap(), none);
    }

    #[test]
    fn other_text_is_an_error_that_shows_it() {
        assert!(read("1,1,-3,Jet").unwrap_err().to_string().contains("`-3` is no u16"));
        assert!(read("1,1,3,Boat").unwrap_err().to_string().contains("unknown variant `Boat`"));
    }
}
