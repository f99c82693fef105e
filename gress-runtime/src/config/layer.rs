//! What one source of settings says, before anybody asked whether it is right.

use super::Origin;

/// A key with what stands there, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RawValue {
    pub(super) key: String,
    pub(super) shape: Shape,
    pub(super) origin: Origin,
}

/// What stands at a key. Only a scalar can be a value; the others are kept so that the error can say what was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// Text, a number or a boolean, as it was written.
    Scalar(String),
    Mapping,
    List,
    /// Nothing, `null` or `~`.
    Empty,
}

/// Values that code sets.
pub(super) fn of_code(code: &[(&str, String)]) -> Vec<RawValue> {
    let value = |(key, value): &(&str, String)| RawValue {
        key: (*key).to_owned(),
        shape: Shape::scalar(value.clone()),
        origin: Origin::Code,
    };
    code.iter().map(value).collect()
}

impl Shape {
    /// The text of a variable or argument, which may be empty.
    pub(super) fn scalar(text: String) -> Self {
        match text.trim().is_empty() {
            true => Shape::Empty,
            false => Shape::Scalar(text),
        }
    }
}
