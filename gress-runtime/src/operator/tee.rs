//! A stream that is used more than once, or not at all.

use super::{ChainSeal, Control, Partition, Push};
use crate::task::Watch;
use gress_core::{Data, Event, Result};

/// Passes everything on to all consumers. The last one gets the events by move.
pub(crate) struct Tee<T> {
    consumers: Vec<Box<dyn Push<T>>>,
    copy: Vec<Event<T>>,
}

impl<T> Tee<T> {
    pub(crate) fn new(consumers: Vec<Box<dyn Push<T>>>) -> Self {
        Tee { consumers, copy: Vec::new() }
    }
}

impl<T: Data> Push<T> for Tee<T> {
    fn batch(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        let Some((last, others)) = self.consumers.split_last_mut() else {
            // Only a side output that nobody reads ends here.
            events.clear();
            return Ok(());
        };
        for consumer in others {
            self.copy.extend_from_slice(events);
            consumer.batch(&mut self.copy)?;
        }
        last.batch(events)
    }

    fn control(&mut self, control: Control) -> Result<()> {
        self.consumers.iter_mut().try_for_each(|c| c.control(control))
    }

    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()> {
        self.consumers.iter_mut().try_for_each(|c| c.barrier(seal))
    }

    fn flush(&mut self) -> Result<bool> {
        self.consumers.iter_mut().try_fold(true, |done, c| Ok(c.flush()? && done))
    }

    fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        self.consumers.iter().for_each(|c| c.watch(watch));
    }

    fn partition(&mut self, partition: Partition) {
        self.consumers.iter_mut().for_each(|c| c.partition(partition));
    }
}
