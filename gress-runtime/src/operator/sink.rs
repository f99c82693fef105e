//! The end of a chain: a sink's writer.

use super::{ChainSeal, Control, Push, SealedSink, place};
use crate::{
    metrics::TaskCounts,
    sink::{ReplayFilter, Writer},
    task::Watch,
};
use gress_core::{BarrierKind, Error, ErrorKind, Event, Result};
use gress_state::run::UnsortedRun;
use std::{cell::RefCell, rc::Rc, sync::Arc};

/// A writer in its chain.
pub(crate) struct SinkEnd<T> {
    pub name: Arc<str>,
    pub subtask: usize,
    pub writer: Box<dyn Writer<T>>,
    pub replay: Option<Rc<RefCell<ReplayFilter>>>,
    pub counts: Arc<TaskCounts>,
}

impl<T> SinkEnd<T> {
    /// What of the committed output was not emitted again yet: key = subtask and digest, value = count.
    fn to_replay(&self, kind: BarrierKind) -> Result<UnsortedRun> {
        let mut left = UnsortedRun::default();
        let Some(replay) = &self.replay else { return Ok(left) };
        let filter = replay.borrow();
        if kind == BarrierKind::Last && filter.remaining() > 0 {
            return Err(Error::new(
                ErrorKind::Replay,
                format!(
                    "replay differs from committed output: {} committed records were not emitted again; \
                     the job is not deterministic, or its code or input changed",
                    filter.remaining()
                ),
            ));
        }
        for (digest, count) in filter.iter() {
            ReplayFilter::entry(self.subtask, digest, count, &mut left)?;
        }
        Ok(left)
    }
}

impl<T> Push<T> for SinkEnd<T> {
    fn batch(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        place::enter(&self.name);
        self.counts.sent(events.len());
        self.writer.write(events)
    }

    fn control(&mut self, control: Control) -> Result<()> {
        if let Control::Watermark(watermark) = control {
            self.counts.watermark_is(watermark);
        }
        Ok(())
    }

    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()> {
        place::enter(&self.name);
        let to_replay = self.to_replay(seal.barrier.kind)?;
        let prepare = self.writer.prepare(seal.barrier.id)?;
        seal.sinks.push(SealedSink { name: self.name.to_string(), prepare, to_replay });
        Ok(())
    }

    fn flush(&mut self) -> Result<bool> {
        Ok(true)
    }

    fn watch<'a>(&'a self, _: &mut Watch<'a>) {}
}
