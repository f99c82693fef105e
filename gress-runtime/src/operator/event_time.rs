//! `event_time`: gives each event its time, and the watermark that stood before it as its stamp.

use super::{ChainSeal, Control, Partition, Push, pass_on, place};
use crate::time::Watermarks;
use gress_core::{Event, Result, Timestamp};
use gress_state::checkpoint::OperatorState;
use std::{collections::BTreeMap, sync::Arc};

/// Follows the watermark of each source partition of the task. An event's stamp is the least of them, so that stamps
/// never fall within a task.
pub(crate) struct AssignTime<T, F> {
    pub label: Arc<str>,
    /// Name of the operator's state in checkpoints.
    pub state_name: String,
    pub time: Arc<F>,
    pub strategy: Watermarks,
    /// By source partition of this task.
    pub watermarks: BTreeMap<usize, Timestamp>,
    pub current: usize,
    pub next: Box<dyn Push<T>>,
}

impl<T, F> AssignTime<T, F> {
    /// The least watermark of the partitions other than the current one.
    fn least_of_others(&self) -> Timestamp {
        let others = self.watermarks.iter().filter(|(partition, _)| **partition != self.current);
        others.map(|(_, watermark)| *watermark).min().unwrap_or(Timestamp::MAX)
    }

    fn watermark(&self) -> Timestamp {
        self.watermarks.values().copied().min().unwrap_or(Timestamp::MIN)
    }
}

impl<T, F: Fn(&T) -> Timestamp> Push<T> for AssignTime<T, F> {
    fn batch(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        place::enter(&self.label);
        let others = self.least_of_others();
        let mut own = self.watermarks.get(&self.current).copied().unwrap_or(Timestamp::MIN);
        for event in events.iter_mut() {
            let time = (self.time)(&event.value);
            event.set_time(time, own.min(others));
            own = own.max(self.strategy.after(time));
        }
        self.watermarks.insert(self.current, own);
        self.next.batch(events)
    }

    fn control(&mut self, control: Control) -> Result<()> {
        match control {
            Control::Watermark(_) => self.next.control(Control::Watermark(self.watermark())),
            Control::End => {
                self.next.control(Control::Watermark(Timestamp::MAX))?;
                self.next.control(Control::End)
            }
        }
    }

    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()> {
        let values = self.watermarks.iter().map(|(partition, at)| (*partition, at.as_millis())).collect();
        seal.operators.push(OperatorState { name: self.state_name.clone(), values });
        self.next.barrier(seal)
    }

    fn partition(&mut self, partition: Partition) {
        match partition {
            Partition::Assigned(partition) => _ = self.watermarks.entry(partition).or_insert(Timestamp::MIN),
            Partition::Reads(partition) => self.current = partition,
            // It holds the others back no longer.
            Partition::Ended(partition) => _ = self.watermarks.insert(partition, Timestamp::MAX),
        }
        self.next.partition(partition);
    }

    pass_on!(flush, watch);
}
