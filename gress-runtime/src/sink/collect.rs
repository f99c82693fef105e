//! A sink in memory.

use super::{Committer, Prepare, Sink, Writer, WriterContext};
use gress_core::{CheckpointId, Data, Event, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keeps results in memory, for tests and small examples. Copies of it share what they hold.
///
/// Results are visible at once, so they come *at least once*: what was collected after the last checkpoint is collected
/// again after a failure. Results of different subtasks are interleaved in any order.
#[derive(Debug)]
pub struct Collect<T> {
    values: Arc<Mutex<Vec<T>>>,
}

impl<T> Collect<T> {
    /// An empty one.
    pub fn new() -> Self {
        Collect { values: Arc::default() }
    }

    /// What was collected so far; the sink is empty afterwards.
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.lock())
    }

    /// A copy of what was collected so far.
    pub fn snapshot(&self) -> Vec<T>
    where
        T: Clone,
    {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        // A panic elsewhere leaves whole values behind.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Data> Sink<T> for Collect<T> {
    fn open(&self, _context: &WriterContext) -> Result<Box<dyn Writer<T>>> {
        Ok(Box::new(self.clone()))
    }

    fn committer(&self) -> Option<Arc<dyn Committer>> {
        None
    }
}

impl<T> Writer<T> for Collect<T> {
    fn write(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        self.lock().extend(events.drain(..).map(|event| event.value));
        Ok(())
    }

    fn prepare(&mut self, _id: CheckpointId) -> Result<Option<Prepare>> {
        Ok(None)
    }
}

impl<T> Clone for Collect<T> {
    fn clone(&self) -> Self {
        Collect { values: self.values.clone() }
    }
}

impl<T> Default for Collect<T> {
    fn default() -> Self {
        Collect::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_share_what_was_collected() {
        let results = Collect::new();
        let mut events = vec![Event::untimed(1), Event::untimed(2)];
        results.clone().write(&mut events).unwrap();
        assert!(events.is_empty());
        assert_eq!(results.snapshot(), [1, 2]);
        assert_eq!(results.take(), [1, 2]);
        assert_eq!(results.take(), [0; 0]);
    }
}
