//! Keyed streams and processes.

use super::{
    build::Build,
    graph::Graph,
    stream::{Stream, StreamFacts},
    windowed::WindowedStream,
};
use crate::{
    metrics::TaskCounts,
    operator::{Exchange, ProcessOperator, Push, Side, SideChain},
    process::{DeclaredSide, Output, Process, StateScope, Tag},
    task::{KeyedBody, KeyedOperator, KeyedTask, Task, Times},
    window::Tumbling,
};
use gress_core::{Data, Error, Event, Result, Timestamp};
use gress_state::{StateKey, TaskBackend, TaskState, memory::MemoryFactory, ttl::TtlClock};
use std::{
    any::TypeId,
    cell::RefCell,
    ops::Deref,
    panic::Location,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Erases the type of the key closure (`KeyedStream<K, T>` names none) and still builds a monomorphic exchange.
pub(crate) trait KeyOf<K, T>: Send + Sync {
    fn exchange(
        self: Arc<Self>,
        exchange: &Exchange<K, T>,
        subtask: usize,
        label: Arc<str>,
        counts: Arc<TaskCounts>,
    ) -> Result<Box<dyn Push<T>>>;
}

impl<K: StateKey, T: Data, F: Fn(&T) -> K + Send + Sync + 'static> KeyOf<K, T> for F {
    fn exchange(
        self: Arc<Self>,
        exchange: &Exchange<K, T>,
        subtask: usize,
        label: Arc<str>,
        counts: Arc<TaskCounts>,
    ) -> Result<Box<dyn Push<T>>> {
        Ok(Box::new(exchange.out(subtask, label, self, counts)?))
    }
}

/// A stream whose events have a key of type `K`.
#[must_use = "a keyed stream does nothing until it reaches a `.sink(…)`"]
pub struct KeyedStream<K, T> {
    pub(crate) stream: Stream<T>,
    key: Arc<dyn KeyOf<K, T>>,
}

impl<K, T> Clone for KeyedStream<K, T> {
    fn clone(&self) -> Self {
        KeyedStream { stream: self.stream.clone(), key: self.key.clone() }
    }
}

impl<K: StateKey, T: Data> KeyedStream<K, T> {
    pub(crate) fn new(stream: Stream<T>, key: Arc<dyn KeyOf<K, T>>) -> Self {
        KeyedStream { stream, key }
    }

    /// The exchange into the keyed step `name`, with its upstream end attached.
    #[track_caller]
    pub(crate) fn exchange(&self, name: &str) -> Arc<Exchange<K, T>> {
        let facts = &self.stream.facts;
        let exchange = Arc::new(Exchange::new(facts.width, self.parallelism(), facts.stamps_advance));
        let (key, out) = (self.key.clone(), exchange.clone());
        let label: Arc<str> = format!("key_by of `{name}`").into();
        let attach =
            move |build: &Build| key.clone().exchange(&out, build.subtask(), label.clone(), build.counts.clone());
        self.stream.attach(attach);
        exchange
    }

    pub(crate) fn parallelism(&self) -> usize {
        self.stream.graph.config.parallelism.max(1)
    }

    /// What is known of the output of the keyed step `name`.
    pub(crate) fn facts_behind(&self, name: &str) -> StreamFacts {
        let above = &self.stream.facts;
        StreamFacts {
            chain: name.into(),
            width: self.parallelism(),
            timed: above.timed,
            in_source: false,
            // With one input per task, the stamps of its events are those of one channel.
            stamps_advance: above.stamps_advance && above.width == 1,
        }
    }

    /// A keyed step. `make` makes its instance for each subtask; it also runs once now, to check the names of its states.
    #[track_caller]
    pub fn process<P>(
        &self,
        name: &str,
        make: impl Fn(&mut StateScope<'_, K>) -> P + Send + Sync + 'static,
    ) -> Processed<P::Out>
    where
        P: Process<K, T> + 'static,
    {
        let at = Location::caller();
        let graph = &self.stream.graph;
        graph.name(name, at);
        let exchange = self.exchange(name);
        let out = Processed::declare(graph, name, at, &make, self.facts_behind(name));
        let (node, sides, label) = (out.stream.node.clone(), out.sides.clone(), Arc::<str>::from(name));
        let build = move |build: &Build| {
            let mut state = build.state(&label);
            let mut scope = StateScope::new(&mut state, build.subtask());
            let process = make(&mut scope);
            let (timers, declared) = (scope.timers, scope.sides);
            let sides = sides.lock().unwrap_or_else(PoisonError::into_inner);
            let sides = sides.iter().map(|attach| attach(build, &declared)).collect::<Result<_>>()?;
            let (out, next) = (Output::new(), node.build(build)?);
            let (label, expires) = (label.clone(), state.expires_by(TtlClock::Event));
            let operator = ProcessOperator { label, process, state, timers, expires, out, next, sides };
            keyed_task(operator, &exchange, build)
        };
        graph.group(name, self.parallelism(), false, Box::new(build));
        out
    }

    /// Groups the events of each key by windows of event time.
    pub fn window(&self, windows: Tumbling) -> WindowedStream<K, T> {
        WindowedStream { keyed: self.clone(), windows }
    }
}

/// A task around a keyed operator, its state restored.
pub(crate) fn keyed_task<K: StateKey, T: Data, O: KeyedOperator<K, T> + 'static>(
    mut operator: O,
    exchange: &Exchange<K, T>,
    build: &Build,
) -> Result<Box<dyn Task>> {
    let mut sealing = build.sealing();
    let (state, clock) = (operator.state(), &build.shared.wall_clock);
    state.batch_begins(clock.now());
    let name = format!("{}/watermark", build.task.chain);
    let restored = build.restored_operator(&name).get(&0).copied().map_or(Timestamp::MIN, Timestamp::from_millis);
    state.fired(restored);
    let clock = state.expires_by(TtlClock::Processing).then(|| clock.clone());
    build.restore(&mut sealing, state)?;
    let inputs = exchange.inputs(build.subtask())?;
    let count = inputs.len();
    let body = Box::new(KeyedBody::new(inputs, operator, build.counts.clone()));
    let task = KeyedTask::new(body, count, sealing, build.mailbox(), Times { name, restored, clock });
    Ok(build.metered(Box::new(task), false))
}

type AttachSide = Box<dyn Fn(&Build, &[DeclaredSide]) -> Result<Box<dyn SideChain>> + Send + Sync>;

/// The main output of a process (it derefs to that stream), and the place where its side outputs are found.
#[must_use = "a stream does nothing until it reaches a `.sink(…)`"]
pub struct Processed<O> {
    stream: Stream<O>,
    sides: Arc<Mutex<Vec<AttachSide>>>,
    declared: Vec<(&'static str, TypeId, &'static str)>,
    name: String,
}

impl<O> Deref for Processed<O> {
    type Target = Stream<O>;
    fn deref(&self) -> &Stream<O> {
        &self.stream
    }
}

impl<O: Data> Processed<O> {
    fn declare<K: StateKey, P>(
        graph: &Arc<Graph>,
        name: &str,
        at: &'static Location<'static>,
        make: &impl Fn(&mut StateScope<'_, K>) -> P,
        facts: StreamFacts,
    ) -> Self {
        // Nothing is ever written here: this state only says which names the process uses.
        let backend = TaskBackend::new(Arc::new(MemoryFactory), PathBuf::new());
        let mut state = TaskState::new(name, backend, usize::MAX);
        let mut scope = StateScope::new(&mut state, 0);
        make(&mut scope);
        let (timers, sides) = (scope.timers, scope.sides);
        if !timers.is_empty() && !facts.timed {
            graph.problem(format!(
                "the timers of `{name}` at {at} have no event time: add `.event_time(…)` after the source"
            ));
        }
        if state.expires_by(TtlClock::Event) && !facts.timed {
            graph.problem(format!(
                "a state of `{name}` at {at} expires in event time, and there is none: add `.event_time(…)` after the source"
            ));
        }
        let declared = sides.iter().map(|side| (side.name, side.type_id, side.type_name)).collect();
        for problem in state.problems() {
            graph.problem(format!("operator `{name}` at {at}: {problem}"));
        }
        let stream = Stream::new(graph, name, at, true, facts);
        Processed { stream, sides: Arc::default(), declared, name: name.to_owned() }
    }

    /// The side output that the process declared under this tag.
    #[track_caller]
    pub fn side_output<T: Data>(&self, tag: &Tag<T>) -> Stream<T> {
        let at = Location::caller();
        let graph = &self.stream.graph;
        match self.declared.iter().find(|(name, ..)| *name == tag.name()) {
            None => graph.problem(format!("{at}: the operator `{}` has no side output `{}`", self.name, tag.name())),
            Some((_, id, carries)) if *id != TypeId::of::<T>() => {
                graph.problem(format!("{at}: the side output `{}` of `{}` carries `{carries}`", tag.name(), self.name))
            }
            Some(_) => {}
        }
        let stream = Stream::new(graph, tag.name(), at, true, self.stream.facts.clone());
        let (node, name) = (stream.node.clone(), tag.name());
        let attach = move |build: &Build, declared: &[DeclaredSide]| -> Result<Box<dyn SideChain>> {
            let side = declared.iter().find(|side| side.name == name);
            let events = side.and_then(|side| side.events.clone().downcast::<RefCell<Vec<Event<T>>>>().ok());
            let events = events.ok_or_else(|| Error::job(format!("there is no side output `{name}`")))?;
            Ok(Box::new(Side { events, next: node.build(build)? }))
        };
        self.sides.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(attach));
        stream
    }
}
