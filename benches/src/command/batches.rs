//! Puts one by one against batches of them, in each durability mode.

use crate::{
    key_value::{KeyValue, Subject},
    keys::{Keys, Skew},
    latencies::Latencies,
    operation::{BATCH, Operation},
    report::{
        Cell::{Count, Ratio},
        Report, Row,
    },
    shared::Shared,
    values::Values,
};
use gress_runtime::Result;
use gress_state_rocksdb::{Durability, Preset, RocksDbConfig};
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Batches {
    /// Seconds of each kind of write [default: 5; short: 0.2].
    #[arg(long)]
    seconds: Option<f64>,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    value: usize,
    /// Whose options are used.
    #[arg(long, default_value_t = Preset::LowLatency)]
    preset: Preset,
}

/// Distinct keys that are written.
const KEYS: u64 = 1_000_000;
/// Turns of puts and batches, so that a drift of the machine meets both alike.
const TURNS: u32 = 5;

impl Batches {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let seconds = shared.seconds(self.seconds, 5.0, 0.2);
        let mut report = Report::new("batches");
        report.setting("preset", self.preset);
        report.setting("bytes of a value", self.value);
        report.setting("seconds of each kind of write", seconds.as_secs_f64());
        report.setting("seed", shared.seed);
        let keys = Keys::draw(Skew::Uniform, KEYS, shared.seed)?;
        let values = Values::new(self.value, shared.seed);
        let mut rows = Vec::new();
        for durability in [Durability::Checkpoint, Durability::Wal, Durability::WalSync] {
            let config = RocksDbConfig { preset: self.preset, ..RocksDbConfig::default() }.durability(durability);
            for subject in [Subject::Gress(config.clone()), Subject::Raw(config)] {
                let scratch = shared.scratch()?;
                let state = subject.open(&scratch.path().join("state"))?;
                let (single, batched) = entries_per_second(&*state, &keys, &values, seconds)?;
                state.close()?;
                rows.push(
                    Row::default()
                        .with("durability", durability.name())
                        .with("state", subject.name())
                        .with("by put: entries/s", Count(single as u64))
                        .with("by batch_put(100): entries/s", Count(batched as u64))
                        .with("ratio", Ratio(batched / single)),
                );
            }
        }
        report.table("batches of 100 against single puts", &rows);
        Ok(report)
    }
}

fn entries_per_second(state: &dyn KeyValue, keys: &Keys, values: &Values, seconds: Duration) -> Result<(f64, f64)> {
    let (mut single, mut batched) = (Latencies::new()?, Latencies::new()?);
    for turn in 0..TURNS {
        let beginning = u64::from(turn) << 16;
        let run = |operation: Operation| {
            Latencies::of_loop(seconds / TURNS, |index| operation.call(state, keys, values, beginning + index))
        };
        single.add(&run(Operation::Put)?)?;
        batched.add(&run(Operation::BatchPut)?)?;
    }
    Ok((single.per_second(), batched.per_second() * BATCH as f64))
}
