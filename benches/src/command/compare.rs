//! A counter per key: all engines in one run, medians of several rounds.

use crate::{
    engine::{Engine, MEMORY},
    measure, table,
    workload::Workload,
};
use gress_runtime::{Error, Result};

#[derive(clap::Args)]
pub(crate) struct Compare {
    /// Distinct keys.
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Events that the fast engines count in each round; slow engines count fewer.
    #[arg(long, default_value_t = 60_000_000)]
    events: u64,
    /// Rounds; the median of each engine is shown.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

impl Compare {
    /// Rounds go over all engines in turn, so that a drift of the machine meets them alike.
    pub(crate) fn run(self) -> Result<()> {
        let Compare { keys, events, rounds } = self;
        if keys == 0 || events == 0 || rounds == 0 {
            return Err(Error::argument("`--keys`, `--events` and `--rounds` must be at least 1"));
        }
        let workload = Workload { keys, events };
        println!(
            "counter per key, {keys} uniform keys, one task, medians of {rounds}, on RocksDB with `state.memory: {MEMORY}`"
        );
        let mut samples: Vec<Vec<measure::Sample>> = Engine::ALL.iter().map(|_| Vec::new()).collect();
        for round in 1..=rounds {
            for (engine, samples) in Engine::ALL.iter().zip(&mut samples) {
                let sample = engine.run(&workload)?;
                eprintln!("round {round}: {:<45} {:>9.2} M events/s", engine.name(), sample.events_per_second() / 1e6);
                samples.push(sample);
            }
        }
        table::print(&samples);
        Ok(())
    }
}
