//! Every operation on every preset, in a closed loop.

use crate::{
    key_value::{KeyValue, Subject, fill},
    keys::{Keys, Skew},
    latencies::Latencies,
    operation::Operation,
    report::{Cell::Count, Report, Row},
    shared::Shared,
    values::Values,
};
use gress_core::ByteSize;
use gress_runtime::Result;
use gress_state_rocksdb::Preset;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct State {
    /// Bytes of keys and values together [default: 256MiB; short: 8MiB].
    #[arg(long)]
    size: Option<ByteSize>,
    /// Seconds of each operation [default: 2; short: 0.1].
    #[arg(long)]
    seconds: Option<f64>,
    /// Bytes of a value.
    #[arg(long, value_delimiter = ',', default_values_t = [1024, 100])]
    values: Vec<usize>,
    /// How often each key is asked for.
    #[arg(long, value_delimiter = ',', default_values = ["uniform", "zipf"])]
    skew: Vec<Skew>,
    /// Presets, each on Gress and on raw RocksDB.
    #[arg(long, value_delimiter = ',', default_values_t = Preset::ALL)]
    presets: Vec<Preset>,
}

/// In this order: what deletes comes last.
const OPERATIONS: [Operation; 8] = [
    Operation::Get,
    Operation::BatchGet,
    Operation::Scan,
    Operation::Put,
    Operation::Delete,
    Operation::BatchPut,
    Operation::Mixed,
    Operation::GetWith,
];

/// Operations per second that the reference gives a preset, the lower figure of its range.
const REFERENCE: [(Preset, f64); 3] =
    [(Preset::LowLatency, 50_000.0), (Preset::HighThroughput, 100_000.0), (Preset::LargeState, 50_000.0)];

impl State {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let size = shared.or(self.size, ByteSize::mib(256), ByteSize::mib(8));
        let seconds = shared.seconds(self.seconds, 2.0, 0.1);
        let mut report = Report::new("state");
        report.setting("state", size);
        report.setting("seconds of each operation", seconds.as_secs_f64());
        report.setting("seed", shared.seed);
        for value_bytes in &self.values {
            for skew in &self.skew {
                let plan = Plan::new(size, *value_bytes, *skew, seconds, shared)?;
                self.measure(&plan, shared, &mut report)?;
            }
        }
        Ok(report)
    }

    fn measure(&self, plan: &Plan, shared: &Shared, report: &mut Report) -> Result<()> {
        let mut rows = Vec::new();
        let mut mixed = Vec::new();
        for subject in self.subjects() {
            let scratch = shared.scratch()?;
            let state = subject.open(&scratch.path().join("state"))?;
            fill(&*state, plan.count, &plan.values)?;
            for operation in OPERATIONS {
                let latencies = plan.measure(&*state, operation)?;
                if let (Subject::Gress(config), Operation::Mixed) = (&subject, operation) {
                    mixed.push((config.preset, latencies.per_second()));
                }
                rows.push(row(&subject, operation, &latencies));
            }
            state.close()?;
        }
        report.table(&plan.title(), &rows);
        for (preset, per_second) in mixed {
            if let Some((_, wanted)) = REFERENCE.iter().find(|(of, _)| *of == preset) {
                report.at_least(&format!("{preset}, mixed operations/s against the reference"), per_second, *wanted);
            }
        }
        Ok(())
    }

    fn subjects(&self) -> Vec<Subject> {
        let presets = self.presets.iter().flat_map(|preset| [Subject::gress(*preset), Subject::raw(*preset)]);
        std::iter::once(Subject::Memory).chain(presets).collect()
    }
}

/// What is done to each subject.
struct Plan {
    count: u64,
    keys: Keys,
    values: Values,
    skew: Skew,
    seconds: Duration,
}

impl Plan {
    fn new(size: ByteSize, value_bytes: usize, skew: Skew, seconds: Duration, shared: &Shared) -> Result<Plan> {
        let count = (size.0 / (16 + value_bytes as u64)).max(1);
        let (keys, values) = (Keys::draw(skew, count, shared.seed)?, Values::new(value_bytes, shared.seed));
        Ok(Plan { count, keys, values, skew, seconds })
    }

    fn measure(&self, state: &dyn KeyValue, operation: Operation) -> Result<Latencies> {
        let call = |index| operation.call(state, &self.keys, &self.values, index);
        // Caches as they will be.
        Latencies::of_loop(self.seconds / 4, call)?;
        Latencies::of_loop(self.seconds, call)
    }

    fn title(&self) -> String {
        format!("{} keys of 16 bytes, {}, values of {} bytes", self.count, self.skew.name(), self.values.length())
    }
}

fn row(subject: &Subject, operation: Operation, latencies: &Latencies) -> Row {
    let calls = latencies.per_second();
    let row = Row::default()
        .with("state", subject.name())
        .with("operation", operation.name())
        .with("operations/s", Count(calls as u64))
        .with("entries/s", Count((calls * operation.entries() as f64) as u64));
    latencies.append_to(row)
}
