//! Exactly so many calls of one kind, and nothing else that depends on their number.
//!
//! `scripts/overhead` runs this under a program that counts instructions, with two counts: the difference is what the
//! calls cost, without opening, filling and closing.

use crate::{
    key_value::{Subject, fill},
    keys::{Keys, Skew},
    operation::Operation,
    report::Report,
    shared::Shared,
    values::Values,
};
use clap::ValueEnum;
use gress_runtime::Result;
use gress_state_rocksdb::{Preset, RocksDbConfig};

#[derive(clap::Args)]
pub(crate) struct Overhead {
    /// What is called.
    #[arg(long)]
    engine: Layer,
    /// Which call.
    #[arg(long)]
    operation: Operation,
    /// How many calls.
    #[arg(long)]
    count: u64,
    /// Distinct keys.
    #[arg(long, default_value_t = 10_000)]
    keys: u64,
    /// Bytes of a value, in the mean. Lengths differ by up to a half: what RocksDB takes for the checksum of a record
    /// depends on the bits of its length, by hundreds of instructions.
    #[arg(long, default_value_t = 100)]
    value: usize,
    /// Whose options are used.
    #[arg(long, default_value_t = Preset::LowLatency)]
    preset: Preset,
    /// Of how many operations Gress times one; 0 times none.
    #[arg(long, default_value_t = 16)]
    sampling: u32,
}

/// What lies between the benchmark and RocksDB.
#[derive(Clone, Copy, ValueEnum)]
enum Layer {
    Gress,
    Raw,
    Memory,
}

impl Overhead {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let mut report = Report::new("overhead");
        let config = RocksDbConfig { preset: self.preset, ..RocksDbConfig::default() }.latency_sampling(self.sampling);
        let subject = match self.engine {
            Layer::Gress => Subject::Gress(config),
            Layer::Raw => Subject::Raw(config),
            Layer::Memory => Subject::Memory,
        };
        let keys = Keys::draw(Skew::Uniform, self.keys, shared.seed)?;
        let values = Values::of_many_lengths(self.value, shared.seed);
        let scratch = shared.scratch()?;
        let state = subject.open(&scratch.path().join("state"))?;
        fill(&*state, self.keys, &values)?;
        (0..self.count).try_for_each(|index| self.operation.call(&*state, &keys, &values, index))?;
        state.close()?;
        report.setting("state", subject.name());
        report.setting("operation", self.operation.name());
        report.setting("calls", self.count);
        Ok(report)
    }
}
