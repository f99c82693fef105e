//! `filter`: keeps events in place, without a second buffer.

use super::{ChainSeal, Control, Partition, Push, place};
use crate::task::Watch;
use gress_core::{Event, Result};
use std::sync::Arc;

/// Keeps the events that `keep` says yes to.
pub(crate) struct Filter<T, F> {
    pub label: Arc<str>,
    pub keep: Arc<F>,
    pub next: Box<dyn Push<T>>,
}

impl<T, F: Fn(&T) -> bool> Push<T> for Filter<T, F> {
    fn batch(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        place::enter(&self.label);
        events.retain(|event| {
            place::event_time(event.time);
            (self.keep)(&event.value)
        });
        self.next.batch(events)
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
