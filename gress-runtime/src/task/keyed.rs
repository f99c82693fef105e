//! A keyed task: reads its inputs, aligns barriers, advances time, and drives one keyed operator and the chain behind it.

use super::{
    Flow, Gate, Step, Task, Watch,
    mailbox::TaskMessage,
    sealing::{Emptied, Sealing},
};
use crate::{
    metrics::{StateReading, TaskCounts, TaskReading},
    operator::{ChainSeal, Control, Input, Message},
};
use crossbeam_channel::Receiver;
use gress_core::{Barrier, Error, Result, Timestamp};
use gress_state::{Keyed, Reading, StateKey, TaskState, WallClock, checkpoint::OperatorState};
use std::{collections::BTreeMap, sync::Arc};

/// Timers and windows that fire in one piece.
const FIRE_SLICE: usize = 1024;

/// What a keyed task does with its events: a process or a window.
pub(crate) trait KeyedOperator<K, T> {
    /// Notes that user code of this operator begins to run.
    fn enter(&self);
    /// See [`TaskState::look_ahead`].
    fn look_ahead(&mut self, hashes: &[u64], at: usize);
    /// See [`TaskState::fetch`].
    fn fetch(&mut self, events: &[Keyed<K, T>]) -> Result<()>;
    fn on_event(&mut self, keyed: Keyed<K, T>) -> Result<()>;
    /// Fires what is due at `watermark`, about `max` results at most.
    fn fire(&mut self, watermark: Timestamp, max: usize) -> Result<Flow>;
    /// Passes on what was emitted.
    fn hand_on(&mut self) -> Result<()>;
    fn control(&mut self, control: Control) -> Result<()>;
    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()>;
    fn flush(&mut self) -> Result<bool>;
    fn watch<'a>(&'a self, watch: &mut Watch<'a>);
    fn state(&mut self) -> &mut TaskState;
}

/// What a port had to give.
pub(crate) enum Polled {
    Nothing,
    /// A packet, which [`Body::work`] handles.
    Packet,
    Barrier(Barrier),
    End,
}

/// The typed part of a keyed task: one dynamic call a packet.
pub(crate) trait Body {
    /// Takes the next message of an input.
    fn poll(&mut self, port: usize) -> Result<Polled>;
    /// Handles the packet that was polled, or a part of it.
    fn work(&mut self, gate: &mut Gate) -> Result<Flow>;
    fn control(&mut self, control: Control) -> Result<()>;
    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()>;
    fn flush(&mut self) -> Result<bool>;
    /// Packets that wait in its channels, and for how many they have room.
    fn input_packets(&self) -> (usize, usize);
    fn watch_inputs<'a>(&'a self, gate: &Gate, watch: &mut Watch<'a>);
    fn watch_outputs<'a>(&'a self, watch: &mut Watch<'a>);
    fn state(&mut self) -> &mut TaskState;
}

/// An operator and its inputs.
pub(crate) struct KeyedBody<K, T, O> {
    inputs: Vec<Input<K, T>>,
    operator: O,
    counts: Arc<TaskCounts>,
    /// What is left of the packet that was polled.
    events: Vec<Keyed<K, T>>,
    /// Their hashes.
    hashes: Vec<u64>,
    port: usize,
    watermark: Timestamp,
    /// What became due did not fit into a step. A timer that is overdue when it is set waits for the next watermark,
    /// wherever a packet ends.
    firing: bool,
}

impl<K: StateKey, T, O: KeyedOperator<K, T>> KeyedBody<K, T, O> {
    pub(crate) fn new(inputs: Vec<Input<K, T>>, operator: O, counts: Arc<TaskCounts>) -> Self {
        KeyedBody {
            inputs,
            operator,
            counts,
            events: Vec::new(),
            hashes: Vec::new(),
            port: 0,
            watermark: Timestamp::MIN,
            firing: false,
        }
    }

    fn fire(&mut self, gate: &Gate) -> Result<Flow> {
        let flow = self.operator.fire(gate.watermark(), FIRE_SLICE)?;
        self.firing = flow == Flow::More;
        Ok(flow)
    }

    /// Has what the next events will look for fetched and in the caches; `rest` follows after `handled` events.
    fn bring_near(&mut self, rest: &[Keyed<K, T>], handled: usize) -> Result<()> {
        if handled.is_multiple_of(TaskState::FETCH_AHEAD) {
            self.operator.fetch(&rest[..rest.len().min(TaskState::FETCH_AHEAD)])?;
        }
        self.operator.look_ahead(&self.hashes, handled);
        Ok(())
    }

    /// Handles events until one of them makes more fire than fits into a step. What is left stays in `events`.
    fn handle_events(&mut self, gate: &mut Gate) -> Result<Flow> {
        let stamps_advance = self.inputs[self.port].stamps_advance;
        let mut events = std::mem::take(&mut self.events);
        self.hashes.clear();
        self.hashes.extend(events.iter().map(|keyed| keyed.key.hash()));
        let mut drained = events.drain(..);
        let mut handled = 0_usize;
        loop {
            let rest = drained.as_slice();
            if handled.is_multiple_of(TaskState::LOOK_AHEAD) && !rest.is_empty() {
                self.bring_near(rest, handled)?;
            }
            let Some(keyed) = drained.next() else { break };
            handled += 1;
            let moved = stamps_advance && gate.advance(self.port, keyed.event.watermark());
            if moved && self.fire(gate)? == Flow::More {
                self.events = std::iter::once(keyed).chain(drained).collect();
                return Ok(Flow::More);
            }
            self.operator.on_event(keyed)?;
        }
        drop(drained);
        self.inputs[self.port].recycle(events);
        Ok(Flow::Done)
    }
}

impl<K: StateKey, T, O: KeyedOperator<K, T>> Body for KeyedBody<K, T, O> {
    fn poll(&mut self, port: usize) -> Result<Polled> {
        Ok(match self.inputs[port].poll()? {
            None => Polled::Nothing,
            Some(Message::Packet { events, watermark }) => {
                self.counts.arrived(events.len());
                (self.events, self.port, self.watermark) = (events, port, watermark);
                Polled::Packet
            }
            Some(Message::Barrier(barrier)) => Polled::Barrier(barrier),
            Some(Message::End) => Polled::End,
        })
    }

    fn work(&mut self, gate: &mut Gate) -> Result<Flow> {
        self.operator.enter();
        // What became due in an earlier step and did not fit into it.
        let mut flow = if self.firing { self.fire(gate)? } else { Flow::Done };
        if flow == Flow::Done {
            flow = self.handle_events(gate)?;
        }
        if flow == Flow::Done && gate.advance(self.port, self.watermark) {
            flow = self.fire(gate)?;
        }
        self.operator.hand_on()?;
        if flow == Flow::Done {
            self.operator.control(Control::Watermark(gate.watermark()))?;
        }
        Ok(flow)
    }

    fn control(&mut self, control: Control) -> Result<()> {
        self.operator.control(control)
    }

    fn barrier(&mut self, seal: &mut ChainSeal) -> Result<()> {
        self.operator.barrier(seal)
    }

    fn flush(&mut self) -> Result<bool> {
        self.operator.flush()
    }

    fn input_packets(&self) -> (usize, usize) {
        let all = self.inputs.iter().map(Input::packets);
        all.fold((0, 0), |(packets, room), (more_packets, more_room)| (packets + more_packets, room + more_room))
    }

    fn watch_inputs<'a>(&'a self, gate: &Gate, watch: &mut Watch<'a>) {
        let readable = self.inputs.iter().enumerate().filter(|(port, _)| gate.readable(*port));
        readable.for_each(|(_, input)| input.watch(watch));
    }

    fn watch_outputs<'a>(&'a self, watch: &mut Watch<'a>) {
        self.operator.watch(watch);
    }

    fn state(&mut self) -> &mut TaskState {
        self.operator.state()
    }
}

/// A keyed task. Nothing here depends on the types of its operator.
pub(crate) struct KeyedTask {
    body: Box<dyn Body>,
    gate: Gate,
    sealing: Sealing,
    mailbox: Receiver<TaskMessage>,
    next_port: usize,
    /// A packet is being handled.
    working: bool,
    /// The state exceeds its budget after a slice of spilling, and another one will help.
    spilling: bool,
    /// The state exceeds its budget, and runs that are being stored have the room that spilling needs.
    storage_full: bool,
    /// The channels downstream were full.
    output_full: bool,
    shutdown: bool,
    times: Times,
}

/// The times that a task's state goes by.
pub(crate) struct Times {
    /// The name under which the watermark stands in checkpoints.
    pub name: String,
    /// The watermark of the checkpoint that the job goes on from.
    pub restored: Timestamp,
    /// The time of day, where entries expire by it: asked once a packet.
    pub clock: Option<Arc<dyn WallClock>>,
}

impl KeyedTask {
    pub(crate) fn new(
        body: Box<dyn Body>,
        inputs: usize,
        sealing: Sealing,
        mailbox: Receiver<TaskMessage>,
        times: Times,
    ) -> Self {
        KeyedTask {
            body,
            gate: Gate::new(inputs, times.restored),
            sealing,
            mailbox,
            next_port: 0,
            working: false,
            spilling: false,
            storage_full: false,
            output_full: false,
            shutdown: false,
            times,
        }
    }

    /// `true` if the job has failed and the task must end at once.
    fn read_mailbox(&mut self) -> Result<bool> {
        while let Ok(message) = self.mailbox.try_recv() {
            match message {
                TaskMessage::Submitted(completion) => {
                    if let Some(Emptied { state, entries }) = self.sealing.complete(completion)? {
                        self.body.state().take_back(state, entries);
                    }
                }
                TaskMessage::Completed => {
                    self.body.state().completed();
                    self.sealing.completed();
                }
                TaskMessage::Shutdown => self.shutdown = true,
                TaskMessage::Abort => return Ok(true),
                TaskMessage::Trigger(barrier) => {
                    return Err(Error::job(format!("barrier {} was sent to a task that is no source", barrier.id)));
                }
            }
        }
        Ok(false)
    }

    fn work(&mut self) -> Result<()> {
        self.working = self.body.work(&mut self.gate)? == Flow::More;
        if !self.working {
            let state = self.body.state();
            state.clean()?;
            if !self.sealing.enabled() {
                state.nothing_is_replayed();
            }
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        let spilled = self.body.state().spill(self.sealing.storing_bytes())?;
        self.spilling = spilled.more;
        self.sealing.spilled(spilled.runs);
        Ok(())
    }

    /// Reads one message of the next input that has one; `false` if none has.
    fn read_inputs(&mut self) -> Result<bool> {
        for _ in 0..self.gate.ports() {
            let port = self.next_port;
            self.next_port = (port + 1) % self.gate.ports();
            if !self.gate.readable(port) {
                continue;
            }
            match self.body.poll(port)? {
                Polled::Nothing => continue,
                Polled::Packet => {
                    if let Some(clock) = &self.times.clock {
                        self.body.state().batch_begins(clock.now());
                    }
                    self.work()?;
                }
                Polled::Barrier(barrier) => {
                    if let Some(barrier) = self.gate.barrier(port, barrier)? {
                        self.seal(barrier)?;
                    }
                }
                Polled::End => {
                    if self.gate.end(port, !self.sealing.enabled()) {
                        self.body.control(Control::End)?;
                        self.sealing.report_end();
                    }
                }
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn seal(&mut self, barrier: Barrier) -> Result<()> {
        while self.sealing.encode(self.body.state())? {}
        let since = self.sealing.now();
        let mut seal = ChainSeal::new(barrier);
        self.body.barrier(&mut seal)?;
        let watermark = self.body.state().watermark();
        if watermark > Timestamp::MIN {
            let values = BTreeMap::from([(0, watermark.as_millis())]);
            seal.operators.push(OperatorState { name: self.times.name.clone(), values });
        }
        self.sealing.begin(seal, since);
        self.sealing.acknowledge_if_done();
        Ok(())
    }
}

impl Task for KeyedTask {
    fn step(&mut self) -> Result<Step> {
        if self.read_mailbox()? {
            return Ok(Step::Done);
        }
        self.storage_full = self.body.state().waits(self.sealing.storing_bytes());
        // What is encoded takes memory, too, until it is stored.
        let encoded = !self.storage_full && self.sealing.encode(self.body.state())?;
        self.output_full = !self.body.flush()?;
        if self.output_full {
            return Ok(if encoded { Step::Progress } else { Step::Full });
        }
        if self.shutdown && !self.sealing.busy() {
            return Ok(Step::Done);
        }
        if self.storage_full {
            // First of all once there is room.
            self.spilling = true;
            return Ok(Step::Full);
        }
        if (self.spilling || encoded) && !self.working {
            self.spill()?;
            if self.spilling {
                return Ok(Step::Progress);
            }
        }
        if self.working {
            self.work()?;
            return Ok(Step::Progress);
        }
        Ok(if self.read_inputs()? || encoded { Step::Progress } else { Step::Wait(None) })
    }

    fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        watch.recv(&self.mailbox);
        if self.output_full {
            self.body.watch_outputs(watch);
        } else if !self.storage_full {
            self.body.watch_inputs(&self.gate, watch);
        }
    }

    fn reading(&mut self) -> TaskReading {
        let input_packets = Some(self.body.input_packets());
        let state = self.body.state();
        let states = state.stats().into_iter().zip(self.sealing.chains());
        let states = states.map(|((name, table), (storing_bytes, runs, checkpoint_bytes))| StateReading {
            name,
            table,
            storing_bytes,
            runs,
            checkpoint_bytes,
        });
        TaskReading { input_packets, budget_bytes: state.budget_bytes(), states: states.collect() }
    }

    fn backend_readings(&mut self) -> Result<Vec<Reading>> {
        self.body.state().backend_readings()
    }

    fn close(&mut self) -> Result<()> {
        self.body.state().close()
    }
}
