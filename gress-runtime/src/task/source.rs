//! A source task: reads its partitions in turn, and emits barriers when it is told to.

use super::{Step, Task, Watch, mailbox::TaskMessage, sealing::Sealing};
use crate::{
    metrics::TaskCounts,
    operator::{ChainSeal, Control, Partition, Push, place},
    source::{ReadStatus, Reader},
    time::Clock,
};
use crossbeam_channel::Receiver;
use gress_core::{Barrier, Event, Result, Timestamp};
use gress_state::checkpoint::OperatorState;
use std::{sync::Arc, time::Duration};

/// A partition that the task reads.
pub(crate) struct PartitionReader<T> {
    pub partition: usize,
    pub reader: Box<dyn Reader<T>>,
    /// Nothing is to be read before this time; `None` once the partition has ended.
    pub ready_at: Option<Duration>,
    pub skipped: u64,
}

/// A source and the chain behind it, in one task.
pub(crate) struct SourceTask<T> {
    pub name: Arc<str>,
    pub readers: Vec<PartitionReader<T>>,
    pub chain: Box<dyn Push<T>>,
    pub batch: usize,
    pub sealing: Sealing,
    pub mailbox: Receiver<TaskMessage>,
    pub clock: Arc<dyn Clock>,
    pub counts: Arc<TaskCounts>,
    pub next: usize,
    pub values: Vec<T>,
    pub events: Vec<Event<T>>,
    /// All partitions have ended and the chain was told.
    pub ended: bool,
    /// No event follows the barrier that was emitted last.
    pub stopped: bool,
    pub output_full: bool,
    pub shutdown: bool,
}

impl<T> SourceTask<T> {
    fn read_mailbox(&mut self) -> Result<bool> {
        while let Ok(message) = self.mailbox.try_recv() {
            match message {
                TaskMessage::Submitted(completion) => drop(self.sealing.complete(completion)?),
                TaskMessage::Completed => self.sealing.completed(),
                TaskMessage::Shutdown => self.shutdown = true,
                TaskMessage::Abort => return Ok(true),
                TaskMessage::Trigger(barrier) => self.emit_barrier(barrier)?,
            }
        }
        Ok(false)
    }

    fn emit_barrier(&mut self, barrier: Barrier) -> Result<()> {
        let since = self.sealing.now();
        let mut seal = ChainSeal::new(barrier);
        let values = self.readers.iter().map(|r| (r.partition, r.reader.position() as i64)).collect();
        seal.operators.push(OperatorState { name: self.name.to_string(), values });
        self.stopped |= !barrier.kind.job_goes_on();
        self.chain.barrier(&mut seal)?;
        self.sealing.begin(seal, since);
        self.sealing.acknowledge_if_done();
        Ok(())
    }

    /// Reads a batch of the next partition that is ready. Says when the earliest is, if none is.
    fn read(&mut self) -> Result<Step> {
        let now = self.clock.now();
        for _ in 0..self.readers.len() {
            let at = self.next;
            self.next = (at + 1) % self.readers.len();
            let reader = &mut self.readers[at];
            if reader.ready_at.is_none_or(|ready_at| ready_at > now) {
                continue;
            }
            place::enter(&self.name);
            let status = reader.reader.read(&mut self.values, self.batch, now)?;
            reader.ready_at = match status {
                ReadStatus::More => Some(now),
                ReadStatus::NotBefore(time) => Some(time),
                ReadStatus::End => None,
            };
            let skipped = reader.reader.skipped();
            self.counts.read(self.values.len() as u64, skipped - reader.skipped);
            reader.skipped = skipped;
            let partition = reader.partition;
            self.push(partition)?;
            if status == ReadStatus::End {
                self.chain.partition(Partition::Ended(partition));
                self.chain.control(Control::Watermark(Timestamp::MIN))?;
            }
            return Ok(Step::Progress);
        }
        if self.readers.iter().all(|reader| reader.ready_at.is_none()) {
            self.ended = true;
            self.chain.control(Control::End)?;
            self.sealing.report_end();
            return Ok(Step::Progress);
        }
        Ok(Step::Wait(self.readers.iter().filter_map(|reader| reader.ready_at).min()))
    }

    fn push(&mut self, partition: usize) -> Result<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        self.events.extend(self.values.drain(..).map(Event::untimed));
        self.chain.partition(Partition::Reads(partition));
        self.chain.batch(&mut self.events)?;
        self.chain.control(Control::Watermark(Timestamp::MIN))
    }
}

impl<T> Task for SourceTask<T> {
    fn step(&mut self) -> Result<Step> {
        // A barrier goes into the channels behind what they had no room for: the order is kept.
        if self.read_mailbox()? {
            return Ok(Step::Done);
        }
        self.output_full = !self.chain.flush()?;
        if self.output_full {
            return Ok(Step::Full);
        }
        if self.shutdown && !self.sealing.busy() {
            return Ok(Step::Done);
        }
        if self.ended || self.stopped {
            return Ok(Step::Wait(None));
        }
        self.read()
    }

    fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        watch.recv(&self.mailbox);
        if self.output_full {
            self.chain.watch(watch);
        }
    }
}
