//! Gress side by side with what a programmer would write by hand, in one run: `gress-bench compare` for jobs, the other
//! commands for the key-value state.
//!
//! Absolute figures differ from machine to machine and drift within one; the ratios of one run are what counts.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

mod command;
mod engine;
mod jobs;
mod key_value;
mod keys;
mod latencies;
mod limited;
mod measure;
mod medians;
mod operation;
mod report;
mod resident;
mod shared;
mod thread_time;
mod values;
mod workload;

use clap::{Parser, Subcommand};
use command::{
    access::Access, batches::Batches, compare::Compare, compression::CompressionRatios, end_to_end::EndToEnd,
    large::Large, latency::Latency, overhead::Overhead, pauses::Pauses, sampling::Sampling, state::State,
    tombstones::Tombstones, uploads::Uploads,
};
use gress_runtime::Result;
use report::Report;
use shared::Shared;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Measures Gress against a plain hash map and raw RocksDB.")]
struct Flags {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    shared: Shared,
}

#[derive(Subcommand)]
enum Command {
    /// Counters, windows, lists, maps and chains: all engines in one run, medians of several rounds.
    Compare(Compare),
    /// What `compare` has done by a process of its own.
    #[command(hide = true)]
    Errand,
    /// A counter a key without the job around it: `ValueState` beside a hash map.
    Access(Access),
    /// Operations per second and latencies of every preset, of memory and of raw RocksDB.
    State(State),
    /// Latencies at half the peak rate, from the scheduled arrival on, with compaction and checkpoints; beside raw RocksDB.
    Latency(Latency),
    /// What sealing a million changed entries each second takes from a task, beside the same run without checkpoints.
    Pauses(Pauses),
    /// Latencies of events on their way through a job, from the scheduled arrival to the sink, at fixed rates.
    EndToEnd(EndToEnd),
    /// Exactly so many operations of one kind, for a program that counts instructions: see scripts/overhead.
    Overhead(Overhead),
    /// A batch of 100 puts against 100 puts, in each durability mode.
    Batches(Batches),
    /// State larger than its memory budget: reads, throughput, memory.
    Large(Large),
    /// Scans of a range that was emptied by deletes.
    Tombstones(Tombstones),
    /// Bytes on disk of real records, in each compression.
    Compression(CompressionRatios),
    /// Bytes that checkpoints write for each byte of state that has changed.
    Uploads(Uploads),
    /// What it costs to time one of 16 operations, or each.
    Sampling(Sampling),
}

fn main() -> ExitCode {
    let Flags { command, shared } = Flags::parse();
    match run(command, &shared) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(exceeded) if shared.gate => {
            eprintln!("error: {exceeded} limits were not kept");
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command. Gives how many limits were not kept.
fn run(command: Command, shared: &Shared) -> Result<usize> {
    let report = match command {
        Command::Compare(compare) => compare.run(shared),
        Command::Errand => return limited::serve().map(|()| 0),
        Command::Access(access) => access.run(shared),
        Command::State(state) => state.run(shared),
        Command::Latency(latency) => latency.run(shared),
        Command::Pauses(pauses) => pauses.run(shared),
        Command::EndToEnd(end_to_end) => end_to_end.run(shared),
        Command::Overhead(overhead) => overhead.run(shared),
        Command::Batches(batches) => batches.run(shared),
        Command::Large(large) => large.run(shared),
        Command::Compression(ratios) => ratios.run(shared),
        Command::Tombstones(tombstones) => tombstones.run(shared),
        Command::Uploads(uploads) => uploads.run(shared),
        Command::Sampling(sampling) => sampling.run(shared),
    };
    let report: Report = report?;
    shared.json.as_ref().map_or(Ok(()), |file| report.write_json(file))?;
    Ok(report.exceeded)
}
