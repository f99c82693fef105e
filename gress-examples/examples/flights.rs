//! The main job: every flight that left New York City in 2013, out of order as it really departed.
//!
//! ```text
//!                        ┌─ key_by origin ─▶ hourly windows ─┬─▶ hourly/   delays by origin and hour
//!  flights.csv ─▶ time ──┤                                   └─▶ late/     events that came too late
//!                        └─ key_by tail number ─▶ legs ────────▶ legs/     running count and distance
//! ```
//!
//! Kill it at any moment and start it again with the same directories: the results are the same, to the line.
//!
//! ```text
//! cargo run --release -p gress-examples --example flights -- --out /tmp/flights
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use clap::Parser;
use gress_runtime::{
    JobHandle,
    config::{Config, Origin, process_environment},
    prelude::*,
    source::{Row, na_as_none},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Delays and legs of all flights that left New York City in 2013.
#[derive(Parser)]
struct Flags {
    /// Where results go: DIR/hourly, DIR/late and DIR/legs.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where checkpoints and working files are kept [default: OUT/.state].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The folder with flights.csv.zst.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/data"))]
    input: PathBuf,
    /// A YAML file with the job's settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where keyed state lives: memory or rocksdb.
    #[arg(long, value_name = "BACKEND")]
    backend: Option<String>,
    /// Tasks of each keyed step [default: 2].
    #[arg(long, value_name = "N")]
    parallelism: Option<usize>,
    /// Reads at most this many events a second.
    #[arg(long, value_name = "EVENTS_PER_SECOND")]
    rate: Option<u64>,
    /// Time between checkpoints, such as 500ms.
    #[arg(long, value_name = "DURATION")]
    checkpoint_interval: Option<String>,
    /// Events that travel together.
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
}

/// The columns of flights.csv that the job uses.
#[derive(Clone, Deserialize)]
struct Scheduled {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    #[serde(deserialize_with = "na_as_none")]
    dep_delay: Option<i64>,
    #[serde(deserialize_with = "na_as_none")]
    tailnum: Option<String>,
    origin: String,
    distance: u64,
}

/// A flight that departed.
#[derive(Clone)]
struct Flight {
    seq: u64,
    origin: String,
    tail_number: Option<String>,
    departed_at: Timestamp,
    delay: i64,
    distance: u64,
}

impl Flight {
    /// The flight of a row; `None` if it was cancelled.
    fn departed(row: Row<Scheduled>) -> Result<Option<Flight>> {
        let Row { number: seq, value: scheduled } = row;
        let Some(delay) = scheduled.dep_delay else { return Ok(None) };
        let date = jiff::civil::Date::new(scheduled.year, scheduled.month, scheduled.day)?;
        let time = jiff::civil::Time::new(scheduled.hour, scheduled.minute, 0, 0)?;
        // Local times are taken as they stand, as if they were UTC.
        let at = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_millisecond();
        let departed_at = Timestamp::from_millis(at + delay * 60_000);
        let Scheduled { origin, tailnum: tail_number, distance, .. } = scheduled;
        Ok(Some(Flight { seq, origin, tail_number, departed_at, delay, distance }))
    }
}

/// Departure delays, in minutes.
#[derive(Clone, Serialize, Deserialize)]
struct Delays {
    n: u64,
    sum: i64,
    min: i64,
    max: i64,
}

impl Delays {
    const NONE: Delays = Delays { n: 0, sum: 0, min: i64::MAX, max: i64::MIN };
}

impl Accumulator<Flight> for Delays {
    type Out = Delays;

    fn add(&mut self, flight: &Flight) {
        self.merge(Delays { n: 1, sum: flight.delay, min: flight.delay, max: flight.delay });
    }

    fn merge(&mut self, other: Delays) {
        self.n += other.n;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    fn finish(self) -> Delays {
        self
    }
}

/// A line of hourly/.
#[derive(Clone, Serialize)]
struct Hourly {
    origin: String,
    window_start: String,
    n: u64,
    sum_dep_delay: i64,
    mean_dep_delay: f64,
    min_dep_delay: i64,
    max_dep_delay: i64,
}

impl From<Windowed<String, Delays>> for Hourly {
    fn from(Windowed { key: origin, window, value }: Windowed<String, Delays>) -> Hourly {
        Hourly {
            origin,
            window_start: minute(window.start),
            n: value.n,
            sum_dep_delay: value.sum,
            mean_dep_delay: value.sum as f64 / value.n as f64,
            min_dep_delay: value.min,
            max_dep_delay: value.max,
        }
    }
}

/// A line of late/.
#[derive(Clone, Serialize)]
struct Late {
    seq: u64,
    origin: String,
    window_start: String,
    event_time: String,
}

impl From<Flight> for Late {
    fn from(flight: Flight) -> Late {
        let millis = flight.departed_at.as_millis();
        let window_start = Timestamp::from_millis(millis - millis.rem_euclid(3_600_000));
        Late {
            seq: flight.seq,
            origin: flight.origin,
            window_start: minute(window_start),
            event_time: minute(flight.departed_at),
        }
    }
}

/// A flight of a known aircraft.
#[derive(Clone)]
struct Leg {
    tail_number: String,
    distance: u64,
}

/// A line of legs/.
#[derive(Clone, Serialize)]
struct LegsSoFar {
    tail_number: String,
    leg: u64,
    total_distance: u64,
}

/// Counts legs and distance of each aircraft.
struct CountLegs {
    so_far: ValueState<String, (u64, u64)>,
}

impl Process<String, Leg> for CountLegs {
    type Out = LegsSoFar;

    fn on_event(&mut self, tail_number: &Key<String>, leg: Event<Leg>, out: &mut Output<LegsSoFar>) -> Result<()> {
        let mut so_far = self.so_far.entry(tail_number)?.or_default();
        so_far.0 += 1;
        so_far.1 += leg.distance;
        let (leg, total_distance) = *so_far;
        out.emit(LegsSoFar { tail_number: tail_number.value().clone(), leg, total_distance });
        Ok(())
    }
}

/// A time to the minute: `2013-01-01T05:00`.
fn minute(time: Timestamp) -> String {
    time.to_string().chars().take(16).collect()
}

fn build(job: &Job, flags: &Flags) -> Result<()> {
    let rows = CsvFile::<Scheduled>::open(flags.input.join("flights.csv.zst"))?.numbered();
    let rows = match flags.rate {
        Some(rate) => job.source("flights", Throttled::new(rows, rate)?),
        None => job.source("flights", rows),
    };
    let flights = rows
        .try_map(Flight::departed)
        .flat_map(|departed| departed)
        .event_time(|flight| flight.departed_at, Watermarks::bounded(hours(6)));

    let hourly = flights
        .key_by(|flight| flight.origin.clone())
        .window(Tumbling::every(hours(1)))
        .aggregate("hourly", Delays::NONE);
    hourly.map(Hourly::from).sink("hourly-out", JsonLines::exactly_once(flags.out.join("hourly")));
    hourly.late().map(Late::from).sink("late-out", JsonLines::exactly_once(flags.out.join("late")));

    flights
        .flat_map(|flight| Some(Leg { tail_number: flight.tail_number?, distance: flight.distance }))
        .key_by(|leg| leg.tail_number.clone())
        .process("legs", |state| CountLegs { so_far: state.value("so-far") })
        .sink("legs-out", JsonLines::exactly_once(flags.out.join("legs")));
    Ok(())
}

/// A flag beats the environment, that beats the file, that beats the default.
fn config(flags: &Flags) -> Result<Config> {
    let text = |n: &usize| n.to_string();
    let directory = |state: &Path, below: &str| state.join(below).display().to_string();
    let code = [
        ("state.backend", flags.backend.clone()),
        ("parallelism", flags.parallelism.as_ref().map(text)),
        ("checkpoint.interval", flags.checkpoint_interval.clone()),
        ("batch.size", flags.batch.as_ref().map(text)),
        ("checkpoint.directory", flags.state.as_ref().map(|state| directory(state, "checkpoints"))),
        ("state.directory", flags.state.as_ref().map(|state| directory(state, ""))),
    ];
    let code: Vec<_> = code.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let mut config = Config::load(flags.config.as_deref(), process_environment()?, &code)?;
    let default = |key: &str| config.settings().iter().any(|s| s.key == key && matches!(s.origin, Origin::Default));
    if default("parallelism") {
        config.parallelism = 2;
    }
    let state = flags.out.join(".state");
    config.checkpoint.directory.get_or_insert_with(|| state.join("checkpoints"));
    if !config.state.rocksdb.iter().any(|setting| setting.key == "path") {
        config.state.directory.get_or_insert(state);
    }
    Ok(config)
}

/// Shows what the job does until it has ended.
fn show_progress(job: &JobHandle) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise}  {msg}") {
        bar.set_style(style);
    }
    while !job.is_over() {
        let done = job.progress();
        let seconds = bar.elapsed().as_secs_f64().max(0.001);
        let rate = done.events as f64 / seconds;
        bar.set_message(format!("{} events, {rate:.0}/s, {} checkpoints", done.events, done.checkpoints));
        bar.tick();
        std::thread::park_timeout(Duration::from_millis(20));
    }
    bar.finish_and_clear();
}

fn run(flags: &Flags) -> Result<Report> {
    let job = Job::new(config(flags)?);
    build(&job, flags)?;
    let job = job.start()?;
    for refused in job.refused() {
        eprintln!("warning: {refused}; going on from the checkpoint before");
    }
    job.stop_on_signals()?;
    show_progress(&job);
    job.wait()
}

/// Help goes to stdout; an error of usage is one line and exit code 2.
fn usage(told: &clap::Error) -> ExitCode {
    if !told.use_stderr() {
        print!("{told}");
        return ExitCode::SUCCESS;
    }
    let text = told.to_string();
    let what: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    eprintln!("{}; try --help", what.join(" "));
    ExitCode::from(2)
}

fn main() -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(told) => return usage(&told),
    };
    match run(&flags) {
        Ok(report) => {
            println!("  results      {}/{{hourly,late,legs}}/*.jsonl", flags.out.display());
            report.print();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
