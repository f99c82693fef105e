//! Streams: the typed nodes of the graph. A `Stream<T>` knows its consumers as typed closures, so no cast is needed to
//! build a chain.

use super::{
    build::Build,
    graph::Graph,
    keyed::{KeyOf, KeyedStream},
};
use crate::{
    operator::{AssignTime, Filter, Partition, Push, SinkEnd, Stateless, Tee, place},
    sink::Sink,
    source::Source,
    task::{PartitionReader, SourceTask},
    time::Watermarks,
};
use gress_core::{Data, Error, Event, Result, Timestamp};
use std::{
    panic::Location,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

type Attach<T> = Box<dyn Fn(&Build) -> Result<Box<dyn Push<T>>> + Send + Sync>;

/// A place in the graph and what reads from it.
pub(crate) struct Node<T> {
    consumers: Mutex<Vec<Attach<T>>>,
}

impl<T: Data> Node<T> {
    /// The chain that begins at this node, for one subtask.
    pub(crate) fn build(&self, build: &Build) -> Result<Box<dyn Push<T>>> {
        let consumers = self.consumers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chains = consumers.iter().map(|attach| attach(build)).collect::<Result<Vec<_>>>()?;
        match chains.len() {
            1 => Ok(chains.remove(0)),
            _ => Ok(Box::new(Tee::new(chains))),
        }
    }
}

/// What is known of a stream when the job is built.
#[derive(Clone)]
pub(crate) struct StreamFacts {
    /// Name of the chain it belongs to.
    pub chain: Arc<str>,
    /// Tasks that produce it.
    pub width: usize,
    /// Whether its events have times: windows and timers need them.
    pub timed: bool,
    /// Whether it stands in the chain of a source, before any exchange.
    pub in_source: bool,
    /// Whether the stamps of its events never fall within a task.
    pub stamps_advance: bool,
}

/// Events of type `T`. A handle to a place in the job's graph: cheap, owned, and usable any number of times.
#[must_use = "a stream does nothing until it reaches a `.sink(…)`"]
pub struct Stream<T> {
    pub(crate) graph: Arc<Graph>,
    pub(crate) node: Arc<Node<T>>,
    pub(crate) operator: usize,
    pub(crate) facts: StreamFacts,
}

impl<T> Clone for Stream<T> {
    fn clone(&self) -> Self {
        let (graph, node, facts) = (self.graph.clone(), self.node.clone(), self.facts.clone());
        Stream { graph, node, operator: self.operator, facts }
    }
}

impl<T: Data> Stream<T> {
    pub(crate) fn new(
        graph: &Arc<Graph>,
        label: &str,
        at: &'static Location<'static>,
        needed: bool,
        facts: StreamFacts,
    ) -> Self {
        let operator = graph.operator(label, at, needed);
        let node = Arc::new(Node { consumers: Mutex::default() });
        Stream { graph: graph.clone(), node, operator, facts }
    }

    pub(crate) fn of_source<S: Source<Item = T>>(
        graph: &Arc<Graph>,
        name: &str,
        source: S,
        at: &'static Location<'static>,
    ) -> Stream<T> {
        graph.name(name, at);
        let partitions = source.partitions();
        let width = partitions.clamp(1, graph.config.parallelism.max(1));
        let chain: Arc<str> = name.into();
        let facts = StreamFacts { chain: chain.clone(), width, timed: false, in_source: true, stamps_advance: true };
        let stream = Stream::new(graph, name, at, true, facts);
        let source = Arc::new(source);
        graph.add_source(name, source.clone());
        let node = stream.node.clone();
        let build = move |build: &Build| -> Result<Box<dyn crate::task::Task>> {
            let mut sealing = build.sealing();
            let positions = build.restored_operator(&chain);
            let own = (0..partitions).filter(|partition| partition % width == build.subtask());
            let open = |partition: usize| {
                place::enter(&chain);
                let position = positions.get(&partition).copied().unwrap_or(0);
                let reader = source.open(partition, position as u64)?;
                Ok(PartitionReader { partition, reader, ready_at: Some(Duration::ZERO), skipped: 0 })
            };
            let readers = own.map(open).collect::<Result<Vec<_>>>()?;
            let mut no_state = build.state(&chain);
            build.restore(&mut sealing, &mut no_state)?;
            let mut chain_of_source = node.build(build)?;
            readers.iter().for_each(|r| chain_of_source.partition(Partition::Assigned(r.partition)));
            build.check_restored_operators()?;
            let task = SourceTask {
                name: chain.clone(),
                readers,
                chain: chain_of_source,
                batch: build.shared.batch,
                sealing,
                mailbox: build.mailbox(),
                clock: build.shared.clock.clone(),
                counts: build.counts.clone(),
                next: 0,
                values: Vec::new(),
                events: Vec::new(),
                ended: false,
                stopped: false,
                output_full: false,
                shutdown: false,
            };
            Ok(build.metered(Box::new(task), true))
        };
        graph.group(name, width, true, Box::new(build));
        stream
    }

    #[track_caller]
    pub(crate) fn attach(&self, attach: impl Fn(&Build) -> Result<Box<dyn Push<T>>> + Send + Sync + 'static) {
        self.graph.consumed(self.operator);
        self.node.consumers.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(attach));
    }

    #[track_caller]
    fn chain<U: Data, P: Push<T> + 'static>(
        &self,
        kind: &str,
        at: &'static Location<'static>,
        make: impl Fn(Arc<str>, &Build, Box<dyn Push<U>>) -> P + Send + Sync + 'static,
    ) -> Stream<U> {
        let child = Stream::new(&self.graph, kind, at, true, self.facts.clone());
        let node = child.node.clone();
        let label: Arc<str> = format!("{kind} at {at}").into();
        self.attach(move |build| Ok(Box::new(make(label.clone(), build, node.build(build)?))));
        child
    }

    #[track_caller]
    fn stateless<U: Data>(
        &self,
        kind: &str,
        at: &'static Location<'static>,
        body: impl Fn(&mut Vec<Event<T>>, &mut Vec<Event<U>>) -> Result<()> + Send + Sync + 'static,
    ) -> Stream<U> {
        let body = Arc::new(body);
        self.chain(kind, at, move |label, _, next| {
            let body = body.clone();
            Stateless::new(label, move |from: &mut Vec<Event<T>>, to: &mut Vec<Event<U>>| body(from, to), next)
        })
    }

    /// Gives events their time, and the stream its watermark. Before the first `key_by` only, where a watermark can
    /// follow one source partition.
    #[track_caller]
    pub fn event_time(
        &self,
        time: impl Fn(&T) -> Timestamp + Send + Sync + 'static,
        strategy: Watermarks,
    ) -> Stream<T> {
        let (time, at) = (Arc::new(time), Location::caller());
        if !self.facts.in_source {
            self.graph.problem(format!("`event_time` at {at} stands behind a keyed step: move it before the `key_by`"));
        }
        let state_name = format!("{}/event-time-{}", self.facts.chain, self.graph.next_event_time());
        let mut timed = self.chain("event_time", at, move |label, build, next| {
            let restored = build.restored_operator(&state_name).into_iter();
            AssignTime {
                label,
                state_name: state_name.clone(),
                time: time.clone(),
                strategy,
                watermarks: restored.map(|(partition, at)| (partition, Timestamp::from_millis(at))).collect(),
                current: 0,
                next,
            }
        });
        timed.facts.timed = true;
        timed
    }

    /// A stream whose times `make` gives, for the harness.
    #[cfg(feature = "testing")]
    #[track_caller]
    pub(crate) fn timed_by<U: Data>(
        &self,
        make: impl Fn(&Build, Box<dyn Push<U>>) -> Box<dyn Push<T>> + Send + Sync + 'static,
    ) -> Stream<U> {
        let facts = StreamFacts { timed: true, ..self.facts.clone() };
        let child = Stream::new(&self.graph, "timed_by", Location::caller(), true, facts);
        let node = child.node.clone();
        self.attach(move |build| Ok(make(build, node.build(build)?)));
        child
    }

    /// Turns each event into another.
    #[track_caller]
    pub fn map<U: Data>(&self, f: impl Fn(T) -> U + Send + Sync + 'static) -> Stream<U> {
        self.stateless("map", Location::caller(), move |from, to| {
            to.extend(from.drain(..).map(|event| {
                place::event_time(event.time);
                event.map(&f)
            }));
            Ok(())
        })
    }

    /// Turns each event into another, or fails: the first error stops the job, with place and event time.
    #[track_caller]
    pub fn try_map<U: Data, E: Into<Error>>(&self, f: impl Fn(T) -> Result<U, E> + Send + Sync + 'static) -> Stream<U> {
        self.stateless("try_map", Location::caller(), move |from, to| {
            for event in from.drain(..) {
                place::event_time(event.time);
                let (time, stamp) = (event.time, event.watermark());
                to.push(Event::stamped(f(event.value).map_err(Into::into)?, time, stamp));
            }
            Ok(())
        })
    }

    /// Keeps the events that `keep` says yes to.
    #[track_caller]
    pub fn filter(&self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Stream<T> {
        let keep = Arc::new(keep);
        self.chain("filter", Location::caller(), move |label, _, next| Filter { label, keep: keep.clone(), next })
    }

    /// Turns each event into any number of events, of the same time.
    #[track_caller]
    pub fn flat_map<I: IntoIterator<Item: Data>>(&self, f: impl Fn(T) -> I + Send + Sync + 'static) -> Stream<I::Item> {
        self.stateless("flat_map", Location::caller(), move |from, to| {
            for event in from.drain(..) {
                place::event_time(event.time);
                let (time, stamp) = (event.time, event.watermark());
                to.extend(f(event.value).into_iter().map(|value| Event::stamped(value, time, stamp)));
            }
            Ok(())
        })
    }

    /// Partitions the stream by a key, which the closure returns by value: what follows sees all events of a key in one
    /// task, with state of its own for each key.
    pub fn key_by<K: gress_state::StateKey>(&self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> KeyedStream<K, T> {
        let key: Arc<dyn KeyOf<K, T>> = Arc::new(key);
        KeyedStream::new(self.clone(), key)
    }

    /// Writes the stream to a sink. The name is the sink's identity in checkpoints.
    #[track_caller]
    pub fn sink(&self, name: &str, sink: impl Sink<T>) {
        self.graph.name(name, Location::caller());
        self.graph.add_sink(name, sink.committer());
        let name: Arc<str> = name.into();
        self.attach(move |build| {
            let context = build.writer_context(&name);
            let writer = sink.open(&context).map_err(|e| e.at(format!("sink `{name}`")))?;
            let (subtask, replay) = (context.subtask, context.replay);
            let counts = build.counts.clone();
            Ok(Box::new(SinkEnd { name: name.clone(), subtask, writer, replay, counts }))
        });
    }
}
