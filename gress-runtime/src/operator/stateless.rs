//! Stateless steps: `map`, `try_map` and `flat_map` are one operator with different bodies.

use super::{ChainSeal, Control, Partition, Push, place};
use crate::task::Watch;
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

    fn control(&mut self, control: Control) -> Result<()> {
        self.next.control(control)
    }

    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()> {
        self.next.barrier(seal)
    }

    fn flush(&mut self) -> Result<bool> {
        self.next.flush()
    }

    fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        self.next.watch(watch);
    }

    fn partition(&mut self, partition: Partition) {
        self.next.partition(partition);
    }
}
