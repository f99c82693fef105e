//! How a key-value state is opened.

use crate::{
    ttl::Ttl,
    wall_clock::{SystemWallClock, WallClock},
};
use std::sync::Arc;

/// How a key-value state is opened, beside what its backend is told.
#[derive(Clone, Debug)]
pub struct KeyValueOptions {
    /// When entries expire that are put without a time to live of their own. It may be another at each opening, and
    /// applies to what is there already; entries that were written while there was none count as updated when there
    /// first was one.
    pub ttl: Option<Ttl>,
    /// The time of day.
    pub clock: Arc<dyn WallClock>,
    /// Of how many operations of a kind one is timed; 0 times none.
    pub latency_sampling: u32,
}

impl Default for KeyValueOptions {
    fn default() -> Self {
        KeyValueOptions { ttl: None, clock: Arc::new(SystemWallClock), latency_sampling: 16 }
    }
}

impl KeyValueOptions {
    /// Entries expire as `ttl` says.
    #[must_use]
    pub fn ttl(self, ttl: Ttl) -> Self {
        KeyValueOptions { ttl: Some(ttl), ..self }
    }

    /// The time of day is `clock`'s.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn WallClock>) -> Self {
        KeyValueOptions { clock, ..self }
    }

    /// Of `operations` of a kind one is timed; 0 times none.
    #[must_use]
    pub fn latency_sampling(self, operations: u32) -> Self {
        KeyValueOptions { latency_sampling: operations, ..self }
    }
}
