//! State without a job: sessions of visitors in a map from bytes to bytes, on a backend that a flag chooses.
//!
//! Nothing below [`open`] knows which backend it is, and both give the same output, line by line.
//!
//! ```text
//! cargo run --release -p gress-examples --example state_backend -- --backend memory
//! cargo run --release -p gress-examples --example state_backend -- --backend rocksdb
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use clap::{Parser, ValueEnum};
use gress_core::{Result, Timestamp};
use gress_state::{KeyValueOptions, KeyValueState, ManualWallClock, Ttl, key_value::Batch, memory::MemoryBackend};
use gress_state_rocksdb::{RocksDbBackend, RocksDbConfig};
use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

/// A tour of the plain key-value API.
#[derive(Parser)]
struct Flags {
    /// Where the entries live.
    #[arg(long, value_enum, default_value_t = Backend::Memory)]
    backend: Backend,
}

#[derive(Clone, Copy, ValueEnum)]
enum Backend {
    Memory,
    Rocksdb,
}

impl Backend {
    fn other(self) -> Backend {
        match self {
            Backend::Memory => Backend::Rocksdb,
            Backend::Rocksdb => Backend::Memory,
        }
    }
}

/// Half an hour without a click ends a session.
const SESSION: Duration = Duration::from_secs(30 * 60);

fn main() -> ExitCode {
    match tour(Flags::parse().backend) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The only place that names a backend. `folder` is for the files of one that has any.
fn open(backend: Backend, folder: &Path, options: KeyValueOptions) -> Result<KeyValueState> {
    match backend {
        Backend::Memory => MemoryBackend::open_with(options),
        Backend::Rocksdb => RocksDbBackend::open_with(RocksDbConfig::balanced(folder), options),
    }
}

fn tour(backend: Backend) -> Result<()> {
    let folder = tempfile::tempdir()?;
    // A clock that this program sets itself, so that half an hour passes at once. Leave it out for the system's.
    let clock = Arc::new(ManualWallClock::at(Timestamp::from_millis(0)));
    let options = KeyValueOptions::default().clock(clock.clone());
    let sessions = open(backend, &folder.path().join("here"), options.clone().ttl(Ttl::after(SESSION)))?;

    points(&sessions)?;
    batches(&sessions)?;
    scans(&sessions)?;
    carry_over(&sessions, &open(backend.other(), &folder.path().join("there"), options.ttl(Ttl::after(SESSION)))?)?;
    time_to_live(&sessions, &clock)?;

    println!("{}", counts(&sessions));
    // A second `close` does nothing; any other call afterwards is an error of the kind `Closed`.
    sessions.close()
}

/// One key at a time. Keys and values are any bytes.
fn points(sessions: &KeyValueState) -> Result<()> {
    sessions.put(b"visitor/ada", b"1 click")?;
    sessions.put(b"visitor/ada", b"2 clicks")?;
    sessions.put(b"visitor/gone", b"1 click")?;
    sessions.delete(b"visitor/gone")?;
    // A key that is not there is no error.
    println!("ada: {}, gone: {}", show(sessions.get(b"visitor/ada")?), show(sessions.get(b"visitor/gone")?));
    // Without a copy, where the value is only looked at.
    let length = sessions.get_with(b"visitor/ada", <[u8]>::len)?;
    println!("ada's value has {} bytes", length.unwrap_or_default());
    Ok(())
}

/// Many at once: a batch is there as a whole or not at all, also after a crash.
fn batches(sessions: &KeyValueState) -> Result<()> {
    sessions.batch_put([("visitor/bob", "1 click"), ("visitor/cleo", "4 clicks"), ("shop/open", "yes")])?;
    // Answers stand in the order of the question.
    let found = sessions.batch_get(["visitor/cleo", "visitor/nobody", "visitor/bob"])?;
    println!("batch: {}", found.into_iter().map(show).collect::<Vec<_>>().join(", "));
    // Changes of several kinds count in the order in which they are added.
    let mut checkout = Batch::default();
    checkout.put(b"order/1", b"cleo").put(b"order/2", b"bob").delete(b"visitor/bob");
    sessions.write(&checkout)?;
    sessions.batch_delete(["order/2", "order/3"])
}

/// Keys are in order of their bytes, so a common beginning is a place to look.
fn scans(sessions: &KeyValueState) -> Result<()> {
    let first = sessions.scan_prefix(b"visitor/", 1)?;
    println!(
        "one visitor: {}, more: {}",
        show(first.entries.first().map(|(key, _)| key.clone())),
        first.next.is_some()
    );
    // An iterator reads slice by slice, so memory does not grow with the range.
    for entry in sessions.iter_prefix(b"") {
        let (key, value) = entry?;
        println!("  {} = {}", text(&key), text(&value));
    }
    Ok(())
}

/// A snapshot is a stream of bytes that any backend reads: into a file, over a socket, or as here into memory.
fn carry_over(from: &KeyValueState, to: &KeyValueState) -> Result<()> {
    let mut stream = Vec::new();
    let written = from.snapshot(&mut stream)?;
    to.put(b"what was there", b"is replaced")?;
    let read = to.restore(stream.as_slice())?;
    println!("snapshot: {} entries written, {} read by the other backend", written.entries, read.entries);
    println!("the other backend says of cleo: {}", show(to.get(b"visitor/cleo")?));
    println!("and of what was there: {}", show(to.get(b"what was there")?));
    to.close()
}

/// Half an hour after its last write an entry is gone, to the millisecond.
fn time_to_live(sessions: &KeyValueState, clock: &ManualWallClock) -> Result<()> {
    let at = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
    // An end of its own beats the state's time to live.
    sessions.put_with_ttl(b"coupon", b"10 % off", Duration::from_secs(60))?;
    clock.set(at(20));
    sessions.put(b"visitor/ada", b"3 clicks")?;
    clock.set(at(30));
    println!("after 30 minutes: ada {}", show(sessions.get(b"visitor/ada")?));
    println!("  cleo {}, coupon {}", show(sessions.get(b"visitor/cleo")?), show(sessions.get(b"coupon")?));
    // Expired entries leave the files some time later by themselves, and here at once.
    sessions.compact()
}

fn counts(state: &KeyValueState) -> String {
    let told = state.metrics();
    format!(
        "gets {}, puts {}, deletes {}, batches {}, scans {}, multi-gets {}, misses {}, errors {}",
        told.gets, told.puts, told.deletes, told.batches, told.scans, told.multi_gets, told.misses, told.errors
    )
}

fn show(value: Option<Vec<u8>>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| text(&value))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
