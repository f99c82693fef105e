//! Typed state over the memory backend.

use gress_state::{
    memory::MemoryFactory,
    testing::state::{BUDGETS, Factory, Step, state_conformance, steps_match_sorted_maps},
};
use proptest::prelude::*;
use std::sync::Arc;

fn memory() -> Factory {
    Arc::new(MemoryFactory)
}

#[test]
fn typed_state_conforms_over_the_memory_backend() {
    state_conformance(&memory(), 5_000);
}

fn step() -> impl Strategy<Value = Step> {
    (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(what, key, number)| Step { what, key, number })
}

proptest! {
    /// Conformance case 24.
    #[test]
    fn a_checkpoint_is_the_state_at_its_barrier_whatever_happens_since(
        budget in proptest::sample::select(&BUDGETS[..]),
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        steps_match_sorted_maps(&memory(), budget, &steps);
    }
}
