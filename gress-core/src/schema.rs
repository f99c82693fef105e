//! The shape of a type as a short text, so that state written as one type is never read as another.
//!
//! The codec writes no types: the bytes of a `u64` are also bytes of an `i64`, which reads another number from them. A
//! checkpoint therefore keeps the [`Schema`] of each value type, and a restore compares it with that of the program.
//!
//! [`schema_of`] needs nothing but `Deserialize`. It deserialises the type from a source without data, which writes down
//! what it is asked for and answers with dummies, again and again until every variant of every enum has been seen. The
//! idea is that of the crate `serde-reflection`.
//!
//! ```text
//!  schema_of ──► T::deserialize ──asks──► trace ──notes──► tree ──► text
//!      ▲                                    │
//!      └── until the tree is settled ◄──────┘ answers: 0, "", the next variant, …
//! ```
//!
//! | text | what serde was asked for |
//! |---|---|
//! | `bool`, `u8` … `i128`, `f32`, `f64`, `char`, `str`, `bytes`, `()` | that; `()` is also a unit struct |
//! | `u64?` | an `Option` |
//! | `[u64]`, `map<str,u64>` | a sequence or set, a map |
//! | `(u64,i32)`, `(u8*32)` | a tuple, tuple struct or array |
//! | `{n:u64,tail:str?}` | a struct, its fields in the order in which they are encoded |
//! | `{a,was_a,b:(u64,i64)}` | a struct with field aliases: serde does not say which names are aliases |
//! | `enum{A,B(u64),C{x:u8}}` | an enum, its variants in the order in which they are numbered |
//! | `^`, `^1` | recursion: the type whose brackets are the innermost around it, or one pair further out |
//! | `any` | whatever comes (`deserialize_any`): an untagged or internally tagged enum |
//! | `str!` | the type refuses dummies: it checks or parses what it reads |
//! | <code>u64&#124;str</code> | one or the other, depending on what was read before |
//! | `_` | never reached, as every dummy before it was refused |
//! | `…` | left out, as the type is too large or too deep |
//!
//! Names of types and modules do not appear, and a newtype is what it contains, as in the encoding. Names of fields and
//! variants do.

mod access;
mod text;
mod trace;
mod tree;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;

/// The shape of a type, as [`schema_of`] found it: at most 512 bytes, compared as text. [The module](self) explains it.
///
/// A longer text is cut, and ends in `…#` and a hash of the whole.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schema(String);

impl Schema {
    /// The shape of what only its reader knows: `any`.
    pub fn any() -> Self {
        Schema("any".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The shape of `T`, the same in each run and under any name of the type.
///
/// Never fails or panics. What a type hides stays out of the schema: the fields after a value that no dummy satisfies
/// (`_`), what is inside `any`, and what a type too large leaves out (`…`). Differences there go unnoticed. A
/// `Deserialize` that panics counts as one that refuses, though the panic hook reports it.
///
/// Takes microseconds for a usual type, and tens of milliseconds for one too large to explore: call it once per state,
/// not per event.
///
/// ```
/// use gress_core::schema_of;
///
/// #[derive(serde::Deserialize)]
/// struct Count {
///     n: u64,
///     tail: Option<String>,
/// }
/// assert_eq!(schema_of::<Count>().to_string(), "{n:u64,tail:str?}");
/// assert_ne!(schema_of::<u64>(), schema_of::<i64>());
/// ```
pub fn schema_of<T: DeserializeOwned>() -> Schema {
    let tree = trace::explore::<T>();
    Schema(text::shortened(text::of(&tree)))
}
