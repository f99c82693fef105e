//! How long events take through a whole job, from the source to the sink's writer: source, exchange, a count by key on
//! RocksDB with a checkpoint each second, sink.
//!
//! Events arrive at a fixed rate, whether or not the job keeps up, and the time of each counts from the moment when it was
//! due. The second rate is half of what the job can do at most, which is measured first.

use crate::{
    engine::{MEMORY, gress::Settings},
    latencies::Latencies,
    report::{Cell::Count, Report, Row},
    shared::Shared,
    workload::Workload,
};
use gress_runtime::{
    CheckpointId, Clock, SystemClock,
    prelude::*,
    sink::{Committer, Prepare, Sink, Writer, WriterContext},
    source::{ReadStatus, Reader, Source},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

#[derive(clap::Args)]
pub(crate) struct EndToEnd {
    /// Seconds of each rate, the search for the peak included [default: 30; short: 1].
    #[arg(long)]
    seconds: Option<f64>,
    /// Seconds before them whose events are not timed: the state is opened, and its table grows [default: 5; short: 0.5].
    #[arg(long)]
    warm_up_seconds: Option<f64>,
    /// Events a second, before half of the peak is measured.
    #[arg(long, default_value_t = 50_000)]
    rate: u64,
    /// Distinct keys [default: 1000000; short: 10000].
    #[arg(long)]
    keys: Option<u64>,
}

/// An event as the source gives it. It is due so many nanoseconds after the clock has started.
#[derive(Clone, Copy)]
struct Arrival {
    key: u64,
    due: u64,
}

impl EndToEnd {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let run = Run {
            keys: shared.or(self.keys, 1_000_000, 10_000),
            warm_up: shared.seconds(self.warm_up_seconds, 5.0, 0.5),
            seconds: shared.seconds(self.seconds, 30.0, 1.0),
        };
        let mut report = Report::new("end-to-end");
        report.setting("keys", run.keys);
        report.setting("seconds of each rate", run.seconds.as_secs_f64());
        report.setting("seconds of warming up", run.warm_up.as_secs_f64());
        let peak = run.measure(None, shared)?;
        let half = (peak.latencies.per_second() / 2.0).max(1.0);
        let slow = run.measure(Some(self.rate.max(1) as f64), shared)?;
        let fast = run.measure(Some(half), shared)?;
        let rows = [peak.row("as fast as possible"), slow.row("fixed"), fast.row("half of the peak")];
        report.table("from the source to the sink", &rows);
        let millis = |measured: &Measured| measured.latencies.at(0.99).as_secs_f64() * 1e3;
        report.at_most(&format!("{} events/s: p99, ms", self.rate), millis(&slow), 5.0);
        report.at_most("half of the peak: p99, ms", millis(&fast), 20.0);
        Ok(report)
    }
}

/// What is told to the run of each rate.
struct Run {
    keys: u64,
    warm_up: Duration,
    seconds: Duration,
}

impl Run {
    /// Without a rate, events are due when the job has room for them.
    fn measure(&self, rate: Option<f64>, shared: &Shared) -> Result<Measured> {
        let scratch = shared.scratch()?;
        let config = Settings::durable(MEMORY).config(scratch.path());
        let clock = Arc::new(SystemClock::start());
        let arrivals = Arrivals {
            workload: Workload::uniform(self.keys, u64::MAX),
            rate,
            end: self.warm_up + self.seconds,
            clock: clock.clone(),
            begun: Arc::default(),
        };
        let sink = Arrived {
            clock,
            begun: arrivals.begun.clone(),
            warm_up: self.warm_up,
            latencies: Arc::new(Mutex::new(Latencies::new()?)),
        };
        let latencies = sink.latencies.clone();
        let job = Job::new(config);
        job.source("arrivals", arrivals)
            .key_by(|arrival| arrival.key)
            .process("count", |state| Counter { seen: state.value("seen") })
            .sink("arrived", sink);
        let report = job.run()?;
        let mut latencies = std::mem::replace(&mut *locked(&latencies), Latencies::new()?);
        latencies.wall = self.seconds;
        Ok(Measured { rate, latencies, checkpoints: report.progress.checkpoints })
    }
}

/// What came of a run.
struct Measured {
    rate: Option<f64>,
    latencies: Latencies,
    checkpoints: u64,
}

impl Measured {
    fn row(&self, name: &str) -> Row {
        let arrived = self.latencies.per_second();
        let row = Row::default()
            .with("rate", name)
            .with("due/s", Count(self.rate.unwrap_or(arrived) as u64))
            .with("arrived/s", Count(arrived as u64))
            .with("checkpoints", Count(self.checkpoints));
        self.latencies.append_to(row)
    }
}

struct Counter {
    seen: ValueState<u64, u64>,
}

impl Process<u64, Arrival> for Counter {
    type Out = u64;
    #[inline]
    fn on_event(&mut self, key: &Key<u64>, event: Event<Arrival>, output: &mut Output<u64>) -> Result<()> {
        *self.seen.entry(key)?.or_insert(0) += 1;
        output.emit(event.value.due);
        Ok(())
    }
}

/// Arrivals at a fixed rate, from the first read on.
#[derive(Clone)]
struct Arrivals {
    workload: Workload,
    rate: Option<f64>,
    /// Counted from the first read, as is what is due.
    end: Duration,
    clock: Arc<SystemClock>,
    begun: Begun,
}

/// When the source was read for the first time.
type Begun = Arc<std::sync::OnceLock<Duration>>;

impl Source for Arrivals {
    type Item = Arrival;

    fn fingerprint(&self) -> Result<String> {
        Ok(format!("arrivals-{}-at-{:?}-for-{:?}", self.workload.keys, self.rate, self.end))
    }

    fn open(&self, _: usize, position: u64) -> Result<Box<dyn Reader<Arrival>>> {
        Ok(Box::new(Schedule { arrivals: self.clone(), next: position }))
    }
}

struct Schedule {
    arrivals: Arrivals,
    next: u64,
}

impl Schedule {
    fn append(&mut self, into: &mut Vec<Arrival>, due: Duration) {
        into.push(Arrival { key: self.arrivals.workload.key(self.next), due: due.as_nanos() as u64 });
        self.next += 1;
    }

    fn as_fast_as_possible(&mut self, into: &mut Vec<Arrival>, max: usize, now: Duration, end: Duration) -> ReadStatus {
        if now >= end {
            return ReadStatus::End;
        }
        (0..max).for_each(|_| self.append(into, now));
        ReadStatus::More
    }
}

impl Reader<Arrival> for Schedule {
    fn read(&mut self, into: &mut Vec<Arrival>, max: usize, job_now: Duration) -> Result<ReadStatus> {
        let now = self.arrivals.clock.now();
        let begun = *self.arrivals.begun.get_or_init(|| now);
        let end = begun + self.arrivals.end;
        let Some(rate) = self.arrivals.rate else { return Ok(self.as_fast_as_possible(into, max, now, end)) };
        for _ in 0..max {
            let due = begun + Duration::from_secs_f64(self.next as f64 / rate);
            if due >= end {
                return Ok(ReadStatus::End);
            }
            if due > now {
                return Ok(ReadStatus::NotBefore(job_now + (due - now)));
            }
            self.append(into, due);
        }
        Ok(ReadStatus::More)
    }

    fn position(&self) -> u64 {
        self.next
    }
}

/// A sink that takes the time of each event that reaches it.
#[derive(Clone)]
struct Arrived {
    clock: Arc<SystemClock>,
    begun: Begun,
    warm_up: Duration,
    latencies: Arc<Mutex<Latencies>>,
}

fn locked(latencies: &Mutex<Latencies>) -> MutexGuard<'_, Latencies> {
    latencies.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sink<u64> for Arrived {
    fn open(&self, _: &WriterContext) -> Result<Box<dyn Writer<u64>>> {
        Ok(Box::new(self.clone()))
    }

    fn committer(&self) -> Option<Arc<dyn Committer>> {
        None
    }
}

impl Writer<u64> for Arrived {
    fn write(&mut self, events: &mut Vec<Event<u64>>) -> Result<()> {
        let now = self.clock.now();
        let timed_from = self.begun.get().copied().unwrap_or_default() + self.warm_up;
        let mut latencies = locked(&self.latencies);
        for event in events.drain(..) {
            let due = Duration::from_nanos(event.value);
            if due >= timed_from {
                latencies.record(now.saturating_sub(due));
            }
        }
        Ok(())
    }

    fn prepare(&mut self, _: CheckpointId) -> Result<Option<Prepare>> {
        Ok(None)
    }
}
