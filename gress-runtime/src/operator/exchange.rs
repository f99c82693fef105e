//! The exchange: channels between all upstream and all downstream tasks, one for each pair, that carry events with
//! their keys to the task that owns their key group.

use super::{ChainSeal, Control, Push, place};
use crate::{metrics::TaskCounts, task::Watch};
use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use gress_core::{Barrier, Error, ErrorKind, Event, Result, Timestamp};
use gress_state::{KeyMaker, Keyed, StateKey};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// Packets that a channel holds before its sender waits.
const CHANNEL_PACKETS: usize = 16;

/// What travels through a channel.
pub(crate) enum Message<K, T> {
    /// Events, and the watermark behind them.
    Packet {
        events: Vec<Keyed<K, T>>,
        watermark: Timestamp,
    },
    Barrier(Barrier),
    /// No event follows; barriers do.
    End,
}

/// The receiving end of one channel.
pub(crate) struct Input<K, T> {
    receiver: Receiver<Message<K, T>>,
    recycle: Sender<Vec<Keyed<K, T>>>,
    /// Whether the stamps of the channel's events never fall, so that each of them moves the channel's watermark.
    pub stamps_advance: bool,
}

impl<K, T> Input<K, T> {
    /// The next message, or `None` if there is none yet.
    pub(crate) fn poll(&self) -> Result<Option<Message<K, T>>> {
        match self.receiver.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => {
                Err(Error::new(ErrorKind::TaskGone, "the task upstream is gone without an end of input"))
            }
        }
    }

    /// Packets that wait in the channel, and for how many it has room.
    pub(crate) fn packets(&self) -> (usize, usize) {
        (self.receiver.len(), CHANNEL_PACKETS)
    }

    /// Gives an emptied buffer back to the sender.
    pub(crate) fn recycle(&self, mut events: Vec<Keyed<K, T>>) {
        events.clear();
        // A sender that is gone or has enough buffers needs none.
        let _ = self.recycle.try_send(events);
    }

    pub(crate) fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        watch.recv(&self.receiver);
    }
}

struct Outlet<K, T> {
    sender: Sender<Message<K, T>>,
    recycled: Receiver<Vec<Keyed<K, T>>>,
    bucket: Vec<Keyed<K, T>>,
    /// What the channel had no room for.
    pending: VecDeque<Message<K, T>>,
}

impl<K, T> Outlet<K, T> {
    fn close_bucket(&mut self, watermark: Timestamp) {
        let empty = self.recycled.try_recv().unwrap_or_default();
        let events = std::mem::replace(&mut self.bucket, empty);
        self.pending.push_back(Message::Packet { events, watermark });
    }

    fn offer(&mut self) -> Result<bool> {
        while let Some(message) = self.pending.pop_front() {
            match self.sender.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(message)) => {
                    self.pending.push_front(message);
                    return Ok(false);
                }
                Err(TrySendError::Disconnected(_)) => {
                    return Err(Error::new(ErrorKind::TaskGone, "the task downstream is gone"));
                }
            }
        }
        Ok(true)
    }
}

/// The sending end of an exchange in one upstream task.
pub(crate) struct ExchangeOut<K, T, F> {
    label: Arc<str>,
    key_of: Arc<F>,
    keys: KeyMaker,
    outlets: Vec<Outlet<K, T>>,
    watermark: Timestamp,
    counts: Arc<TaskCounts>,
}

impl<K, T, F> ExchangeOut<K, T, F> {
    fn offer(&mut self) -> Result<bool> {
        self.outlets.iter_mut().try_fold(true, |done, outlet| Ok(outlet.offer()? && done))
    }

    fn send_to_all(&mut self, message: impl Fn() -> Message<K, T>) -> Result<()> {
        self.outlets.iter_mut().for_each(|outlet| outlet.pending.push_back(message()));
        self.offer().map(drop)
    }
}

impl<K: StateKey, T: Send, F: Fn(&T) -> K> Push<T> for ExchangeOut<K, T, F> {
    fn batch(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        place::enter(&self.label);
        self.counts.sent(events.len());
        let width = self.outlets.len();
        for event in events.drain(..) {
            place::event_time(event.time);
            let key = self.keys.key((self.key_of)(&event.value))?;
            let to = key.group().task(width);
            self.outlets[to].bucket.push(Keyed { key, event });
        }
        Ok(())
    }

    fn control(&mut self, control: Control) -> Result<()> {
        match control {
            Control::Watermark(watermark) => {
                let advanced = watermark > self.watermark;
                self.watermark = self.watermark.max(watermark);
                self.counts.watermark_is(self.watermark);
                for outlet in &mut self.outlets {
                    if advanced || !outlet.bucket.is_empty() {
                        outlet.close_bucket(self.watermark);
                    }
                }
                self.offer().map(drop)
            }
            Control::End => self.send_to_all(|| Message::End),
        }
    }

    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()> {
        let barrier = seal.barrier;
        self.send_to_all(|| Message::Barrier(barrier))
    }

    fn flush(&mut self) -> Result<bool> {
        self.offer()
    }

    fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        for outlet in self.outlets.iter().filter(|outlet| !outlet.pending.is_empty()) {
            watch.send(&outlet.sender);
        }
    }
}

type Taken<E> = Vec<Mutex<Option<Vec<E>>>>;

/// Where packets go in, and where their emptied buffers come back.
type SendingEnd<K, T> = (Sender<Message<K, T>>, Receiver<Vec<Keyed<K, T>>>);

/// All channels of an exchange. Each task takes its ends out once, so that a task which dies disconnects its channels.
pub(crate) struct Exchange<K, T> {
    outlets: Taken<SendingEnd<K, T>>,
    inputs: Taken<Input<K, T>>,
}

impl<K: StateKey, T: Send> Exchange<K, T> {
    pub(crate) fn new(from: usize, to: usize, stamps_advance: bool) -> Self {
        let mut outlets: Vec<Vec<_>> = (0..from).map(|_| Vec::new()).collect();
        let mut inputs: Vec<Vec<_>> = (0..to).map(|_| Vec::new()).collect();
        for row in &mut outlets {
            for column in &mut inputs {
                let (sender, receiver) = bounded(CHANNEL_PACKETS);
                let (recycle, recycled) = bounded(CHANNEL_PACKETS);
                row.push((sender, recycled));
                column.push(Input { receiver, recycle, stamps_advance });
            }
        }
        let ends = |v| Mutex::new(Some(v));
        Exchange {
            outlets: outlets.into_iter().map(ends).collect(),
            inputs: inputs.into_iter().map(|v| Mutex::new(Some(v))).collect(),
        }
    }

    fn take<E>(ends: &Taken<E>, subtask: usize) -> Result<Vec<E>> {
        let taken = ends.get(subtask).and_then(|e| e.lock().unwrap_or_else(PoisonError::into_inner).take());
        taken.ok_or_else(|| Error::job("a job runs once"))
    }

    /// The channels into downstream task `subtask`, one from each upstream task.
    pub(crate) fn inputs(&self, subtask: usize) -> Result<Vec<Input<K, T>>> {
        Self::take(&self.inputs, subtask)
    }

    /// The channels out of upstream task `subtask`.
    pub(crate) fn out<F>(
        &self,
        subtask: usize,
        label: Arc<str>,
        key_of: Arc<F>,
        counts: Arc<TaskCounts>,
    ) -> Result<ExchangeOut<K, T, F>> {
        let ends = Self::take(&self.outlets, subtask)?;
        let outlet = |(sender, recycled)| Outlet { sender, recycled, bucket: Vec::new(), pending: VecDeque::new() };
        let outlets = ends.into_iter().map(outlet).collect();
        Ok(ExchangeOut { label, key_of, keys: KeyMaker::default(), outlets, watermark: Timestamp::MIN, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Numbers = Exchange<u64, u64>;

    fn out(exchange: &Numbers) -> ExchangeOut<u64, u64, fn(&u64) -> u64> {
        exchange.out(0, "numbers".into(), Arc::new((|n| *n) as fn(&u64) -> u64), TaskCounts::alone()).unwrap()
    }

    fn batch(numbers: std::ops::Range<u64>) -> Vec<Event<u64>> {
        numbers.map(Event::untimed).collect()
    }

    fn packet(input: &Input<u64, u64>) -> Option<Vec<Keyed<u64, u64>>> {
        match input.poll().unwrap() {
            Some(Message::Packet { events, .. }) => Some(events),
            _ => None,
        }
    }

    #[test]
    fn a_sender_that_is_lost_is_a_failure_and_never_an_end() {
        let exchange = Numbers::new(1, 1, true);
        let (mut sender, inputs) = (out(&exchange), exchange.inputs(0).unwrap());
        sender.batch(&mut batch(0..3)).unwrap();
        sender.control(Control::Watermark(Timestamp::MIN)).unwrap();
        drop(sender);
        assert_eq!(packet(&inputs[0]).map(|events| events.len()), Some(3), "what was sent arrives");
        let Err(error) = inputs[0].poll() else { panic!("a lost sender went unnoticed") };
        assert_eq!(error.kind(), ErrorKind::TaskGone);
    }

    #[test]
    fn each_key_goes_to_the_task_that_owns_its_group_and_buffers_come_back() {
        let exchange = Numbers::new(1, 3, true);
        let mut sender = out(&exchange);
        let inputs: Vec<_> = (0..3).map(|task| exchange.inputs(task).unwrap().remove(0)).collect();
        let mut seen = 0;
        for round in 0..4 {
            sender.batch(&mut batch(0..300)).unwrap();
            sender.control(Control::Watermark(Timestamp::MIN)).unwrap();
            for (task, input) in inputs.iter().enumerate() {
                let events = packet(input).unwrap();
                assert!(events.iter().all(|keyed| keyed.key.group().task(3) == task));
                assert!(round < 2 || events.capacity() > 0);
                seen += events.len();
                input.recycle(events);
                assert!(packet(input).is_none());
            }
        }
        assert_eq!(seen, 4 * 300);
        assert!(
            sender.outlets.iter().all(|outlet| outlet.bucket.capacity() > 0),
            "the next bucket is one that came back"
        );
    }

    #[test]
    fn a_full_channel_holds_packets_back_in_order_and_loses_none() {
        let exchange = Numbers::new(1, 1, true);
        let (mut sender, inputs) = (out(&exchange), exchange.inputs(0).unwrap());
        for n in 0..CHANNEL_PACKETS as u64 + 5 {
            sender.batch(&mut batch(n..n + 1)).unwrap();
            sender.control(Control::Watermark(Timestamp::MIN)).unwrap();
        }
        assert!(!sender.flush().unwrap(), "five packets wait");
        let mut arrived = Vec::new();
        while let Some(events) = packet(&inputs[0]) {
            arrived.extend(events.into_iter().map(|keyed| keyed.event.value));
            sender.flush().unwrap();
        }
        assert_eq!(arrived, (0..CHANNEL_PACKETS as u64 + 5).collect::<Vec<_>>());
        assert!(sender.flush().unwrap());
    }
}
