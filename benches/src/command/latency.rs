//! Latencies under a load that does not wait: requests arrive at a fixed rate, half of what the state can do at most, and
//! a request's time counts from the moment it was due, also where the one before it was late.
//!
//! Compaction follows from the writes, and checkpoints are taken on another thread, as they would be in production.

mod checkpoints;
mod load;

use crate::{
    key_value::{KeyValue, Subject, fill},
    keys::{Keys, Skew},
    latencies::Latencies,
    report::{
        Cell::{Count, Ratio},
        Report, Row,
    },
    shared::Shared,
    values::Values,
};
use checkpoints::while_checkpointing;
use clap::ValueEnum;
use gress_core::ByteSize;
use gress_runtime::{Error, Result};
use gress_state_rocksdb::{Preset, RocksDbConfig};
use load::{Load, Outcome};
use std::{path::Path, time::Duration};

#[derive(clap::Args)]
pub(crate) struct Latency {
    /// Where most of the state is read from.
    #[arg(long, value_delimiter = ',', default_values = ["cached", "disk"])]
    from: Vec<From>,
    /// Seconds of the search for the peak and of the measurement of each state, over all rounds [default: 60; short: 5].
    #[arg(long)]
    seconds: Option<f64>,
    /// In how many parts each state is measured, in turns; all of one state count together.
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Seconds from one checkpoint to the next [default: 10; short: 1].
    #[arg(long)]
    checkpoint_seconds: Option<f64>,
    /// Requests a second [default: half of the peak of Gress].
    #[arg(long)]
    rate: Option<f64>,
    /// Size of the block cache [default: the preset's; short: 16MiB].
    #[arg(long)]
    cache: Option<ByteSize>,
    /// Whose options are used.
    #[arg(long, default_value_t = Preset::LowLatency)]
    preset: Preset,
    /// An option that differs from the preset, as in a config; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
    /// Bytes of a value.
    #[arg(long, default_value_t = 1024)]
    value: usize,
    /// Of 100 requests, how many are gets; the others are puts.
    #[arg(long, default_value_t = 90)]
    gets: u64,
}

/// What a read that finds nothing in a write buffer costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    /// The state is half as large as the block cache.
    Cached,
    /// The state is twice as large, and reads go past the system's page cache, so that a miss waits for the disk.
    Disk,
}

impl From {
    /// The p99 that is wanted, and the one that would be good.
    fn limits(self) -> (Duration, Duration) {
        match self {
            From::Cached => (Duration::from_millis(1), Duration::from_micros(100)),
            From::Disk => (Duration::from_millis(10), Duration::from_millis(1)),
        }
    }

    fn name(self) -> &'static str {
        match self {
            From::Cached => "cached",
            From::Disk => "disk",
        }
    }
}

impl Latency {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let mut report = Report::new("latency");
        report.setting("preset", self.preset);
        self.set.iter().for_each(|(key, value)| report.setting(key, value));
        report.setting("bytes of a value", self.value);
        report.setting("gets of 100", self.gets);
        report.setting("keys", Skew::Zipf.name());
        report.setting("seconds", shared.seconds(self.seconds, 60.0, 5.0).as_secs_f64());
        report.setting("seed", shared.seed);
        self.from.iter().try_for_each(|from| self.measure(*from, shared, &mut report))?;
        Ok(report)
    }

    fn measure(&self, from: From, shared: &Shared, report: &mut Report) -> Result<()> {
        let scratch = shared.scratch()?;
        let config = self.config(from, shared)?;
        let cache = config.effective().block_cache_size;
        let size = match from {
            From::Cached => cache.0 / 2,
            From::Disk => cache.0 * 2,
        };
        let count = (size / (16 + self.value as u64)).max(1);
        report.setting(&format!("{}, keys", from.name()), count);
        let load = Load {
            keys: Keys::draw(Skew::Zipf, count, shared.seed)?,
            values: Values::new(self.value, shared.seed),
            gets: self.gets,
            seconds: shared.seconds(self.seconds, 60.0, 5.0) / self.rounds.max(1),
        };
        let bench = Bench { from, load, checkpoint_each: shared.seconds(self.checkpoint_seconds, 10.0, 1.0) };
        let open = |folder: &str, subject: Subject| {
            let state = subject.open(&scratch.path().join(folder))?;
            fill(&*state, count, &bench.load.values)?;
            Measured::new(subject.name(), state)
        };
        let mut states = [open("gress", Subject::Gress(config.clone()))?, open("raw", Subject::Raw(config))?];
        self.in_turns(&mut states, |measured| bench.peak(measured, scratch.path()))?;
        let rate = self.rate.unwrap_or(states[0].peak.per_second() / 2.0);
        self.in_turns(&mut states, |measured| bench.at_rate(measured, rate, scratch.path()))?;
        bench.report(&states, rate, report);
        states.iter().try_for_each(|measured| measured.state.close())
    }

    /// Measures each state in each round, while the other one rests.
    fn in_turns(&self, states: &mut [Measured; 2], mut measure: impl FnMut(&mut Measured) -> Result<()>) -> Result<()> {
        for round in 0..self.rounds.max(1) {
            // Whoever was last is first in the next round.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for at in order {
                // Else one pays for what was written to the other.
                states.iter().try_for_each(|measured| settle(&*measured.state))?;
                measure(&mut states[at])?;
            }
        }
        Ok(())
    }

    fn config(&self, from: From, shared: &Shared) -> Result<RocksDbConfig> {
        let mut config = RocksDbConfig { preset: self.preset, ..RocksDbConfig::default() };
        config.block_cache_size = self.cache.or(shared.short.then_some(ByteSize::mib(16)));
        if from == From::Disk {
            config = config.allow_mmap_reads(false).use_direct_reads(true);
        }
        for (key, value) in &self.set {
            config.set(key, value).map_err(|reason| Error::config(format!("`--set {key}={value}`: {reason}")))?;
        }
        Ok(config)
    }
}

fn key_and_value(text: &str) -> std::result::Result<(String, String), String> {
    let parts = text.split_once('=').ok_or("valid is KEY=VALUE, as `block_size=8KiB`")?;
    Ok((parts.0.trim().to_owned(), parts.1.to_owned()))
}

struct Bench {
    from: From,
    load: Load,
    checkpoint_each: Duration,
}

/// A state, and what was found.
struct Measured {
    name: String,
    state: Box<dyn KeyValue>,
    /// Requests in a closed loop.
    peak: Latencies,
    outcome: Outcome,
    /// The request that comes next: what was read a round ago is not read again because it was.
    next: u64,
}

impl Bench {
    /// The most requests a second, over as long a time as is measured later, with compaction and checkpoints.
    fn peak(&self, measured: &mut Measured, folder: &Path) -> Result<()> {
        let (state, next) = (&*measured.state, measured.next);
        let run = || self.load.as_fast_as_possible(state, next);
        let (peak, _) = while_checkpointing(state, folder, self.checkpoint_each, run)?;
        measured.next += peak.count();
        measured.peak.add(&peak)
    }

    fn at_rate(&self, measured: &mut Measured, rate: f64, folder: &Path) -> Result<()> {
        let (state, next) = (&*measured.state, measured.next);
        let compacted = state.number(COMPACTED)?;
        let run = || self.load.at_rate(state, next, rate);
        let (mut outcome, checkpoints) = while_checkpointing(state, folder, self.checkpoint_each, run)?;
        outcome.checkpoints = checkpoints;
        outcome.compacted_bytes = state.number(COMPACTED)? - compacted;
        measured.next += outcome.all.count();
        measured.outcome.add(&outcome)
    }

    fn report(&self, states: &[Measured; 2], rate: f64, report: &mut Report) {
        let rows: Vec<Row> = states.iter().flat_map(|measured| measured.rows(rate)).collect();
        report.table(&format!("latency, {}", self.from.name()), &rows);
        let [gress, raw] = states;
        let (ours, theirs) = (&gress.outcome.all, &raw.outcome.all);
        let ratio = |quantile| ours.at(quantile).as_secs_f64() / theirs.at(quantile).as_secs_f64().max(1e-9);
        let ratios = Row::default()
            .with("p50", Ratio(ratio(0.5)))
            .with("p99", Ratio(ratio(0.99)))
            .with("p99.9", Ratio(ratio(0.999)))
            .with("max", Ratio(ours.max().as_secs_f64() / theirs.max().as_secs_f64().max(1e-9)))
            .with("peak", Ratio(gress.peak.per_second() / raw.peak.per_second()));
        report.table(&format!("Gress to raw RocksDB, {}", self.from.name()), &[ratios]);
        let name = self.from.name();
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let (limit, goal) = self.from.limits();
        report.at_most(&format!("{name}: p99, µs"), micros(ours.at(0.99)), micros(limit));
        report.at_most(&format!("{name}: p99, µs, as a goal"), micros(ours.at(0.99)), micros(goal));
        report.at_most(&format!("{name}: p50 to raw RocksDB"), ratio(0.5), 1.1);
        report.at_most(&format!("{name}: p99 to raw RocksDB"), ratio(0.99), 1.5);
    }
}

/// Waits until nothing is flushed or compacted any more.
fn settle(state: &dyn KeyValue) -> Result<()> {
    const QUIET: [&str; 4] = [
        "rocksdb.num-running-flushes",
        "rocksdb.num-running-compactions",
        "rocksdb.mem-table-flush-pending",
        "rocksdb.compaction-pending",
    ];
    loop {
        let running = QUIET.iter().map(|name| state.number(name)).sum::<Result<u64>>()?;
        if running == 0 {
            return Ok(());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// RocksDB's counter of bytes that compactions have written.
const COMPACTED: &str = "rocksdb.compact.write.bytes";

impl Measured {
    fn new(name: String, state: Box<dyn KeyValue>) -> Result<Self> {
        Ok(Measured { name, state, peak: Latencies::new()?, outcome: Outcome::new()?, next: 0 })
    }

    fn rows(&self, rate: f64) -> Vec<Row> {
        let Outcome { all, gets, puts, checkpoints, compacted_bytes } = &self.outcome;
        let kinds = [("all", all), ("get", gets), ("put", puts)];
        let row = |(kind, latencies): (&'static str, &crate::latencies::Latencies)| {
            let row = Row::default()
                .with("state", self.name.as_str())
                .with("peak/s", Count(self.peak.per_second() as u64))
                .with("rate/s", Count(rate as u64))
                .with("served/s", Count(latencies.per_second() as u64))
                .with("checkpoints", Count(*checkpoints))
                .with("compacted MiB", Count(compacted_bytes >> 20))
                .with("requests", kind);
            latencies.append_to(row)
        };
        kinds.map(row).into()
    }
}
