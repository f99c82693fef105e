//! Incremental aggregates.

use crate::{Coded, StateValue, ValueCodec};
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

impl<T, A: Accumulator<T>, C: ValueCodec<A>> Accumulator<T> for Coded<A, C> {
    type Out = A::Out;

    fn add(&mut self, value: &T) {
        A::add(self, value);
    }

    fn merge(&mut self, other: Self) {
        A::merge(self, other.into_inner());
    }

    fn finish(self) -> A::Out {
        self.into_inner().finish()
    }
}
