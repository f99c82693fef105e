//! A flag beats the environment, that beats the file, that beats the default.

use crate::{input::write_short, job::Job, manifests::checkpoints, start::Start};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A start on a short input, with a config file of these lines.
fn with_file(job: &Job, yaml: &str) -> Start {
    let (input, config) = (job.work().join("input"), job.work().join("flights.yaml"));
    write_short(&input);
    fs::write(&config, yaml).expect("a temporary folder can be written");
    job.plain().with("--input", input).with("--config", config)
}

/// What the newest manifest below `state` says that the job ran with.
fn ran_with(state: &Path, field: &str) -> String {
    let newest = checkpoints(&state.join("checkpoints")).pop().expect("a job that has ended has a checkpoint");
    newest.json[field].to_string()
}

fn parallelism(yaml: &str, vary: impl Fn(Start) -> Start) -> String {
    let job = Job::new();
    vary(with_file(&job, &format!("state.backend: memory\n{yaml}"))).run().finished();
    ran_with(&job.state(), "parallelism")
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let file = "parallelism: 3\n";
    let environment = |start: Start| start.variable("GRESS__PARALLELISM", "4");
    let flag = |start: Start| start.with("--parallelism", "5");
    assert_eq!(parallelism("", |start| start), "2");
    assert_eq!(parallelism(file, |start| start), "3");
    assert_eq!(parallelism(file, environment), "4");
    assert_eq!(parallelism(file, |start| flag(environment(start))), "5");
    assert_eq!(parallelism("", environment), "4");
    assert_eq!(parallelism("", flag), "5");
    // Also where it says what the library's own default is.
    assert_eq!(parallelism("parallelism: 1\n", |start| start), "1");
}

#[cfg(feature = "rocksdb")]
#[test]
fn the_backend_is_rocksdb_unless_something_says_otherwise() {
    let backend = |yaml: &str, vary: &dyn Fn(Start) -> Start| {
        let job = Job::new();
        vary(with_file(&job, yaml)).run().finished();
        ran_with(&job.state(), "backend")
    };
    let (memory, rocksdb) = ("\"memory\"", "\"rocksdb\"");
    assert_eq!(backend("", &|start| start), rocksdb);
    assert_eq!(backend("state.backend: memory\n", &|start| start), memory);
    let environment = |start: Start| start.variable("GRESS__STATE__BACKEND", "memory");
    assert_eq!(backend("state.backend: rocksdb\n", &environment), memory);
    assert_eq!(backend("state.backend: memory\n", &|start| environment(start).with("--backend", "rocksdb")), rocksdb);
}

#[test]
fn state_is_kept_where_the_flag_says_else_the_environment_else_the_file_else_in_the_output() {
    let job = Job::new();
    let at = |name: &str| job.work().join(name);
    let file = format!("state.backend: memory\ncheckpoint.directory: {}/checkpoints\n", at("by-file").display());
    let by_environment =
        |start: Start| start.variable("GRESS__CHECKPOINT__DIRECTORY", at("by-environment").join("checkpoints"));
    let start = |yaml: &str, out: &str| with_file(&job, yaml).with("--out", at(out)).without("--state");
    let kept = |at: PathBuf| !checkpoints(&at.join("checkpoints")).is_empty();

    start("state.backend: memory\n", "out-1").run().finished();
    assert!(kept(at("out-1/.state")));
    start(&file, "out-2").run().finished();
    assert!(kept(at("by-file")) && !kept(at("out-2/.state")));
    by_environment(start(&file, "out-3")).run().finished();
    assert!(kept(at("by-environment")) && !kept(at("out-3/.state")));
    by_environment(start(&file, "out-4")).with("--state", at("by-flag")).run().finished();
    assert!(kept(at("by-flag")) && !kept(at("out-4/.state")));
}
