//! The four presets at one piece of work: the logbooks of all aircraft that left New York City in 2013, kept in RocksDB
//! without a job.
//!
//! ```text
//!  flights.csv ─▶ read the totals of 256 aircraft ─▶ add ─▶ write totals and log lines as one batch      in each preset
//!                    │
//!                    └─▶ checkpoint ─▶ opened again     snapshot ─▶ the next preset     another preset on the same files
//! ```
//!
//! ```text
//! cargo run --release -p gress-examples --example rocksdb_state
//! cargo run --release -p gress-examples --example rocksdb_state -- --flights 2000 --dir /tmp/logbooks
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use clap::Parser;
use gress_core::{ByteSize, Error, Result};
use gress_state::{
    KeyValueOptions, KeyValueState,
    key_value::{Batch, Operation},
};
use gress_state_rocksdb::{Durability, Preset, RocksDbBackend, RocksDbConfig};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Logbooks of aircraft, in each preset of the RocksDB backend.
#[derive(Parser)]
struct Flags {
    /// Flights to log [default: all 336,776].
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    flights: usize,
    /// The folder with flights.csv.zst.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/data"))]
    input: PathBuf,
    /// Where the databases are kept; it must be empty [default: a temporary folder].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The columns that a logbook has.
#[derive(Deserialize)]
struct Flight {
    month: u8,
    day: u8,
    sched_dep_time: u16,
    carrier: String,
    flight: u16,
    tailnum: String,
    origin: String,
    dest: String,
    distance: u64,
}

/// What an aircraft has flown.
#[derive(Clone, Copy, Default)]
struct Totals {
    flights: u64,
    miles: u64,
}

impl Totals {
    /// Sixteen bytes. The state holds bytes and asks not what they mean.
    fn to_bytes(self) -> Vec<u8> {
        [self.flights.to_be_bytes(), self.miles.to_be_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Totals> {
        let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
        let totals = number(0).zip(number(8)).map(|(flights, miles)| Totals { flights, miles });
        totals.ok_or_else(|| Error::damaged(format!("totals of an aircraft have {} bytes instead of 16", bytes.len())))
    }

    fn add(&mut self, flight: &Flight) {
        self.flights += 1;
        self.miles += flight.distance;
    }
}

fn main() -> ExitCode {
    match tour(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tour(flags: &Flags) -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = flags.dir.as_deref().unwrap_or(temporary.path());
    let flights = read_flights(&flags.input.join("flights.csv.zst"), flags.flights)?;
    println!("{} flights with a tail number\n", flights.len());
    println!("preset            aircraft   miles        checkpoint          snapshot        reads p99   batches p99");

    let mut snapshot_before: Option<PathBuf> = None;
    for preset in Preset::ALL {
        let at = |what: &str| folder.join(format!("{preset}-{what}"));
        let state = RocksDbBackend::open(config(preset, &at("state")))?;
        log(&state, &flights)?;
        let logged = sum(&state)?;

        // A checkpoint is a directory: hard links, so it takes moments and little space. It opens like any state.
        let checkpoint = state.create_checkpoint(at("checkpoint"))?;
        let copy =
            RocksDbBackend::open_checkpoint(config(preset, &at("copy")), at("checkpoint"), KeyValueOptions::default())?;
        expect_same(preset, "its checkpoint", &logged, &sum(&copy)?)?;

        // A snapshot is a stream: it goes into any state, of whatever preset or backend, and replaces what is there.
        let snapshot = state.snapshot(File::create(at("snapshot"))?)?;
        if let Some(before) = snapshot_before.replace(at("snapshot")) {
            copy.restore(File::open(before)?)?;
            expect_same(preset, "a snapshot of the preset before", &logged, &sum(&copy)?)?;
        }
        copy.close()?;

        println!("{}", row(preset, &state, &logged, checkpoint.bytes, snapshot.bytes));
        // Without `close` nothing would be lost either: there is a log. It releases files and memory.
        state.close()?;
    }
    another_preset_on_the_same_files(folder, flights.len())
}

/// A preset, with what a tour needs no more of. Every option has a method of its name; what is not said is the preset's.
fn config(preset: Preset, path: &Path) -> RocksDbConfig {
    RocksDbConfig::of(preset, path)
        .block_cache_size(ByteSize::mib(64))
        .db_write_buffer_size(ByteSize::mib(64))
        .durability(Durability::Wal)
        // Every operation is timed, so that few of them give a percentile; 1 of 16 is the default.
        .latency_sampling(1)
}

fn read_flights(path: &Path, limit: usize) -> Result<Vec<Flight>> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut rows = csv::Reader::from_reader(zstd::Decoder::new(file)?);
    let rows = rows.deserialize().take(limit).collect::<Result<Vec<Flight>, _>>()?;
    Ok(rows.into_iter().filter(|flight| flight.tailnum != "NA").collect())
}

/// The work: for each 256 flights one read of all their aircraft and one batch of changes.
fn log(state: &KeyValueState, flights: &[Flight]) -> Result<()> {
    let mut batch = Batch::default();
    for flights in flights.chunks(256) {
        let mut aircraft: BTreeMap<&str, Totals> = BTreeMap::new();
        flights.iter().for_each(|flight| aircraft.entry(&flight.tailnum).or_default().add(flight));
        let before = state.batch_get(aircraft.keys().map(|tail| total_key(tail)))?;
        for ((tail, more), before) in aircraft.iter().zip(before) {
            let before = before.as_deref().map(Totals::from_bytes).transpose()?.unwrap_or_default();
            let now = Totals { flights: before.flights + more.flights, miles: before.miles + more.miles };
            batch.put(&total_key(tail), &now.to_bytes());
        }
        for flight in flights {
            let Flight { month, day, sched_dep_time, carrier, flight, tailnum, origin, dest, .. } = flight;
            let key = format!("log/{tailnum}/{month:02}-{day:02} {sched_dep_time:04} {carrier}{flight}");
            batch.put(key.as_bytes(), format!("{origin} {dest}").as_bytes());
        }
        // Totals and log lines are there together or not at all, whenever the process dies.
        state.write(&batch)?;
        batch.clear();
    }
    Ok(())
}

fn total_key(tail: &str) -> Vec<u8> {
    [b"total/", tail.as_bytes()].concat()
}

/// Totals over all aircraft, and how many there are.
#[derive(Default, PartialEq)]
struct Sum {
    aircraft: u64,
    flights: u64,
    miles: u64,
    lines: u64,
}

fn sum(state: &KeyValueState) -> Result<Sum> {
    let mut sum = Sum::default();
    for entry in state.iter_prefix(b"total/") {
        let totals = Totals::from_bytes(&entry?.1)?;
        sum.aircraft += 1;
        sum.flights += totals.flights;
        sum.miles += totals.miles;
    }
    state.iter_prefix(b"log/").try_for_each(|entry| entry.map(|_| sum.lines += 1))?;
    Ok(sum)
}

fn expect_same(preset: Preset, what: &str, wanted: &Sum, found: &Sum) -> Result<()> {
    match wanted == found {
        true => Ok(()),
        false => Err(Error::damaged(format!("{what} holds other logbooks than `{preset}`"))),
    }
}

fn row(preset: Preset, state: &KeyValueState, sum: &Sum, checkpoint: u64, snapshot: u64) -> String {
    let told = state.metrics();
    let (reads, batches) = (told.latency(Operation::MultiGet).p99, told.latency(Operation::Batch).p99);
    let (checkpoint, snapshot) = (ByteSize(checkpoint).to_string(), ByteSize(snapshot).to_string());
    let (reads, batches) = (format!("{reads:.1?}"), format!("{batches:.1?}"));
    let name = preset.name();
    format!("{name:<17} {:<10} {:<12} {checkpoint:<19} {snapshot:<15} {reads:<11} {batches}", sum.aircraft, sum.miles)
}

/// A preset belongs to an opening, not to the files: the next opening may have another.
fn another_preset_on_the_same_files(folder: &Path, flights: usize) -> Result<()> {
    let path = folder.join("balanced-state");
    let state = RocksDbBackend::open(config(Preset::LargeState, &path))?;
    // New files are written as `large-state` says, and `compact` writes all of them anew.
    state.compact()?;
    let found = sum(&state)?;
    println!("\n`balanced`, opened as `large-state`: {} flights of {} aircraft", found.flights, found.aircraft);
    let told = state.detailed_metrics()?;
    let setting = |key: &str| told.settings.iter().find(|(name, _)| *name == key).map_or("-", |(_, value)| value);
    println!("  compression {}, {} on disk", setting("compression"), ByteSize(told.stats.disk_bytes));
    println!("  block cache in use: {} bytes", state.property("rocksdb.block-cache-usage")?.unwrap_or_default());
    state.close()?;
    match found.flights == flights as u64 {
        true => Ok(()),
        false => Err(Error::damaged(format!("{} of {flights} flights are there", found.flights))),
    }
}
