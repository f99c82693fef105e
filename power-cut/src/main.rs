//! `power-cut`: cuts the power so many times in each durability mode and says whether a promise was broken.
//!
//! One line for each mode. The exit code is 0 only if nothing that was promised is lost, torn, reordered or refused.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a report on the terminal is what this program is for")]

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use gress_crash_test::random::Random;
use gress_power_cut::folder;
use gress_power_cut::key_value::KeyValue;
use gress_power_cut::plain::PlainRocksDb;
use gress_power_cut::store::{DURABILITIES, Engine};
use gress_power_cut::trial;
use gress_state_rocksdb::Durability;

/// Cuts the power below a store again and again, and compares what is left with what each durability mode promises.
#[derive(Debug, Parser)]
#[command(name = "power-cut")]
struct Args {
    /// How often to cut the power, in each mode. A quarter as many kills of the process come on top.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    cuts: u64,
    /// Which promise to test.
    #[arg(long, value_enum, default_value = "all")]
    mode: Mode,
    /// What to test.
    #[arg(long, value_enum, default_value = "gress")]
    store: StoreKind,
    /// Repeats the plan of an earlier run (how far RocksDB's threads are at a cut still depends on the machine).
    #[arg(long)]
    seed: Option<u64>,
    /// Where the stores lie for the time of the run; by default in memory where the system has /dev/shm.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Mode {
    Checkpoint,
    Wal,
    WalSync,
    All,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StoreKind {
    /// Gress's key-value state on RocksDB.
    Gress,
    /// RocksDB alone: a promise that it breaks, too, is not Gress's to keep.
    Plain,
}

impl StoreKind {
    fn engine(self) -> &'static dyn Engine {
        match self {
            Self::Gress => &KeyValue,
            Self::Plain => &PlainRocksDb { verify_logs: true },
        }
    }
}

impl Mode {
    fn durabilities(self) -> Vec<Durability> {
        match self {
            Self::Checkpoint => vec![Durability::Checkpoint],
            Self::Wal => vec![Durability::Wal],
            Self::WalSync => vec![Durability::WalSync],
            Self::All => DURABILITIES.to_vec(),
        }
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(broken) => {
            eprintln!("power-cut: {broken} promises were broken");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("power-cut: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many promises were broken.
fn run(args: &Args) -> io::Result<u64> {
    let seed = args.seed.unwrap_or_else(Random::fresh_seed);
    let folder = folder::scratch(args.out.as_deref())?;
    println!("seed {seed}: {} power cuts in each mode, below {}", args.cuts, folder.path().display());
    let mut broken = 0;
    for durability in args.mode.durabilities() {
        let report = trial::run(args.store.engine(), durability, args.cuts, seed, folder.path())?;
        println!("{report}");
        report.notes.iter().for_each(|note| println!("  {note}"));
        if !report.shows_anything() {
            return Err(io::Error::other("the disk lost no byte: the store does not write to it, or past its cache"));
        }
        broken += report.broken();
    }
    Ok(broken)
}
