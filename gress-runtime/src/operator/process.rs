//! `process`: a keyed step of the user's, with state, timers and side outputs.

use super::{ChainSeal, Control, Push, place};
use crate::{
    process::{Output, Process, Timer},
    task::{Flow, KeyedOperator, Watch},
};
use gress_core::{Data, Event, Result, Timestamp};
use gress_state::{Key, Keyed, StateKey, TaskState, TimersOfTask};
use std::{cell::RefCell, rc::Rc, sync::Arc};

/// A process in its task.
pub(crate) struct ProcessOperator<K, P, O> {
    pub label: Arc<str>,
    pub process: P,
    pub state: TaskState,
    pub timers: TimersOfTask<K>,
    /// Entries of some state expire in event time: it has to know what time it is.
    pub expires: bool,
    pub out: Output<O>,
    pub next: Box<dyn Push<O>>,
    pub sides: Vec<Box<dyn SideChain>>,
}

impl<K: StateKey, T: Data, P: Process<K, T>> KeyedOperator<K, T> for ProcessOperator<K, P, P::Out> {
    fn enter(&self) {
        place::enter(&self.label);
    }

    fn look_ahead(&mut self, hashes: &[u64], at: usize) {
        self.state.look_ahead(hashes, at);
    }

    fn fetch(&mut self, events: &[Keyed<K, T>]) -> Result<()> {
        self.state.fetch(events.iter().map(|keyed| &keyed.key))
    }

    #[inline]
    fn on_event(&mut self, Keyed { key, event }: Keyed<K, T>) -> Result<()> {
        place::event_time(event.time);
        self.out.at(event.time, event.watermark());
        if self.expires {
            self.state.event_begins(event.watermark(), event.time);
        }
        self.process.on_event(&key, event, &mut self.out)
    }

    fn fire(&mut self, watermark: Timestamp, max: usize) -> Result<Flow> {
        if self.timers.is_empty() {
            self.state.fired(watermark);
            return Ok(Flow::Done);
        }
        for _ in 0..max {
            let Some(due) = self.timers.pop_due(watermark)? else {
                self.state.fired(watermark);
                return Ok(Flow::Done);
            };
            self.on_timer(&due.key, Timer { name: due.name, time: due.time })?;
        }
        Ok(Flow::More)
    }

    fn hand_on(&mut self) -> Result<()> {
        self.sides.iter_mut().try_for_each(|s| s.drain())?;
        self.next.batch(&mut self.out.events)
    }

    fn control(&mut self, control: Control) -> Result<()> {
        self.sides.iter_mut().try_for_each(|s| s.control(control))?;
        self.next.control(control)
    }

    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()> {
        self.state.begin_seal()?;
        self.sides.iter_mut().try_for_each(|s| s.barrier(seal))?;
        self.next.barrier(seal)
    }

    fn flush(&mut self) -> Result<bool> {
        let sides = self.sides.iter_mut().try_fold(true, |done, s| Ok::<_, gress_core::Error>(s.flush()? && done))?;
        Ok(self.next.flush()? && sides)
    }

    fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        self.sides.iter().for_each(|s| s.watch(watch));
        self.next.watch(watch);
    }

    fn state(&mut self) -> &mut TaskState {
        &mut self.state
    }
}

impl<K, P, O> ProcessOperator<K, P, O> {
    /// What a timer emits has the timer's time, and the millisecond before it as stamp: a window downstream that ends
    /// with it must not call it late.
    fn on_timer<T>(&mut self, key: &Key<K>, timer: Timer) -> Result<()>
    where
        P: Process<K, T, Out = O>,
    {
        place::event_time(timer.time);
        self.out.at(timer.time, timer.time.previous());
        if self.expires {
            self.state.timer_begins(timer.time);
        }
        self.process.on_timer(key, timer, &mut self.out)
    }
}

/// A side output inside its task, its type forgotten.
pub(crate) trait SideChain {
    fn drain(&mut self) -> Result<()>;
    fn control(&mut self, control: Control) -> Result<()>;
    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()>;
    fn flush(&mut self) -> Result<bool>;
    fn watch<'a>(&'a self, watch: &mut Watch<'a>);
}

/// The buffer that a `SideOutput` fills, and the chain behind it.
pub(crate) struct Side<T> {
    pub events: Rc<RefCell<Vec<Event<T>>>>,
    pub next: Box<dyn Push<T>>,
}

impl<T> SideChain for Side<T> {
    fn drain(&mut self) -> Result<()> {
        self.next.batch(&mut self.events.borrow_mut())
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
}
