//! Stateless steps: `map`, `try_map` and `flat_map` are one operator with different bodies.

use super::{Push, pass_on, place};
use gress_core::{Event, Result};
use std::sync::Arc;

/// A step whose `body` turns a batch into a batch.
pub(crate) struct Stateless<B, U> {
    label: Arc<str>,
    body: B,
    buffer: Vec<Event<U>>,
    next: Box<dyn Push<U>>,
}

impl<B, U> Stateless<B, U> {
    pub(crate) fn new<T>(label: Arc<str>, body: B, next: Box<dyn Push<U>>) -> Self
    where
        B: Fn(&mut Vec<Event<T>>, &mut Vec<Event<U>>) -> Result<()>,
    {
        Stateless { label, body, buffer: Vec::new(), next }
    }
}

impl<T, U, B: Fn(&mut Vec<Event<T>>, &mut Vec<Event<U>>) -> Result<()>> Push<T> for Stateless<B, U> {
    fn batch(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        place::enter(&self.label);
        (self.body)(events, &mut self.buffer)?;
        events.clear();
        self.next.batch(&mut self.buffer)
    }

    pass_on!(control, barrier, flush, watch, partition);
}
