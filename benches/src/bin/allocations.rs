//! Allocations of each call on a key-value state, beside raw RocksDB: `cargo run --release -p gress-bench --bin
//! allocations`. A program of its own, because counting them slows everything else down.
//!
//! What RocksDB allocates in C++ is not counted: it is the same on both sides.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use gress_runtime::Result;
use gress_state::{KeyValueState, memory::MemoryBackend};
use gress_state_rocksdb::{RocksDbBackend, RocksDbConfig};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, hint::black_box, process::ExitCode};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Calls whose allocations are counted together.
const CALLS: u64 = 1_000;
/// Entries of a batch.
const BATCH: u64 = 100;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("error: `get_with` must not allocate, and `get` no more than the value that it gives");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table. Gives whether reads allocate no more than they give.
fn run() -> Result<bool> {
    let scratch = tempfile::tempdir()?;
    let memory = Allocations::of(&MemoryBackend::open()?)?;
    let state = RocksDbBackend::open(RocksDbConfig::low_latency(scratch.path()))?;
    let rocksdb = Allocations::of(&state)?;
    state.close()?;
    println!("{:<24} {:>10} {:>10} {:>10} {:>16}", "allocations of a call", "get_with", "get", "put", "batch_put(100)");
    for (name, counted) in [("Gress, memory", &memory), ("Gress, low-latency", &rocksdb)] {
        let Allocations { get_with, get, put, batch_put } = counted;
        println!("{name:<24} {get_with:>10.3} {get:>10.3} {put:>10.3} {batch_put:>16.3}");
    }
    Ok([memory, rocksdb].iter().all(|counted| counted.get_with == 0.0 && counted.get == 1.0))
}

/// Allocations of one call of each kind.
struct Allocations {
    get_with: f64,
    get: f64,
    put: f64,
    batch_put: f64,
}

impl Allocations {
    fn of(state: &KeyValueState) -> Result<Self> {
        let put = |number: u64| state.put(&number.to_be_bytes(), &[7; 100]);
        let batch = || state.batch_put((0..BATCH).map(|number| (number.to_be_bytes(), [7; 100])));
        (0..CALLS).try_for_each(put)?;
        state.flush()?;
        Ok(Allocations {
            get_with: counted(|number| {
                state.get_with(&number.to_be_bytes(), |value| black_box(value.len())).map(drop)
            })?,
            get: counted(|number| state.get(&number.to_be_bytes()).map(|value| drop(black_box(value))))?,
            put: counted(put)?,
            batch_put: counted(|_| batch())?,
        })
    }
}

/// Allocations of each of many calls, on average.
fn counted(mut call: impl FnMut(u64) -> Result<()>) -> Result<f64> {
    let region = Region::new(ALLOCATOR);
    (0..CALLS).try_for_each(&mut call)?;
    let change = region.change();
    Ok((change.allocations + change.reallocations) as f64 / CALLS as f64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_allocate_no_more_than_they_give() {
        assert!(super::run().unwrap());
    }
}
