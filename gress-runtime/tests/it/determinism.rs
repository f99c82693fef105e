//! One committed output, whatever the batch size, the number of tasks, or the order of steps.

use crate::sums::{Count, Sum, checkpointed, lines, times};
use gress_runtime::prelude::*;
use std::path::Path;

/// Two keyed steps one behind the other, late events, a count by key: everything whose order could leak.
fn build(job: &Job, out: &Path) {
    let numbers = job
        .source("numbers", FromVec::new(times(3_000)))
        .event_time(|n| Timestamp::from_millis(*n as i64), Watermarks::bounded(millis(15)));
    let sums = numbers.key_by(|n| n % 7).window(Tumbling::every(millis(100))).aggregate("sums", Sum::default());
    sums.late().sink("late", JsonLines::exactly_once(out.join("late")));
    sums.map(|sum| (sum.key, sum.window.start, sum.value)).sink("sums-out", JsonLines::exactly_once(out.join("sums")));
    let totals = sums.map(|sum| sum.value).key_by(|_| 0_u64).window(Tumbling::every(millis(100)));
    let totals = totals.aggregate("totals", Sum::default()).map(|sum| (sum.window.start, sum.value));
    totals.sink("totals-out", JsonLines::exactly_once(out.join("totals")));
    let counts = numbers.key_by(|n| n % 5).process("counts", |state| Count { seen: state.value("seen") });
    counts.sink("counts-out", JsonLines::exactly_once(out.join("counts")));
}

fn all_lines(out: &Path) -> Vec<Vec<String>> {
    ["late", "sums", "totals", "counts"].map(|folder| lines(&out.join(folder))).into()
}

fn run(parallelism: usize, batch: usize, seed: Option<u64>) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let job = Job::new(checkpointed(parallelism, batch, folder.path()));
    build(&job, folder.path());
    match seed {
        Some(seed) => job.run_seeded(seed).unwrap(),
        None => job.run().unwrap(),
    };
    all_lines(folder.path())
}

#[test]
fn output_does_not_depend_on_batches_tasks_or_the_order_of_steps() {
    let expected = run(1, 1024, None);
    assert!(expected.iter().all(|lines| !lines.is_empty()), "every output has lines");
    for parallelism in [1, 2, 4] {
        for batch in [1, 7, 1024] {
            assert!(run(parallelism, batch, None) == expected, "{parallelism} tasks, batches of {batch}");
            for seed in 0..3 {
                let found = run(parallelism, batch, Some(seed));
                assert!(found == expected, "{parallelism} tasks, batches of {batch}, seed {seed}");
            }
        }
    }
}

#[test]
fn late_events_are_those_behind_the_watermark_that_stood_before_them() {
    let mut largest = None;
    let mut expected = Vec::new();
    for time in times(3_000) {
        let window_ends_with = time - time % 100 + 99;
        let watermark = largest.map_or(i64::MIN, |largest: u64| largest as i64 - 15 - 1);
        if window_ends_with as i64 <= watermark {
            expected.push(time.to_string());
        }
        largest = largest.max(Some(time));
    }
    expected.sort();
    assert_eq!(run(2, 7, None)[0], expected);
}

#[test]
fn a_window_waits_for_all_partitions_of_a_task_that_reads_several() {
    // Two partitions of ten windows each, read in turn by one task, then by two.
    for parallelism in [1, 2] {
        for batch in [1, 3, 1024] {
            let partitions = vec![(0..100_u64).step_by(2).collect(), (0..100_u64).skip(1).step_by(2).collect()];
            let job = Job::new(crate::sums::config(parallelism, batch));
            let found = Collect::new();
            let numbers = job.source("numbers", FromVec::partitioned(partitions));
            let numbers = numbers.event_time(|n| Timestamp::from_millis(*n as i64), Watermarks::monotone());
            let sums = numbers.key_by(|_| 0_u64).window(Tumbling::every(millis(10))).aggregate("sums", Sum::default());
            sums.map(|sum| (sum.window.start.as_millis(), sum.value)).sink("out", found.clone());
            let report = job.run().unwrap();
            let expected: Vec<_> = (0..10).map(|w| (w * 10, (w * 10..w * 10 + 10).sum::<i64>() as u64)).collect();
            assert_eq!(found.take(), expected, "{parallelism} tasks, batches of {batch}");
            assert_eq!(report.progress.late, 0);
        }
    }
}
