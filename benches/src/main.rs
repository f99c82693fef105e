//! Gress side by side with what a programmer would write by hand, in one run: `gress-bench compare`.
//!
//! Absolute figures differ from machine to machine and drift within one; the ratios of one run are what counts.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

mod engine;
mod measure;
mod table;
mod workload;

use clap::{Parser, Subcommand};
use engine::Engine;
use std::process::ExitCode;
use workload::Workload;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Measures Gress against a plain hash map and raw RocksDB.")]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A counter per key, over uniform keys: all engines in one run, medians of several rounds.
    Compare {
        /// Distinct keys.
        #[arg(long, default_value_t = 1_000_000)]
        keys: u64,
        /// Events that the fast engines count in each round; slow engines count fewer.
        #[arg(long, default_value_t = 60_000_000)]
        events: u64,
        /// Rounds; the median of each engine is shown.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
}

fn main() -> ExitCode {
    let Command::Compare { keys, events, rounds } = Flags::parse().command;
    if keys == 0 || events == 0 || rounds == 0 {
        eprintln!("error: `--keys`, `--events` and `--rounds` must be at least 1");
        return ExitCode::from(2);
    }
    match compare(Workload { keys, events }, rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Rounds go over all engines in turn, so that a drift of the machine meets them alike.
fn compare(workload: Workload, rounds: usize) -> gress_runtime::Result<()> {
    println!("counter per key, {} uniform keys, one task, medians of {rounds}", workload.keys);
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
