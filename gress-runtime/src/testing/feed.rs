//! What is fed to a harness: events and watermarks, in the order of the calls.

use crate::{
    job::Stream,
    operator::{ChainSeal, Control, Push},
    source::{ReadStatus, Reader, Source},
    task::Watch,
};
use gress_core::{Data, Event, Result, Timestamp};
use gress_state::checkpoint::OperatorState;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// An event with its time, or a watermark.
#[derive(Clone, Debug)]
pub(crate) enum Fed<T> {
    Event(T, Timestamp),
    Watermark(Timestamp),
}

/// A source that a test fills while it is read. It does not replay: a harness that goes back starts it anew.
pub(crate) struct Feed<T> {
    queue: Arc<Mutex<Queue<T>>>,
}

struct Queue<T> {
    waiting: VecDeque<Fed<T>>,
    read: u64,
    ended: bool,
}

impl<T> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Feed { queue: self.queue.clone() }
    }
}

impl<T> Default for Feed<T> {
    fn default() -> Self {
        Feed { queue: Arc::new(Mutex::new(Queue { waiting: VecDeque::new(), read: 0, ended: false })) }
    }
}

impl<T> Feed<T> {
    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, fed: Fed<T>) {
        self.queue().waiting.push_back(fed);
    }

    pub(crate) fn end(&self) {
        self.queue().ended = true;
    }
}

impl<T: Data> Source for Feed<T> {
    type Item = Fed<T>;

    fn fingerprint(&self) -> Result<String> {
        Ok("fed by a test".to_owned())
    }

    fn open(&self, _partition: usize, _position: u64) -> Result<Box<dyn Reader<Fed<T>>>> {
        Ok(Box::new(self.clone()))
    }
}

impl<T> Reader<Fed<T>> for Feed<T> {
    fn read(&mut self, into: &mut Vec<Fed<T>>, max: usize, now: Duration) -> Result<ReadStatus> {
        let mut queue = self.queue();
        let count = max.min(queue.waiting.len());
        into.extend(queue.waiting.drain(..count));
        queue.read += count as u64;
        Ok(match (queue.ended, queue.waiting.is_empty()) {
            (true, true) => ReadStatus::End,
            // The harness moves its clock with each call.
            (false, true) => ReadStatus::NotBefore(now + Duration::from_millis(1)),
            _ => ReadStatus::More,
        })
    }

    fn position(&self) -> u64 {
        self.queue().read
    }
}

/// Turns what was fed into events with stamps, and watermarks.
pub(crate) struct Inject<T> {
    watermark: Timestamp,
    events: Vec<Event<T>>,
    next: Box<dyn Push<T>>,
}

const STATE_NAME: &str = "fed/watermark";

impl<T: Data> Inject<T> {
    pub(crate) fn stream(fed: Stream<Fed<T>>) -> Stream<T> {
        fed.timed_by(|build, next| {
            let restored = build.restored_operator(STATE_NAME).get(&0).copied();
            let watermark = restored.map_or(Timestamp::MIN, Timestamp::from_millis);
            Box::new(Inject { watermark, events: Vec::new(), next })
        })
    }
}

impl<T> Push<Fed<T>> for Inject<T> {
    fn batch(&mut self, fed: &mut Vec<Event<Fed<T>>>) -> Result<()> {
        for fed in fed.drain(..) {
            match fed.value {
                Fed::Event(value, time) => self.events.push(Event::stamped(value, time, self.watermark)),
                Fed::Watermark(watermark) => {
                    self.next.batch(&mut self.events)?;
                    self.watermark = self.watermark.max(watermark);
                    self.next.control(Control::Watermark(self.watermark))?;
                }
            }
        }
        self.next.batch(&mut self.events)
    }

    fn control(&mut self, control: Control) -> Result<()> {
        match control {
            Control::Watermark(_) => self.next.control(Control::Watermark(self.watermark)),
            Control::End => {
                self.next.control(Control::Watermark(Timestamp::MAX))?;
                self.next.control(Control::End)
            }
        }
    }

    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()> {
        let values = BTreeMap::from([(0, self.watermark.as_millis())]);
        seal.operators.push(OperatorState { name: STATE_NAME.to_owned(), values });
        self.next.barrier(seal)
    }

    fn flush(&mut self) -> Result<bool> {
        self.next.flush()
    }

    fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        self.next.watch(watch);
    }
}
