//! The same output from every backend, parallelism and batch size.

use crate::{
    job::{BACKENDS, Job},
    output::{expected, sorted_lines},
    start::Start,
};

fn commits_the_reference(job: &Job, start: Start) {
    start.with("--checkpoint-interval", "100ms").run().finished();
    for (folder, lines) in expected().folders() {
        let found = sorted_lines(job, folder);
        if let Some((found, expected)) = found.iter().zip(lines).find(|(found, expected)| found != expected) {
            panic!("{folder}: {found} where {expected} was expected");
        }
        assert_eq!(found.len(), lines.len(), "lines of {folder}");
    }
}

fn every_batch_size_gives_the_reference(backend: &str, parallelism: &str) {
    for batch in ["1", "7", "1024"] {
        let job = Job::new();
        let start = job.plain().with("--backend", backend).with("--parallelism", parallelism).with("--batch", batch);
        commits_the_reference(&job, start);
    }
}

#[test]
fn state_that_does_not_fit_into_memory_changes_nothing() {
    for backend in BACKENDS {
        for parallelism in ["1", "4"] {
            let job = Job::new();
            commits_the_reference(&job, job.on(backend).with("--parallelism", parallelism));
        }
    }
}

#[test]
fn one_task_on_memory_commits_the_reference() {
    every_batch_size_gives_the_reference("memory", "1");
}

#[test]
fn two_tasks_on_memory_commit_the_reference() {
    every_batch_size_gives_the_reference("memory", "2");
}

#[test]
fn four_tasks_on_memory_commit_the_reference() {
    every_batch_size_gives_the_reference("memory", "4");
}

#[cfg(feature = "rocksdb")]
#[test]
fn one_task_on_rocksdb_commits_the_reference() {
    every_batch_size_gives_the_reference("rocksdb", "1");
}

#[cfg(feature = "rocksdb")]
#[test]
fn two_tasks_on_rocksdb_commit_the_reference() {
    every_batch_size_gives_the_reference("rocksdb", "2");
}

#[cfg(feature = "rocksdb")]
#[test]
fn four_tasks_on_rocksdb_commit_the_reference() {
    every_batch_size_gives_the_reference("rocksdb", "4");
}
