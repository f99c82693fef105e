//! What the engines are compared by: each job stands beside the loop that a programmer would write for it, and beside the
//! same on raw RocksDB where that makes sense.

mod chain;
mod counter;
mod large;
mod lists;
mod maps;
mod windows;

pub(crate) use counter::{count_with, text};

use crate::{
    engine::Engine,
    limited::{self, Errand},
    measure::Sample,
    workload::Workload,
};
use clap::ValueEnum;
use gress_runtime::Result;
use serde::{Deserialize, Serialize};

/// One of the comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Comparison {
    /// A counter for each of 1,000 keys.
    #[value(name = "counter-1k")]
    Counter1k,
    /// A counter for each of 100,000 keys.
    #[value(name = "counter-100k")]
    Counter100k,
    /// A counter for each of 1,000,000 keys.
    #[value(name = "counter-1m")]
    Counter1m,
    /// A counter for each of 10,000,000 keys.
    #[value(name = "counter-10m")]
    Counter10m,
    /// A counter for each of 1,000,000 keys, few of which get most of the events.
    CounterZipf,
    /// A counter for each of 1,000,000 strings of 16 characters.
    Strings,
    /// Counts in tumbling windows, 100,000 keys.
    Windows,
    /// A list for each of 100,000 keys that grows to 100 items.
    Lists,
    /// A sorted map for each of 10,000 keys with 100 counters.
    Maps,
    /// A map, a filter and a map, without state.
    Chain,
    /// A counter for each of 1,000,000 keys: two sources, two keyed tasks.
    Shuffle,
    /// Counters of four times the memory that the process has, all alike.
    LargeUniform,
    /// The same, few of which get most of the events.
    LargeZipf,
}

impl Comparison {
    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Events that the fast engines handle.
    fn events(self) -> u64 {
        match self {
            Comparison::Chain => 200_000_000,
            Comparison::Windows => 30_000_000,
            Comparison::Strings | Comparison::Maps => 20_000_000,
            Comparison::Lists => 10_000_000,
            Comparison::LargeUniform | Comparison::LargeZipf => large::EVENTS,
            _ => 60_000_000,
        }
    }

    fn keys(self) -> u64 {
        match self {
            Comparison::Counter1k => 1_000,
            Comparison::Counter100k | Comparison::Windows | Comparison::Lists => 100_000,
            Comparison::Counter10m => 10_000_000,
            Comparison::Maps => 10_000,
            Comparison::LargeUniform | Comparison::LargeZipf => large::KEYS,
            _ => 1_000_000,
        }
    }

    /// What all engines handle, or a given number of events of it.
    pub(crate) fn workload(self, events: Option<u64>, seed: u64) -> Result<Workload> {
        let (keys, events) = (self.keys(), events.unwrap_or(self.events()));
        match self {
            Comparison::CounterZipf | Comparison::LargeZipf => Workload::zipf(keys, events, seed),
            _ => Ok(Workload::uniform(keys, events)),
        }
    }

    /// Fails where it cannot run.
    pub(crate) fn check(self) -> Result<()> {
        if self.is_large() { limited::check(large::LIMIT) } else { Ok(()) }
    }

    fn is_large(self) -> bool {
        matches!(self, Comparison::LargeUniform | Comparison::LargeZipf)
    }

    /// Runs it on one engine; `None` where that makes no sense.
    pub(crate) fn run(self, engine: Engine, workload: &Workload, seed: u64) -> Result<Option<Sample>> {
        match self.is_large() && large::runs_on(engine) {
            true => {
                let errand = Errand { comparison: self, engine, events: workload.events, seed };
                limited::run(errand, large::LIMIT).map(Some)
            }
            false => self.run_here(engine, workload),
        }
    }

    /// Runs it in this process.
    pub(crate) fn run_here(self, engine: Engine, workload: &Workload) -> Result<Option<Sample>> {
        match self {
            Comparison::Counter1k
            | Comparison::Counter100k
            | Comparison::Counter1m
            | Comparison::Counter10m
            | Comparison::CounterZipf => counter::run(engine, workload, 1, |key| key),
            Comparison::Strings => counter::run(engine, workload, 1, counter::text),
            Comparison::Shuffle => counter::run(engine, workload, 2, |key| key),
            Comparison::Windows => windows::run(engine, workload),
            Comparison::Lists => lists::run(engine, workload),
            Comparison::Maps => maps::run(engine, workload),
            Comparison::Chain => chain::run(engine, workload),
            Comparison::LargeUniform | Comparison::LargeZipf => large::run(engine, workload),
        }
    }
}
