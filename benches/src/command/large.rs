//! State that is larger than its memory budget, with keys that are not there.

use crate::{
    engine::gress::Settings,
    jobs::count_with,
    key_value::{KeyValue, Subject},
    keys::{Key, Keys, Skew, key},
    latencies::Latencies,
    operation::BATCH,
    report::{
        Cell::{self, Count, Ratio},
        Report, Row,
    },
    resident,
    shared::Shared,
    values::Values,
    workload::Workload,
};
use gress_core::ByteSize;
use gress_runtime::{Clock, Error, Result, SystemClock};
use gress_state_rocksdb::RocksDbConfig;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Large {
    /// Memory for the block cache (a half) and for write buffers (a half) [default: 256MiB; short: 16MiB].
    #[arg(long)]
    budget: Option<ByteSize>,
    /// How many times the budget the state is.
    #[arg(long, default_value_t = 4)]
    times: u64,
    /// Bytes of a value.
    #[arg(long, default_value_t = 1024)]
    value: usize,
    /// Seconds of each kind of call [default: 20; short: 0.5].
    #[arg(long)]
    seconds: Option<f64>,
    /// Measures a job, whose `state.memory` is the budget and which counts more keys than fit, instead.
    #[arg(long)]
    job: bool,
}

/// Of the budget, what a peak may be, and what comes on top: threads, files, and what is on its way.
const PEAK: f64 = 1.15;
const APART: u64 = 64 << 20;
/// Bytes that a counter takes in a table of live values, about.
const COUNTER_BYTES: u64 = 48;

impl Large {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let budget = shared.or(self.budget, ByteSize::mib(256), ByteSize::mib(16));
        let mut report = Report::new("large");
        report.setting("budget", budget);
        report.setting("state", ByteSize(self.times * budget.0));
        report.setting("seed", shared.seed);
        // The allocator would ask for them, and take up to three times the memory that the state does: see docs/tuning.md.
        rustix::thread::disable_transparent_huge_pages(true).map_err(std::io::Error::from)?;
        report.setting("huge pages", "off");
        let peak = match self.job {
            true => self.count_in_job(budget, &mut report)?,
            false => self.read_and_write(budget, shared, &mut report)?,
        };
        let limit = budget.0 as f64 * PEAK + APART as f64;
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        report.at_most("peak of anonymous memory, MiB", mib(peak as f64), mib(limit));
        Ok(report)
    }

    /// Gives the peak of memory.
    fn read_and_write(&self, budget: ByteSize, shared: &Shared, report: &mut Report) -> Result<u64> {
        let seconds = shared.seconds(self.seconds, 20.0, 0.5);
        let count = (self.times * budget.0 / (16 + self.value as u64)).max(1);
        report.setting("keys", count);
        report.setting("bytes of a value", self.value);
        report.setting("seconds of each kind of call", seconds.as_secs_f64());
        let (keys, values) = (Keys::draw(Skew::Uniform, count, shared.seed)?, Values::new(self.value, shared.seed));
        let before = resident::anonymous()?;
        let scratch = shared.scratch()?;
        let mut rows = Vec::new();
        let ((), peak) = resident::peak_during(|| {
            let state = Subject::Gress(config(budget)).open(&scratch.path().join("state"))?;
            let phases = Phases { state: &*state, keys: &keys, values: &values, seconds };
            rows = phases.run(count)?;
            state.close()
        })?;
        report.table("large-state, block cache and write buffers as the budget", &rows);
        report.table("memory", &[memory(before, peak)]);
        Ok(peak - before.min(peak))
    }

    fn count_in_job(&self, budget: ByteSize, report: &mut Report) -> Result<u64> {
        let keys = self.times * budget.0 / COUNTER_BYTES;
        let workload = Workload::uniform(keys, 2 * keys);
        let settings = Settings::durable(budget);
        let before = resident::anonymous()?;
        let (sample, peak) = resident::peak_during(|| count_with(settings, &workload, |key| key))?;
        let row = Row::default()
            .with("keys", Count(keys))
            .with("events", Count(workload.events))
            .with("events/s", Count(sample.events_per_second() as u64))
            .with("checkpoints", Count(sample.checkpoints));
        report.table("a job that counts, with this `state.memory`", &[row]);
        report.table("memory", &[memory(before, peak)]);
        Ok(peak - before.min(peak))
    }
}

/// `large-state` within `budget`. Buffers are small against their limit, so that several can wait for their flush.
fn config(budget: ByteSize) -> RocksDbConfig {
    RocksDbConfig::large_state("")
        .block_cache_size(ByteSize(budget.0 / 2))
        .db_write_buffer_size(ByteSize(budget.0 / 2))
        .write_buffer_size(ByteSize(budget.0 / 8))
}

fn memory(before: u64, peak: u64) -> Row {
    let mib = |bytes: u64| Ratio(bytes as f64 / f64::from(1 << 20));
    Row::default()
        .with("before, MiB", mib(before))
        .with("peak, MiB", mib(peak))
        .with("peak - before, MiB", mib(peak - before.min(peak)))
}

struct Phases<'a> {
    state: &'a dyn KeyValue,
    keys: &'a Keys,
    values: &'a Values,
    seconds: Duration,
}

impl Phases<'_> {
    /// Fills the state with the keys below `count`, then reads and writes.
    fn run(&self, count: u64) -> Result<Vec<Row>> {
        let clock = SystemClock::start();
        self.fill(count)?;
        let filled = count as f64 / clock.now().as_secs_f64();
        let mut rows = vec![row("filling, by batches of 100", filled, None)];
        let present = Latencies::of_loop(self.seconds, |index| self.read(self.keys.at(index), true))?;
        rows.push(row("get, a key that is there", present.per_second(), Some(&present)));
        let absent = Latencies::of_loop(self.seconds, |index| self.read(&absent(self.keys.at(index)), false))?;
        rows.push(row("get, an absent key", absent.per_second(), Some(&absent)));
        let mixed = Latencies::of_loop(self.seconds, |index| match index % 10 {
            9 => self.state.put(self.keys.at(index), self.values.at(index)),
            _ => self.read(self.keys.at(index), true),
        })?;
        rows.push(row("mixed 90/10", mixed.per_second(), Some(&mixed)));
        Ok(rows)
    }

    fn fill(&self, count: u64) -> Result<()> {
        for start in (0..count).step_by(BATCH) {
            let numbers = start..count.min(start + BATCH as u64);
            let entries: Vec<_> = numbers.map(|number| (key(number), self.values.at(number))).collect();
            self.state.batch_put(&entries)?;
        }
        Ok(())
    }

    fn read(&self, key: &[u8], is_there: bool) -> Result<()> {
        match self.state.get(key)?.is_some() == is_there {
            true => Ok(()),
            false => Err(Error::damaged(format!("key {key:02x?} is there, or is not, against what was written"))),
        }
    }
}

/// The key next to one that is there.
fn absent(present: &Key) -> Key {
    let mut absent = *present;
    absent[8] = 0xff;
    absent
}

fn row(what: &'static str, per_second: f64, latencies: Option<&Latencies>) -> Row {
    let row = Row::default().with("call", what).with("entries/s", Count(per_second as u64));
    match latencies {
        Some(latencies) => latencies.append_to(row),
        None => ["p50", "p99", "p99.9", "max"].into_iter().fold(row, |row, name| row.with(name, Cell::from("-"))),
    }
}
