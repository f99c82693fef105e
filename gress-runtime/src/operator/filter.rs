//! `filter`: keeps events in place, without a second buffer.

use super::{Push, pass_on, place};
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

    pass_on!(control, barrier, flush, watch, partition);
}
