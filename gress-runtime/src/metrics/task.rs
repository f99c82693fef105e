//! The handles of one task, and how its numbers come into them.

use super::{
    counts::TaskCounts,
    labels::{Labels, Total},
    names,
    reading::{StateReading, TaskReading},
    store::BackendMetrics,
};
use gress_core::Timestamp;
use gress_state::Reading;
use metrics::Gauge;
use std::{collections::BTreeMap, time::Duration};

/// What the task has been doing, in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TimeSpent {
    pub busy: Duration,
    pub idle: Duration,
    pub backpressured: Duration,
}

/// Everything that one task publishes.
pub(crate) struct TaskMetrics {
    labels: Labels,
    events_in: Total,
    events_out: Total,
    busy: Total,
    idle: Total,
    backpressured: Total,
    /// In the task of a source: records of the whole job, and bad records.
    source: Option<(Total, Total)>,
    /// In a keyed task.
    late: Option<Total>,
    /// Made with the first watermark: before it there is none.
    watermark: Option<(Gauge, Gauge)>,
    input: Option<(Gauge, Gauge)>,
    budget: Option<Gauge>,
    states: BTreeMap<String, StateMetrics>,
    backend: BackendMetrics,
}

impl TaskMetrics {
    pub(super) fn new(job: &Labels, task: &gress_core::TaskId, is_source: bool) -> Self {
        let labels = job.of_task(task);
        TaskMetrics {
            events_in: labels.total(&names::TASK_EVENTS_IN),
            events_out: labels.total(&names::TASK_EVENTS_OUT),
            busy: labels.total(&names::TASK_BUSY),
            idle: labels.total(&names::TASK_IDLE),
            backpressured: labels.total(&names::TASK_BACKPRESSURED),
            source: is_source.then(|| (job.total(&names::EVENTS), labels.total(&names::SKIPPED_RECORDS))),
            late: (!is_source).then(|| labels.total(&names::LATE_EVENTS)),
            watermark: None,
            input: None,
            budget: None,
            states: BTreeMap::new(),
            backend: BackendMetrics::new(labels.clone()),
            labels,
        }
    }

    /// Publishes the counters and the watermark. `wall` is the time since 1970.
    pub(super) fn counts(&mut self, counts: &TaskCounts, spent: TimeSpent, wall: Duration) {
        self.events_in.is(counts.events_in());
        self.events_out.is(counts.events_out());
        self.busy.is(millis(spent.busy));
        self.idle.is(millis(spent.idle));
        self.backpressured.is(millis(spent.backpressured));
        if let Some((events, skipped)) = &mut self.source {
            events.is(counts.events_in());
            skipped.is(counts.skipped());
        }
        if let Some(late) = &mut self.late {
            late.is(counts.late_events());
        }
        self.watermark(counts.watermark(), wall);
    }

    /// At the end of the input the watermark stays where it was last, and nothing lags any more.
    fn watermark(&mut self, watermark: Timestamp, wall: Duration) {
        if watermark == Timestamp::MIN || (watermark == Timestamp::MAX && self.watermark.is_none()) {
            return;
        }
        let labels = &self.labels;
        let make = || (labels.gauge(&names::TASK_WATERMARK), labels.gauge(&names::TASK_WATERMARK_LAG));
        let (at, lag) = self.watermark.get_or_insert_with(make);
        if watermark == Timestamp::MAX {
            lag.set(0.0);
            return;
        }
        let seconds = watermark.as_millis() as f64 / 1e3;
        at.set(seconds);
        lag.set(wall.as_secs_f64() - seconds);
    }

    pub(super) fn reading(&mut self, reading: TaskReading) {
        let labels = &self.labels;
        if let Some((packets, capacity)) = reading.input_packets {
            let make = || (labels.gauge(&names::TASK_INPUT_PACKETS), labels.gauge(&names::TASK_INPUT_CAPACITY));
            let (packets_now, room) = self.input.get_or_insert_with(make);
            packets_now.set(packets as f64);
            room.set(capacity as f64);
        }
        if let Some(budget) = reading.budget_bytes {
            self.budget.get_or_insert_with(|| labels.gauge(&names::STATE_BUDGET)).set(budget as f64);
        }
        for state in reading.states {
            let name = state.name.as_str();
            if !self.states.contains_key(name) {
                // The operator is a label of its own.
                let short = name.split_once('/').map_or(name, |(_, state)| state);
                self.states.insert(name.to_owned(), StateMetrics::new(&labels.with("state", short)));
            }
            if let Some(metrics) = self.states.get_mut(name) {
                metrics.publish(&state);
            }
        }
    }

    pub(super) fn backend(&mut self, readings: Vec<Reading>) {
        self.backend.publish(readings);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The handles of one state.
struct StateMetrics {
    table_bytes: Gauge,
    sealed_bytes: Gauge,
    storing_bytes: Gauge,
    entries: Gauge,
    dirty_entries: Gauge,
    dirty_bytes: Gauge,
    runs: Gauge,
    checkpoint_bytes: Gauge,
    hits: Total,
    misses: Total,
    spills: Total,
    spilled: Total,
}

impl StateMetrics {
    fn new(labels: &Labels) -> Self {
        let part = |part: &str| labels.with("part", part).gauge(&names::STATE_MEMORY);
        StateMetrics {
            table_bytes: part("table"),
            sealed_bytes: part("sealed"),
            storing_bytes: part("storing"),
            entries: labels.gauge(&names::STATE_ENTRIES),
            dirty_entries: labels.gauge(&names::STATE_DIRTY_ENTRIES),
            dirty_bytes: labels.gauge(&names::STATE_DIRTY_BYTES),
            runs: labels.gauge(&names::STATE_RUNS),
            checkpoint_bytes: labels.gauge(&names::STATE_CHECKPOINT_BYTES),
            hits: labels.total(&names::STATE_HITS),
            misses: labels.total(&names::STATE_MISSES),
            spills: labels.total(&names::STATE_SPILLS),
            spilled: labels.total(&names::STATE_SPILLED),
        }
    }

    fn publish(&mut self, StateReading { table, storing_bytes, runs, checkpoint_bytes, .. }: &StateReading) {
        self.table_bytes.set(table.table_bytes as f64);
        self.sealed_bytes.set(table.sealed_bytes as f64);
        self.storing_bytes.set(*storing_bytes as f64);
        self.entries.set(table.entries as f64);
        self.dirty_entries.set(table.dirty_entries as f64);
        self.dirty_bytes.set(table.dirty_bytes as f64);
        self.runs.set(*runs as f64);
        self.checkpoint_bytes.set(*checkpoint_bytes as f64);
        self.hits.is(table.hits);
        self.misses.is(table.misses);
        self.spills.is(table.spills);
        self.spilled.is(table.spilled_bytes);
    }
}
