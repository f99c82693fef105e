//! Incremental aggregates.

use crate::StateValue;
use gress_core::Data;

/// An incremental aggregate. The value that is given where it is declared is the empty one, cloned for each key (and
/// window).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not accumulate `{T}`",
    label = "must implement `Accumulator<{T}>`"
)]
pub trait Accumulator<T>: StateValue + Clone + Sync {
    /// What the result is.
    type Out: Data;

    /// Adds an event's value.
    fn add(&mut self, value: &T);

    /// Adds what `other` has accumulated.
    fn merge(&mut self, other: Self);

    /// The result.
    fn finish(self) -> Self::Out;
}
