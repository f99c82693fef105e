//! Whether what a job publishes is true.

use super::scrape::Scrape;
use crate::sums::{Count, Sum, checkpointed, config, times};
use gress_runtime::{
    Error,
    prelude::*,
    sink::{Committer, Prepare, Sink, Writer, WriterContext},
};
use std::{path::Path, sync::Arc};

/// 500 numbers, counted by seven keys, written exactly once.
fn counts(name: &str, parallelism: usize, folder: &Path) -> Job {
    let job = Job::new(Config { name: name.into(), ..checkpointed(parallelism, 16, folder) });
    let numbers = job.source("numbers", FromVec::new((0..500_u64).collect::<Vec<_>>()));
    let counts = numbers.key_by(|n| n % 7).process("counts", |state| Count { seen: state.value("seen") });
    counts.sink("out", JsonLines::exactly_once(folder.join("out")));
    job
}

#[test]
fn every_event_is_counted_where_it_comes_in_and_goes_out() {
    let folder = tempfile::tempdir().unwrap();
    let (report, scrape) = Scrape::of(|| counts("sums", 2, folder.path()).run_seeded(3).unwrap());
    assert_eq!(report.progress.events, 500);
    assert_eq!(scrape.sum("gress_events_total", &[("job", "sums")]), 500.0);
    for operator in ["numbers", "counts"] {
        let labels = [("job", "sums"), ("operator", operator)];
        assert_eq!(scrape.sum("gress_task_events_in_total", &labels), 500.0, "{operator}");
        assert_eq!(scrape.sum("gress_task_events_out_total", &labels), 500.0, "{operator}");
    }
    let subtasks = scrape.values("gress_task_events_in_total", &[("operator", "counts")]);
    assert!(subtasks.len() == 2 && subtasks.iter().all(|n| *n > 0.0), "{subtasks:?}");
    assert_eq!(scrape.sum("gress_bad_records_skipped_total", &[("operator", "numbers")]), 0.0);
    let waiting = scrape.sum("gress_task_input_packets", &[("operator", "counts")]);
    assert_eq!((waiting, scrape.sum("gress_task_input_packets_capacity", &[])), (0.0, 32.0));
}

#[test]
fn checkpoints_are_counted_with_their_phases_and_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (report, scrape) = Scrape::of(|| counts("sums", 2, folder.path()).run_seeded(4).unwrap());
    let checkpoints = report.progress.checkpoints as f64;
    assert!(checkpoints >= 2.0, "{report:?}");
    let job = [("job", "sums")];
    assert_eq!(scrape.sum("gress_checkpoints_total", &job), checkpoints);
    assert_eq!(scrape.sum("gress_checkpoint_duration_seconds_count", &job), checkpoints);
    for phase in ["seal", "upload", "publish", "commit"] {
        let labels = [("job", "sums"), ("phase", phase)];
        assert_eq!(scrape.sum("gress_checkpoint_phase_duration_seconds_count", &labels), checkpoints);
    }
    let parts = scrape.sum("gress_checkpoint_phase_duration_seconds_sum", &job);
    let whole = scrape.sum("gress_checkpoint_duration_seconds_sum", &job);
    assert!(whole > 0.0 && (parts - whole).abs() < 1e-9, "{parts} of {whole}");
    // Three tasks take part in each.
    assert_eq!(scrape.sum("gress_seal_duration_seconds_count", &job), 3.0 * checkpoints);
    assert_eq!(scrape.sum("gress_seal_pause_seconds_count", &job), 3.0 * checkpoints);
    assert_eq!(scrape.sum("gress_checkpoint_failures_total", &job), 0.0);
    let written = scrape.sum("gress_checkpoint_written_bytes_total", &job);
    let output: u64 =
        std::fs::read_dir(folder.path().join("out")).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
    assert!(written >= (output + report.progress.state_bytes) as f64, "{written} bytes, {output} of them output");
    assert_eq!(scrape.sum("gress_state_bytes", &job), report.progress.state_bytes as f64);
    assert_eq!(scrape.sum("gress_state_checkpoint_bytes", &job), report.progress.state_bytes as f64);
    assert!(scrape.sum("gress_state_runs", &job) >= 2.0);
    assert_eq!(scrape.sum("gress_starts", &job), 1.0);
}

#[test]
fn starts_and_refused_checkpoints_are_told_by_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let run = |broken: bool| {
        let job = Job::new(checkpointed(1, 4, folder.path()));
        let numbers = job.source("numbers", FromVec::new((0..3_000_u64).collect::<Vec<_>>()));
        let broken = move |n: u64| if broken && n == 2_900 { Err(Error::operator("broken")) } else { Ok(n) };
        let numbers = numbers.try_map(broken);
        let counts = numbers.key_by(|n| n % 7).process("counts", |state| Count { seen: state.value("seen") });
        counts.sink("out", Discard);
        Scrape::of(|| job.run_seeded(1))
    };
    let (failed, _) = run(true);
    failed.unwrap_err();
    let manifests = std::fs::read_dir(folder.path().join("state")).unwrap().map(|entry| entry.unwrap().path());
    let newest = manifests.filter(|path| path.to_string_lossy().contains("manifest-")).max();
    let newest = newest.expect("the failed run has taken checkpoints");
    let mut bytes = std::fs::read(&newest).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    let (report, scrape) = run(false);
    let report = report.unwrap();
    assert_eq!((report.starts, report.refused.len()), (2, 1), "{report:?}");
    assert_eq!(scrape.sum("gress_starts", &[]), 2.0);
    assert_eq!(scrape.sum("gress_refused_checkpoints", &[]), 1.0);
    assert!(scrape.sum("gress_events_total", &[]) < 3_000.0, "it does not begin anew");
}

#[test]
fn a_state_that_fits_is_never_missed_and_one_that_does_not_is() {
    let run = |memory: Option<u64>| {
        let mut config = config(1, 64);
        config.state.memory = memory.map(gress_runtime::ByteSize);
        let job = Job::new(config);
        // 20,000 keys, each of them twice.
        let numbers = job.source("numbers", FromVec::new((0..40_000_u64).collect::<Vec<_>>()));
        let counts = numbers.key_by(|n| n % 20_000).process("counts", |state| Count { seen: state.value("seen") });
        counts.sink("out", Discard);
        Scrape::of(|| job.run_seeded(1).unwrap()).1
    };
    let seen = [("operator", "counts"), ("subtask", "0"), ("state", "seen")];
    let fits = run(None);
    assert_eq!(
        (fits.sum("gress_state_hits_total", &seen), fits.sum("gress_state_misses_total", &seen)),
        (40_000.0, 0.0)
    );
    assert_eq!(fits.sum("gress_state_entries", &seen), 20_000.0);
    assert_eq!(fits.sum("gress_state_dirty_entries", &seen), 20_000.0, "there are no checkpoints");
    assert_eq!(fits.sum("gress_state_spills_total", &seen), 0.0);
    assert_eq!(fits.values("gress_state_budget_bytes", &[]), [0.0; 0], "there is no limit");
    let spills = run(Some(1 << 18));
    let (hits, misses) = (spills.sum("gress_state_hits_total", &seen), spills.sum("gress_state_misses_total", &seen));
    assert_eq!(hits + misses, 40_000.0);
    assert!(misses >= 10_000.0, "{misses}: the second use of a key finds it spilled");
    assert!(spills.sum("gress_state_spills_total", &seen) > 1.0);
    assert!(spills.sum("gress_state_spilled_bytes_total", &seen) > 100_000.0);
    let (budget, table) = (spills.sum("gress_state_budget_bytes", &[]), spills.sum("gress_state_memory_bytes", &seen));
    assert!(budget <= f64::from(1 << 18) && table <= budget && table > budget / 2.0, "{table} of {budget}");
}

#[test]
fn late_events_and_the_watermark_are_those_of_the_windows() {
    let job = Job::new(config(2, 1));
    let numbers = job.source("numbers", FromVec::new(times(10_000)));
    let timed = numbers.event_time(|n| Timestamp::from_millis(*n as i64), Watermarks::bounded(millis(5)));
    let sums = timed.key_by(|n| n % 3).window(Tumbling::every(millis(50))).aggregate("sums", Sum::default());
    sums.sink("out", Discard);
    let (report, scrape) = Scrape::of(|| job.run_seeded(7).unwrap());
    assert!(report.progress.late > 0);
    assert_eq!(scrape.sum("gress_late_events_total", &[("operator", "sums")]), report.progress.late as f64);
    for operator in ["numbers", "sums"] {
        // Times go up to 100 s. What is seen is the last one that was published before the end of the input.
        let at = scrape.values("gress_task_watermark_timestamp_seconds", &[("operator", operator)]);
        assert!(!at.is_empty() && at.iter().all(|at| (1.0..101.0).contains(at)), "{operator}: {at:?}");
        let lag = scrape.values("gress_task_watermark_lag_seconds", &[("operator", operator)]);
        assert!(lag.iter().all(|lag| *lag == 0.0), "nothing lags behind the end of the input: {lag:?}");
    }
}

#[test]
fn the_time_of_a_task_is_busy_idle_and_backpressured_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..5 {
        let job = counts("sums", 3, &folder.path().join(seed.to_string()));
        let (report, scrape) = Scrape::of(|| job.run_seeded(seed).unwrap());
        let took = report.took.as_millis() as f64;
        let all = ["busy", "idle", "backpressured"].map(|what| format!("gress_task_{what}_milliseconds_total"));
        for operator in ["numbers", "counts"] {
            let spent: f64 = all.iter().map(|name| scrape.sum(name, &[("operator", operator), ("subtask", "0")])).sum();
            // A task ends before the job does; each sum is rounded down once.
            assert!(spent <= took && spent > took * 0.5, "seed {seed}: {operator} spent {spent} of {took} ms");
        }
        assert!(scrape.sum(&all[0], &[]) > 0.0 && scrape.sum(&all[1], &[]) > 0.0);
    }
}

/// Its transactions cannot be prepared.
struct Refuses;

impl Sink<(u64, u64)> for Refuses {
    fn open(&self, _: &WriterContext) -> Result<Box<dyn Writer<(u64, u64)>>> {
        Ok(Box::new(Refuses))
    }

    fn committer(&self) -> Option<Arc<dyn Committer>> {
        None
    }
}

impl Writer<(u64, u64)> for Refuses {
    fn write(&mut self, events: &mut Vec<Event<(u64, u64)>>) -> Result<()> {
        events.clear();
        Ok(())
    }

    fn prepare(&mut self, _: gress_runtime::CheckpointId) -> Result<Option<Prepare>> {
        Err(Error::storage("the disk is full"))
    }
}

#[test]
fn a_checkpoint_that_ends_with_the_job_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let job = Job::new(checkpointed(1, 16, folder.path()));
    let numbers = job.source("numbers", FromVec::new((0..500_u64).collect::<Vec<_>>()));
    numbers.key_by(|n| n % 7).process("counts", |state| Count { seen: state.value("seen") }).sink("out", Refuses);
    let (outcome, scrape) = Scrape::of(|| job.run_seeded(1));
    assert!(outcome.unwrap_err().to_string().contains("the disk is full"));
    assert_eq!(scrape.sum("gress_checkpoint_failures_total", &[]), 1.0);
    assert_eq!(scrape.sum("gress_checkpoints_total", &[]), 0.0);
}
