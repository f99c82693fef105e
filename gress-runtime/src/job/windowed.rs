//! Windowed streams and their aggregates.

use super::{
    build::Build,
    keyed::{KeyedStream, keyed_task},
    stream::Stream,
};
use crate::{
    operator::WindowOperator,
    window::{Tumbling, Windowed},
};
use gress_core::Data;
use gress_state::{Accumulator, FIRST_VERSION, StateKey, Version};
use std::{ops::Deref, panic::Location, sync::Arc};

/// A keyed stream whose events are grouped by windows.
#[must_use = "a window does nothing until an `.aggregate(…)` reaches a `.sink(…)`"]
pub struct WindowedStream<K, T> {
    pub(crate) keyed: KeyedStream<K, T>,
    pub(crate) windows: Tumbling,
}

impl<K: StateKey, T: Data> WindowedStream<K, T> {
    /// Aggregates each window and key incrementally: an accumulator is kept, not the events. A window fires once, when
    /// the watermark reaches its last millisecond; events that come later are late.
    #[track_caller]
    pub fn aggregate<A: Accumulator<T>>(&self, name: &str, empty: A) -> Aggregated<K, T, A::Out> {
        self.aggregate_versioned(name, empty, Version::new(FIRST_VERSION))
    }

    /// As [`WindowedStream::aggregate`], with accumulators of this version: those of older ones are migrated.
    #[track_caller]
    pub fn aggregate_versioned<A: Accumulator<T>>(
        &self,
        name: &str,
        empty: A,
        version: Version<A>,
    ) -> Aggregated<K, T, A::Out> {
        let at = Location::caller();
        let graph = &self.keyed.stream.graph;
        graph.name(name, at);
        if !self.keyed.stream.facts.timed {
            graph.problem(format!(
                "the window `{name}` at {at} has no event time: add `.event_time(…)` after its source"
            ));
        }
        if let Some(problem) = version.problem() {
            graph.problem(format!("the accumulator of `{name}` at {at} {problem}"));
        }
        let exchange = self.keyed.exchange(name);
        let facts = self.keyed.facts_behind(name);
        let stream = Stream::new(graph, name, at, true, facts.clone());
        let late = Stream::new(graph, &format!("late events of `{name}`"), at, false, facts);
        let (windows, label) = (self.windows, Arc::<str>::from(name));
        let (out, late_out) = (stream.node.clone(), late.node.clone());
        let build = move |build: &Build| {
            let mut state = build.state(&label);
            let operator = WindowOperator {
                label: label.clone(),
                windows,
                empty: empty.clone(),
                accumulators: state.windows("windows").version(version.clone()),
                state,
                firing: None,
                out: Vec::new(),
                next: out.build(build)?,
                late: Vec::new(),
                late_next: late_out.build(build)?,
                counts: build.counts.clone(),
            };
            keyed_task(operator, &exchange, build)
        };
        graph.group(name, self.keyed.parallelism(), false, Box::new(build));
        Aggregated { stream, late }
    }
}

/// Results of windows (it derefs to their stream), and the events that came too late for theirs.
#[must_use = "a stream does nothing until it reaches a `.sink(…)`"]
pub struct Aggregated<K, T, O> {
    stream: Stream<Windowed<K, O>>,
    late: Stream<T>,
}

impl<K, T, O> Aggregated<K, T, O> {
    /// Events that no window took. Unused, they are counted.
    pub fn late(&self) -> &Stream<T> {
        &self.late
    }
}

impl<K, T, O> Deref for Aggregated<K, T, O> {
    type Target = Stream<Windowed<K, O>>;
    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}
