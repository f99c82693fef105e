//! What checkpoints take from the task whose state they seal: the time of about a thousand events, with a checkpoint each
//! second that seals a million changed entries, and without any.
//!
//! Time on a processor is what the task does itself; beside it stands wall time, which also has what else the machine does.

use crate::{
    engine::{MEMORY, gress::Settings},
    latencies::Latencies,
    report::{
        Cell::{Count, Time},
        Report, Row,
    },
    shared::Shared,
    thread_time::ThreadTime,
    workload::Workload,
};
use gress_runtime::{
    CheckpointId, Clock, SystemClock,
    prelude::*,
    sink::{Committer, Prepare, Sink, Writer, WriterContext},
    source::{ReadStatus, Reader, Source},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

#[derive(clap::Args)]
pub(crate) struct Pauses {
    /// Seconds of each run [default: 30; short: 2].
    #[arg(long)]
    seconds: Option<f64>,
    /// Distinct keys, nearly all of which change from one checkpoint to the next [default: 1000000; short: 100000].
    #[arg(long)]
    keys: Option<u64>,
    /// Milliseconds from one checkpoint to the next [default: 1000; short: 200].
    #[arg(long)]
    interval_millis: Option<u64>,
}

/// Events whose time is taken together.
const BATCH: u64 = 1_000;

impl Pauses {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let run = Run {
            seconds: shared.seconds(self.seconds, 30.0, 2.0),
            keys: shared.or(self.keys, 1_000_000, 100_000),
            interval: Duration::from_millis(shared.or(self.interval_millis, 1_000, 200)),
        };
        let mut report = Report::new("pauses");
        report.setting("seconds of each run", run.seconds.as_secs_f64());
        report.setting("keys", run.keys);
        report.setting("milliseconds between checkpoints", run.interval.as_millis());
        report.setting("events whose time is taken together", BATCH);
        let without = run.measure(false, shared)?;
        let with = run.measure(true, shared)?;
        let rows = [("none", &without), ("one an interval", &with)].map(|(name, measured)| measured.rows(name));
        report.table(&format!("time of {BATCH} events in the task"), &rows.concat());
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let above = |of: fn(&Latencies) -> Duration| millis(of(&with.cpu)) - millis(of(&without.cpu));
        report.at_most("processor time with checkpoints: p99.9, ms", millis(with.cpu.at(0.999)), 0.5);
        report.at_most("processor time, above that without: max, ms", above(Latencies::max), 5.0);
        Ok(report)
    }
}

/// What is told to both runs.
struct Run {
    seconds: Duration,
    keys: u64,
    interval: Duration,
}

impl Run {
    fn measure(&self, checkpoints: bool, shared: &Shared) -> Result<Measured> {
        let scratch = shared.scratch()?;
        let mut config = Settings { checkpoints, ..Settings::durable(MEMORY) }.config(scratch.path());
        config.checkpoint.interval = self.interval;
        let measured = Arc::new(Mutex::new(Measured::new()?));
        let barriers = Barriers::default();
        let job = Job::new(config);
        let (keys, into, passed) = (self.keys, measured.clone(), barriers.clone());
        job.source("keys", AsFastAsPossible { workload: Workload::uniform(keys, u64::MAX), seconds: self.seconds })
            .key_by(|key| *key)
            .process("count", move |state| Counter {
                seen: state.value("seen"),
                meter: None,
                changed: Changed::new(keys),
                barriers: passed.clone(),
                into: into.clone(),
                events: 0,
            })
            .sink("barriers", barriers);
        let report = job.run()?;
        let mut measured = std::mem::replace(&mut *locked(&measured), Measured::new()?);
        measured.checkpoints = report.progress.checkpoints;
        measured.events_per_second = report.progress.events as f64 / report.took.as_secs_f64().max(1e-9);
        Ok(measured)
    }
}

/// What came of a run.
struct Measured {
    cpu: Latencies,
    wall: Latencies,
    checkpoints: u64,
    events_per_second: f64,
    /// Of each barrier, how many keys have changed since the one before.
    sealed: Vec<u64>,
}

impl Measured {
    fn new() -> Result<Self> {
        let (cpu, wall) = (Latencies::new()?, Latencies::new()?);
        Ok(Measured { cpu, wall, checkpoints: 0, events_per_second: 0.0, sealed: Vec::new() })
    }

    fn rows(&self, checkpoints: &str) -> Vec<Row> {
        // The last barrier comes at the end of the input, whenever that is.
        let sealed = self.sealed.split_last().map_or(&[][..], |(_, sealed)| sealed);
        let mean = sealed.iter().sum::<u64>() / (sealed.len() as u64).max(1);
        let row = |(time, latencies): (&'static str, &Latencies)| {
            let row = Row::default()
                .with("checkpoints", checkpoints)
                .with("completed", Count(self.checkpoints))
                .with("entries each", Count(mean))
                .with("events/s", Count(self.events_per_second as u64))
                .with("time", time);
            latencies.append_to(row).with("mean", Time(latencies.mean()))
        };
        [("processor", &self.cpu), ("wall", &self.wall)].map(row).into()
    }
}

fn locked(measured: &Mutex<Measured>) -> std::sync::MutexGuard<'_, Measured> {
    measured.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts, and takes the time of each [`BATCH`] events once all keys are there.
struct Counter {
    seen: ValueState<u64, u64>,
    /// Of the thread that this runs on; `None` until the first batch that is measured.
    meter: Option<Meter>,
    changed: Changed,
    barriers: Barriers,
    into: Arc<Mutex<Measured>>,
    events: u64,
}

struct Meter {
    thread: ThreadTime,
    clock: SystemClock,
    cpu: Duration,
    wall: Duration,
}

impl Process<u64, u64> for Counter {
    type Out = u64;
    #[inline]
    fn on_event(&mut self, key: &Key<u64>, event: Event<u64>, _: &mut Output<u64>) -> Result<()> {
        *self.seen.entry(key)?.or_insert(0) += 1;
        self.changed.note(event.value);
        self.events += 1;
        if self.events.is_multiple_of(BATCH) { self.batch_ends() } else { Ok(()) }
    }
}

impl Counter {
    fn batch_ends(&mut self) -> Result<()> {
        let barriers = self.barriers.0.load(Relaxed);
        // In the first round the table grows, with checkpoints or without.
        if self.events < 2 * self.changed.keys {
            self.changed.restart(barriers);
            return Ok(());
        }
        let Some(meter) = &mut self.meter else {
            let (thread, clock) = (ThreadTime::of_this_thread()?, SystemClock::start());
            let (cpu, wall) = (thread.now()?, clock.now());
            self.meter = Some(Meter { thread, clock, cpu, wall });
            return Ok(());
        };
        let (cpu, wall) = (meter.thread.now()?, meter.clock.now());
        let mut into = locked(&self.into);
        into.cpu.record(cpu.saturating_sub(meter.cpu));
        into.wall.record(wall.saturating_sub(meter.wall));
        (meter.cpu, meter.wall) = (cpu, wall);
        if barriers != self.changed.barriers {
            into.sealed.push(self.changed.count);
            self.changed.restart(barriers);
        }
        Ok(())
    }
}

/// Which keys have changed since a barrier, to within a batch.
struct Changed {
    keys: u64,
    bits: Vec<u64>,
    count: u64,
    barriers: u64,
}

impl Changed {
    fn new(keys: u64) -> Self {
        Changed { keys, bits: vec![0; keys.div_ceil(64) as usize], count: 0, barriers: 0 }
    }

    #[inline]
    fn note(&mut self, key: u64) {
        let (word, bit) = (&mut self.bits[key as usize / 64], 1 << (key % 64));
        self.count += u64::from(*word & bit == 0);
        *word |= bit;
    }

    fn restart(&mut self, barriers: u64) {
        self.bits.fill(0);
        (self.count, self.barriers) = (0, barriers);
    }
}

/// A sink that drops everything and counts barriers, which tasks never see.
#[derive(Clone, Default)]
struct Barriers(Arc<AtomicU64>);

impl Sink<u64> for Barriers {
    fn open(&self, _: &WriterContext) -> Result<Box<dyn Writer<u64>>> {
        Ok(Box::new(self.clone()))
    }

    fn committer(&self) -> Option<Arc<dyn Committer>> {
        None
    }
}

impl Writer<u64> for Barriers {
    fn write(&mut self, events: &mut Vec<Event<u64>>) -> Result<()> {
        events.clear();
        Ok(())
    }

    fn prepare(&mut self, _: CheckpointId) -> Result<Option<Prepare>> {
        self.0.fetch_add(1, Relaxed);
        Ok(None)
    }
}

/// All keys in turn, then keys of the workload, until the time is over.
#[derive(Clone)]
struct AsFastAsPossible {
    workload: Workload,
    seconds: Duration,
}

impl Source for AsFastAsPossible {
    type Item = u64;

    fn fingerprint(&self) -> Result<String> {
        Ok(format!("keys-{}-for-{:?}", self.workload.keys, self.seconds))
    }

    fn open(&self, _: usize, position: u64) -> Result<Box<dyn Reader<u64>>> {
        Ok(Box::new(Keys { source: self.clone(), next: position }))
    }
}

struct Keys {
    source: AsFastAsPossible,
    next: u64,
}

impl Reader<u64> for Keys {
    fn read(&mut self, into: &mut Vec<u64>, max: usize, now: Duration) -> Result<ReadStatus> {
        let workload = &self.source.workload;
        let end = self.next + max as u64;
        into.extend((self.next..end).map(|n| if n < workload.keys { n } else { workload.key(n) }));
        self.next = end;
        Ok(if now < self.source.seconds { ReadStatus::More } else { ReadStatus::End })
    }

    fn position(&self) -> u64 {
        self.next
    }
}
