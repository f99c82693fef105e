//! Jobs whose state exceeds its budget all the time, so that they spill and wait for storage.

use crate::{
    metrics::scrape::Scrape,
    sums::{Count, checkpointed, lines},
};
use gress_runtime::{ByteSize, prelude::*};
use std::path::Path;

const KEYS: u64 = 5_000;

/// Counts each of the keys four times, on a budget of so many bytes.
fn job(folder: &Path, parallelism: usize, batch: usize, memory: Option<u64>) -> Job {
    let mut config = checkpointed(parallelism, batch, folder);
    config.state.memory = memory.map(ByteSize);
    let job = Job::new(config);
    let numbers = job.source("numbers", FromVec::new((0..4 * KEYS).collect::<Vec<_>>()));
    let counts = numbers.key_by(|n| n % KEYS).process("counts", |state| Count { seen: state.value("seen") });
    counts.sink("out", JsonLines::exactly_once(folder.join("out")));
    job
}

fn expected() -> Vec<String> {
    let mut lines: Vec<_> = (0..KEYS).flat_map(|key| (1..=4).map(move |seen| format!("[{key},{seen}]"))).collect();
    lines.sort();
    lines
}

/// The stepper runs what is submitted late and out of order, and calls a job stuck in which nothing happens any more.
#[test]
fn a_job_that_waits_for_storage_takes_its_checkpoints_and_loses_nothing() {
    let expected = expected();
    let mut waited = 0.0;
    for seed in 0..8 {
        for (parallelism, batch, memory) in [(1, 64, 48 << 10), (2, 512, 24 << 10), (1, 4_096, 1)] {
            let folder = tempfile::tempdir().unwrap();
            let job = job(folder.path(), parallelism, batch, Some(memory));
            let (report, scrape) = Scrape::of(|| job.run_seeded(seed).unwrap());
            let of = format!("seed {seed}, {parallelism} tasks, batches of {batch}, {memory} bytes");
            assert!(report.progress.checkpoints >= 2, "{of}: {report:?}");
            assert!(lines(&folder.path().join("out")) == expected, "{of}");
            waited += scrape.sum("gress_task_backpressured_milliseconds_total", &[("operator", "counts")]);
        }
    }
    assert!(waited > 0.0, "no task has ever waited");
}

#[test]
fn a_job_over_its_budget_ends_on_threads_too() {
    for memory in [1, 64 << 10] {
        let folder = tempfile::tempdir().unwrap();
        job(folder.path(), 2, 256, Some(memory)).run().unwrap();
        assert!(lines(&folder.path().join("out")) == expected(), "{memory} bytes");
    }
}
