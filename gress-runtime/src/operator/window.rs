//! Tumbling event-time windows with an incremental aggregate.

use super::{ChainSeal, Control, Push, place};
use crate::{
    metrics::TaskCounts,
    task::{Flow, KeyedOperator, Watch},
    window::{TimeWindow, Tumbling, Windowed},
};
use gress_core::{Data, Event, Result, Timestamp};
use gress_state::{Accumulator, FiringWindow, Keyed, StateKey, TaskState, WindowState};
use std::sync::Arc;

/// Windows of one task. An event is late if its window's last millisecond is at or before the event's own stamp, so
/// lateness does not depend on batches or tasks.
pub(crate) struct WindowOperator<K, T, A: Accumulator<T>> {
    pub label: Arc<str>,
    pub windows: Tumbling,
    pub empty: A,
    pub accumulators: WindowState<K, A>,
    pub state: TaskState,
    /// The window that is being fired, slice by slice.
    pub firing: Option<FiringWindow<K, A>>,
    pub out: Vec<Event<Windowed<K, A::Out>>>,
    pub next: Box<dyn Push<Windowed<K, A::Out>>>,
    pub late: Vec<Event<T>>,
    pub late_next: Box<dyn Push<T>>,
    pub counts: Arc<TaskCounts>,
}

impl<K: StateKey, T: Data, A: Accumulator<T>> KeyedOperator<K, T> for WindowOperator<K, T, A> {
    fn enter(&self) {
        place::enter(&self.label);
    }

    /// Which window an event belongs to is not known by its hash.
    fn look_ahead(&mut self, _: &[u64], _: usize) {}

    fn fetch(&mut self, _: &[Keyed<K, T>]) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn on_event(&mut self, Keyed { key, event }: Keyed<K, T>) -> Result<()> {
        place::event_time(event.time);
        let window = self.windows.assign(event.time);
        if window.max_timestamp() <= event.watermark() {
            self.late.push(event);
            return Ok(());
        }
        let empty = || self.empty.clone();
        self.accumulators.update(window.start, window.end, &key, empty, |accumulator| accumulator.add(&event.value))
    }

    /// What a window emits has its last millisecond as time, and the one before as stamp: a chained window of the same
    /// size must not call it late.
    fn fire(&mut self, watermark: Timestamp, max: usize) -> Result<Flow> {
        while self.out.len() < max {
            let Some(firing) = &mut self.firing else {
                let due = self.accumulators.next_end().is_some_and(|end| end.previous() <= watermark);
                if !due {
                    return Ok(Flow::Done);
                }
                self.firing = self.accumulators.fire_next()?;
                continue;
            };
            let window = TimeWindow { start: firing.start(), end: firing.end() };
            let time = window.max_timestamp();
            place::event_time(time);
            let Some(group) = firing.next_group()? else {
                self.firing = None;
                continue;
            };
            self.out.extend(group.into_iter().map(|(key, accumulator)| {
                let value = Windowed { key, window, value: accumulator.finish() };
                Event::stamped(value, time, time.previous())
            }));
        }
        Ok(Flow::More)
    }

    fn hand_on(&mut self) -> Result<()> {
        self.counts.late(self.late.len());
        self.late_next.batch(&mut self.late)?;
        self.next.batch(&mut self.out)
    }

    fn control(&mut self, control: Control) -> Result<()> {
        self.late_next.control(control)?;
        self.next.control(control)
    }

    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()> {
        self.state.begin_seal()?;
        self.late_next.barrier(seal)?;
        self.next.barrier(seal)
    }

    fn flush(&mut self) -> Result<bool> {
        let late = self.late_next.flush()?;
        Ok(self.next.flush()? && late)
    }

    fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        self.late_next.watch(watch);
        self.next.watch(watch);
    }

    fn state(&mut self) -> &mut TaskState {
        &mut self.state
    }
}
