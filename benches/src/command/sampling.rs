//! What it costs to time operations.

use crate::{
    key_value::{KeyValue, Subject, fill},
    keys::{Keys, Skew},
    medians::median,
    operation::Operation,
    report::{Cell::Ratio, Report, Row},
    shared::Shared,
    values::Values,
};
use gress_runtime::{Clock, Result, SystemClock};
use gress_state_rocksdb::{Preset, RocksDbConfig};

#[derive(clap::Args)]
pub(crate) struct Sampling {
    /// Calls of a round [default: 200000; short: 2000].
    #[arg(long)]
    calls: Option<u64>,
    /// Rounds over all settings; the median of each is shown.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    value: usize,
}

/// Keys that are read and written: all of them in the cache.
const KEYS: u64 = 100_000;

impl Sampling {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let calls = shared.or(self.calls, 200_000, 2_000);
        let mut report = Report::new("sampling");
        report.setting("calls of a round", calls);
        report.setting("rounds", self.rounds);
        report.setting("seed", shared.seed);
        let keys = Keys::draw(Skew::Uniform, KEYS, shared.seed)?;
        let values = Values::new(self.value, shared.seed);
        let scratch = shared.scratch()?;
        let mut states = Vec::new();
        for (number, (name, config)) in settings().into_iter().enumerate() {
            let state = Subject::Gress(config).open(&scratch.path().join(number.to_string()))?;
            fill(&*state, KEYS, &values)?;
            states.push((name, state));
        }
        for operation in [Operation::Get, Operation::Put] {
            let mut nanos: Vec<Vec<f64>> = states.iter().map(|_| Vec::new()).collect();
            for _ in 0..self.rounds {
                for ((_, state), nanos) in states.iter().zip(&mut nanos) {
                    nanos.push(nanos_of(&**state, operation, calls, &keys, &values)?);
                }
            }
            let medians: Vec<f64> = nanos.into_iter().map(|nanos| median(nanos.into_iter())).collect();
            let rows: Vec<Row> = (states.iter().zip(&medians))
                .map(|((name, _), nanos)| {
                    let ratio = nanos / medians.first().unwrap_or(nanos);
                    Row::default().with("setting", *name).with("ns", Ratio(*nanos)).with("ratio", Ratio(ratio))
                })
                .collect();
            report.table(&format!("{}, ns a call", operation.name()), &rows);
        }
        states.iter().try_for_each(|(_, state)| state.close())?;
        Ok(report)
    }
}

/// The first is what the others are compared with.
fn settings() -> Vec<(&'static str, RocksDbConfig)> {
    let preset = || RocksDbConfig { preset: Preset::LowLatency, ..RocksDbConfig::default() };
    vec![
        ("latency_sampling: 0", preset().latency_sampling(0)),
        ("latency_sampling: 16", preset().latency_sampling(16)),
        ("latency_sampling: 1", preset().latency_sampling(1)),
        ("0, and RocksDB times nothing", preset().enable_latency_tracking(false)),
        ("0, and RocksDB counts nothing", preset().enable_statistics(false).latency_sampling(0)),
    ]
}

fn nanos_of(state: &dyn KeyValue, operation: Operation, calls: u64, keys: &Keys, values: &Values) -> Result<f64> {
    let clock = SystemClock::start();
    (0..calls).try_for_each(|index| operation.call(state, keys, values, index))?;
    Ok(clock.now().as_nanos() as f64 / calls.max(1) as f64)
}
