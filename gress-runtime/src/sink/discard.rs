//! A sink that drops everything.

use super::{Committer, Prepare, Sink, Writer, WriterContext};
use gress_core::{CheckpointId, Event, Result};
use std::sync::Arc;

/// Drops every event: for benchmarks, and for jobs that are run for their side outputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl<T> Sink<T> for Discard {
    fn open(&self, _context: &WriterContext) -> Result<Box<dyn Writer<T>>> {
        Ok(Box::new(Discard))
    }

    fn committer(&self) -> Option<Arc<dyn Committer>> {
        None
    }
}

impl<T> Writer<T> for Discard {
    fn write(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        events.clear();
        Ok(())
    }

    fn prepare(&mut self, _id: CheckpointId) -> Result<Option<Prepare>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_left_empty() {
        let mut events = vec![Event::untimed(1)];
        Discard.write(&mut events).unwrap();
        assert!(events.is_empty());
    }
}
