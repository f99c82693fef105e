//! What comes out of a harness.

use crate::sink::{Committer, Prepare, Sink, Writer, WriterContext};
use gress_core::{CheckpointId, Data, Event, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps events with their times and stamps.
pub(crate) struct Record<T> {
    events: Arc<Mutex<Vec<Event<T>>>>,
}

impl<T> Clone for Record<T> {
    fn clone(&self) -> Self {
        Record { events: self.events.clone() }
    }
}

impl<T> Default for Record<T> {
    fn default() -> Self {
        Record { events: Arc::default() }
    }
}

impl<T> Record<T> {
    pub(crate) fn take(&self) -> Vec<Event<T>> {
        std::mem::take(&mut self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Data> Sink<T> for Record<T> {
    fn open(&self, _: &WriterContext) -> Result<Box<dyn Writer<T>>> {
        Ok(Box::new(self.clone()))
    }

    fn committer(&self) -> Option<Arc<dyn Committer>> {
        None
    }
}

impl<T> Writer<T> for Record<T> {
    fn write(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).append(events);
        Ok(())
    }

    fn prepare(&mut self, _: CheckpointId) -> Result<Option<Prepare>> {
        Ok(None)
    }
}
