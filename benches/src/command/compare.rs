//! All engines over all comparisons in one run, medians of several rounds.

use crate::{
    engine::{Engine, MEMORY},
    jobs::Comparison,
    measure::Sample,
    medians::median,
    report::{
        Cell::{Count, Ratio},
        Report, Row,
    },
    shared::Shared,
};
use clap::ValueEnum;
use gress_runtime::{Error, Result};

#[derive(clap::Args)]
pub(crate) struct Compare {
    /// What is compared, separated by commas; everything if nothing is given, which takes about half an hour.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES")]
    workloads: Vec<Comparison>,
    /// Events that the fast engines handle in each round, instead of what the workload has by itself; raw RocksDB handles
    /// a million at most.
    #[arg(long)]
    events: Option<u64>,
    /// Rounds; the median of each engine is shown [default: 5; short: 1].
    #[arg(long)]
    rounds: Option<usize>,
}

/// Events of a short run.
const SHORT_EVENTS: u64 = 100_000;

impl Compare {
    /// Rounds go over all engines in turn, so that a drift of the machine meets them alike.
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let rounds = shared.or(self.rounds, 5, 1);
        let events = self.events.or(shared.short.then_some(SHORT_EVENTS));
        if events == Some(0) || rounds == 0 {
            return Err(Error::argument("`--events` and `--rounds` must be at least 1"));
        }
        let all = if self.workloads.is_empty() { Comparison::value_variants() } else { &self.workloads };
        // Before the first of them has run for minutes.
        all.iter().try_for_each(|comparison| comparison.check())?;
        let mut report = Report::new("compare");
        report.setting("rounds", rounds);
        report.setting("state.memory on RocksDB", MEMORY);
        let (mut results, mut rows) = (Vec::new(), Vec::new());
        for comparison in all {
            let result = compare(*comparison, events, rounds, shared.seed)?;
            rows.extend(result.rows());
            results.push(result);
        }
        report.table("medians; ratios are to the first engine of the same workload", &rows);
        judge(&results, &mut report);
        Ok(report)
    }
}

/// The medians of one workload.
struct Compared {
    comparison: Comparison,
    keys: u64,
    medians: Vec<(Engine, Medians)>,
}

fn compare(comparison: Comparison, events: Option<u64>, rounds: usize, seed: u64) -> Result<Compared> {
    let workload = comparison.workload(events, seed)?;
    let mut samples: Vec<Vec<Sample>> = Engine::ALL.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (engine, samples) in Engine::ALL.iter().zip(&mut samples) {
            let Some(sample) = comparison.run(*engine, &workload, seed)? else { continue };
            let million = sample.events_per_second() / 1e6;
            eprintln!("{}, round {round}: {:<46} {million:>9.2} M events/s", comparison.name(), engine.name());
            samples.push(sample);
        }
    }
    let medians = Engine::ALL.iter().zip(&samples).filter(|(_, samples)| !samples.is_empty());
    let medians = medians.map(|(engine, samples)| (*engine, Medians::of(samples))).collect();
    Ok(Compared { comparison, keys: workload.keys, medians })
}

struct Medians {
    events_per_second: f64,
    events_per_cpu_second: f64,
    checkpoints: f64,
}

impl Medians {
    fn of(samples: &[Sample]) -> Medians {
        Medians {
            events_per_second: median(samples.iter().map(Sample::events_per_second)),
            events_per_cpu_second: median(samples.iter().map(Sample::events_per_cpu_second)),
            checkpoints: median(samples.iter().map(|sample| sample.checkpoints as f64)),
        }
    }
}

impl Compared {
    fn of(&self, engine: Engine) -> Option<&Medians> {
        self.medians.iter().find_map(|(other, medians)| (*other == engine).then_some(medians))
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        let first = self.medians.first().map(|(_, medians)| medians);
        self.medians.iter().map(move |(engine, medians)| {
            let ratio = |of: fn(&Medians) -> f64| Ratio(first.map_or(1.0, |first| of(medians) / of(first)));
            Row::default()
                .with("workload", self.comparison.name())
                .with("keys", Count(self.keys))
                .with("engine", engine.name())
                .with("events/s", Count(medians.events_per_second as u64))
                .with("events/CPU s", Count(medians.events_per_cpu_second as u64))
                .with("ratio", ratio(|medians| medians.events_per_second))
                .with("CPU ratio", ratio(|medians| medians.events_per_cpu_second))
                .with("checkpoints", Count(medians.checkpoints as u64))
        })
    }
}

/// Holds the medians against what is promised.
fn judge(results: &[Compared], report: &mut Report) {
    let of = |comparison, engine| {
        let result = results.iter().find(|result| result.comparison == comparison);
        result.and_then(|result| result.of(engine))
    };
    let mut at_least = |claim, is: Option<&Medians>, to: Option<&Medians>, of: fn(&Medians) -> f64, wanted| {
        if let (Some(is), Some(to)) = (is, to) {
            report.at_least(claim, of(is) / of(to), wanted);
        }
    };
    let (wall, cpu) = (|m: &Medians| m.events_per_second, |m: &Medians| m.events_per_cpu_second);
    let counter = |engine| of(Comparison::Counter1m, engine);
    let (memory, rocksdb) = (counter(Engine::GressMemory), counter(Engine::GressRocksDb));
    at_least("counter-1m: memory to the plain loop, by CPU", memory, counter(Engine::Plain), cpu, 0.4);
    at_least("counter-1m: RocksDB to memory", rocksdb, memory, wall, 0.8);
    at_least("counter-1m: RocksDB to raw RocksDB", rocksdb, counter(Engine::RawRocksDb), wall, 30.0);
    let memory = |comparison| of(comparison, Engine::GressMemory);
    let (windows, counter) = (memory(Comparison::Windows), memory(Comparison::Counter100k));
    at_least("windows: memory to that of counter-100k", windows, counter, wall, 0.5);
    for (comparison, claims, wanted) in [
        (Comparison::LargeUniform, ["large-uniform: Gress to raw RocksDB", "large-uniform: Gress to batches"], 1.3),
        (Comparison::LargeZipf, ["large-zipf: Gress to raw RocksDB", "large-zipf: Gress to batches"], 5.0),
    ] {
        let gress = of(comparison, Engine::GressRocksDb);
        at_least(claims[0], gress, of(comparison, Engine::RawRocksDb), wall, wanted);
        at_least(claims[1], gress, of(comparison, Engine::RawRocksDbBatched), wall, 1.0);
    }
    let (chain, plain) = (memory(Comparison::Chain), of(Comparison::Chain, Engine::Plain));
    at_least("chain: memory to the plain loop, by CPU", chain, plain, cpu, 0.5);
}
