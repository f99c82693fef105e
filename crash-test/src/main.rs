//! `crash-test KILLS`: kills the flights job so many times and says whether its output is exact.
//!
//! The last line is `kills=… jobs=… lost=… duplicated=… changed=…`. The exit code is 0 only if the last three are zero,
//! nothing hung or failed, and there were as many kills and ended jobs as asked for.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a report on the terminal is what this program is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "it tells how long real processes took; no Clock of Gress is at work here"
)]

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use gress_crash_test::committed::Faults;
use gress_crash_test::job::{Job, Setting, Tally};
use gress_crash_test::plan::{Plan, jobs_required};
use gress_crash_test::random::Random;
use gress_crash_test::reference;

/// Kills the flights job with `kill -9` again and again, and compares its committed output with a plain computation.
#[derive(Debug, Parser)]
#[command(name = "crash-test")]
struct Args {
    /// How often to kill.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    kills: u64,
    /// Repeats the plan of an earlier run (which moment a kill hits still depends on the machine).
    #[arg(long)]
    seed: Option<u64>,
    /// The compiled job.
    #[arg(long, default_value = "target/release/examples/flights")]
    binary: PathBuf,
    /// The folder with the flights.
    #[arg(long, default_value = "gress-examples/data")]
    input: PathBuf,
    /// Where the jobs work; by default a temporary folder, which is kept if something is wrong.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// All jobs so far.
#[derive(Debug, Default)]
struct Total {
    kills: u64,
    jobs: u64,
    faults: Faults,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut total = Total::default();
    let outcome = run(&args, &mut total);
    if let Err(error) = &outcome {
        eprintln!("crash-test: {error}");
    }
    println!("kills={} jobs={} {}", total.kills, total.jobs, total.faults);
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(args: &Args, total: &mut Total) -> io::Result<()> {
    let seed = args.seed.unwrap_or_else(Random::fresh_seed);
    let flights = reference::read_folder(&args.input).map_err(|error| context(&error, args.input.display()))?;
    let expected = reference::outputs(&flights);
    let setting = Setting { binary: &args.binary, input: &args.input, expected: &expected };
    let working = working_folder(args.out.as_deref())?;
    let ended_jobs = jobs_required(args.kills);
    println!(
        "seed {seed}: {} kills and at least {ended_jobs} jobs to their end, over {} flights",
        args.kills,
        flights.len()
    );

    let mut random = Random::of_seed(seed);
    // Most jobs are killed seven times or more. Where so many jobs are not enough, they end before a kill can reach them.
    let most_jobs = args.kills + 10;
    while total.kills < args.kills || total.jobs < ended_jobs {
        if total.jobs == most_jobs {
            return Err(io::Error::other(format!("{most_jobs} jobs have ended, and there were too few kills")));
        }
        let number = total.jobs + 1;
        let plan = Plan::draw(total.jobs, flights.len() as u64, &mut random);
        let folder = working.join(format!("job-{number:03}"));
        one_job(&setting, plan, &folder, &mut random, total)
            .map_err(|error| context(&error, format!("job {number} (kept in {})", folder.display())))?;
        std::fs::remove_dir_all(folder)?;
    }
    if args.out.is_none() {
        std::fs::remove_dir(working)?;
    }
    Ok(())
}

/// Adds one job to the total, however it goes.
fn one_job(setting: &Setting<'_>, plan: Plan, folder: &Path, random: &mut Random, total: &mut Total) -> io::Result<()> {
    let started = Instant::now();
    let words = plan.to_string();
    let mut tally = Tally::default();
    let outcome = Job::new(setting, plan, folder.to_owned()).and_then(|mut job| job.live(random, &mut tally));
    total.kills += tally.kills;
    total.faults += tally.faults;
    outcome.map_err(|error| context(&error, &words))?;
    total.jobs += 1;
    println!(
        "job {:>3}: {words:<32}: {:>2} kills ({} in recovery), {:>4} files, exact, {:>4.1} s",
        total.jobs,
        tally.kills,
        tally.kills_in_recovery,
        tally.files,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// An empty folder for the jobs. A temporary one is not removed by itself: what went wrong in it is worth a look.
fn working_folder(given: Option<&Path>) -> io::Result<PathBuf> {
    let Some(path) = given else {
        return Ok(tempfile::Builder::new().prefix("gress-crash-test-").tempdir()?.keep());
    };
    std::fs::create_dir_all(path)?;
    if path.read_dir()?.next().is_some() {
        return Err(io::Error::other(format!("--out {}: the folder is not empty", path.display())));
    }
    Ok(path.to_owned())
}

fn context(error: &io::Error, words: impl Display) -> io::Error {
    io::Error::new(error.kind(), format!("{words}: {error}"))
}
