//! What the job refuses: with one line, the right exit code, and nothing written.

use crate::{
    input::{write_changed, write_short},
    job::Job,
    output::{DATA, Output},
    start::Start,
    tree::Tree,
};
use rustix::process::Signal;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// Starts the job, which must end at once with this exit code and one line that has all of `words`.
fn refused(job: &Job, start: &Start, code: i32, words: &[&str]) {
    let before = job.tree();
    let ended = start.run();
    before.assert_unchanged(&job.tree());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{}", ended.text());
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert!(lines.len() == 1 && lines[0].starts_with("error: "), "one line was expected: {}", ended.text());
    let missing: Vec<_> = words.iter().filter(|word| !lines[0].contains(**word)).collect();
    assert!(missing.is_empty(), "{missing:?} is not in: {}", lines[0]);
}

/// The same for a job that was never started: its directories must not come into being.
fn refused_at_first(start: impl Fn(&Job) -> Start, code: i32, words: &[&str]) {
    let job = Job::new();
    refused(&job, &start(&job), code, words);
    assert!(Tree::of(&job.out()).is_empty() && Tree::of(&job.state()).is_empty());
}

/// A start with this config file.
fn with_file(job: &Job, yaml: &str) -> Start {
    let path = job.work().join("flights.yaml");
    fs::write(&path, yaml).expect("a temporary folder can be written");
    job.plain().with("--config", path)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

#[test]
fn a_misspelled_key_is_named_with_its_file_and_the_nearest_key() {
    let start = |job: &Job| with_file(job, "state:\n  backend: memory\ncheckpoint:\n  intervall: 1s\n");
    let words = ["`checkpoint.intervall`", "flights.yaml, line 4", "did you mean `checkpoint.interval`?"];
    refused_at_first(start, 1, &words);
    let start = |job: &Job| job.on("memory").variable("GRESS__PARALELISM", "2");
    refused_at_first(start, 1, &["GRESS__PARALELISM", "did you mean `parallelism`?"]);
}

#[test]
fn a_wrong_value_is_named_with_its_place_and_what_is_valid() {
    let start = |job: &Job| with_file(job, "state.backend: memory\ncheckpoint.interval: soon\n");
    refused_at_first(start, 1, &["`checkpoint.interval` is `soon`", "flights.yaml, line 2", "valid is a duration"]);
    refused_at_first(|job| job.on("rokcsdb"), 1, &["`state.backend` is `rokcsdb`", "`memory` or `rocksdb`"]);
    let start = |job: &Job| job.plain().variable("GRESS__STATE__BACKEND", "rokcsdb");
    refused_at_first(start, 1, &["`rokcsdb`", "GRESS__STATE__BACKEND", "`memory` or `rocksdb`"]);
    refused_at_first(|job| job.on("memory").with("--batch", "0"), 1, &["`batch.size` is `0`"]);
    refused_at_first(|job| job.on("memory").with("--rate", "0"), 1, &["0 events per second"]);
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_budget_that_is_too_small_for_all_keyed_tasks_is_refused_with_every_part() {
    let start = |job: &Job| {
        let start = with_file(job, "state:\n  memory: 600KiB\n  rocksdb.block_cache_size: 100KiB\n");
        start.with("--backend", "rocksdb").with("--parallelism", "4")
    };
    let words = [
        "`state.memory` is `600KiB`",
        "flights.yaml, line 2",
        "`state.rocksdb.block_cache_size` is `100KiB`",
        "with 8 keyed tasks",
        "table of live values 128KiB (16KiB for each task)",
        "write buffers 512KiB (64KiB for each task)",
        "run writers 256KiB (32KiB for each task)",
        "valid is a `state.memory` of 996KiB and more",
    ];
    refused_at_first(start, 1, &words);
}

#[test]
fn a_parallelism_of_zero_is_refused_wherever_it_is_set() {
    let words = ["`parallelism` is `0`", "from 1 to 128"];
    refused_at_first(|job| job.on("memory").with("--parallelism", "0"), 1, &words);
    refused_at_first(|job| job.on("memory").variable("GRESS__PARALLELISM", "0"), 1, &words);
    refused_at_first(|job| with_file(job, "parallelism: 0\n").with("--backend", "memory"), 1, &words);
}

#[cfg(feature = "rocksdb")]
#[test]
fn an_unknown_preset_is_refused_with_those_that_exist() {
    let presets = ["`fast`", "balanced", "low-latency", "high-throughput", "large-state"];
    refused_at_first(|job| with_file(job, "state.rocksdb.preset: fast\n"), 1, &presets);
    refused_at_first(|job| job.plain().variable("GRESS__STATE__ROCKSDB__PRESET", "fast"), 1, &presets);
    refused_at_first(|job| with_file(job, "state.rocksdb.presett: balanced\n"), 1, &["`state.rocksdb.preset`?"]);
}

#[cfg(not(feature = "rocksdb"))]
#[test]
fn a_build_without_rocksdb_says_so() {
    refused_at_first(Job::plain, 1, &["`state.backend` is `rocksdb`", "feature `rocksdb`"]);
}

#[test]
fn a_config_file_that_cannot_be_used_is_refused() {
    let nowhere = |job: &Job| job.on("memory").with("--config", job.work().join("none.yaml"));
    refused_at_first(nowhere, 1, &["none.yaml", "No such file"]);
    refused_at_first(|job| with_file(job, "state: [\n"), 1, &["flights.yaml"]);
}

#[test]
fn an_input_that_cannot_be_read_is_refused() {
    let nowhere = |job: &Job| job.on("memory").with("--input", job.work().join("none"));
    refused_at_first(nowhere, 1, &["none/flights.csv.zst", "No such file"]);

    let of_folder = |job: &Job, make: fn(&Path)| {
        let folder = job.work().join("input");
        fs::create_dir(&folder).expect("a temporary folder can be written");
        make(&folder.join("flights.csv.zst"));
        job.on("memory").with("--input", folder)
    };
    refused_at_first(|job| of_folder(job, |_| {}), 1, &["input/flights.csv.zst", "No such file"]);
    let a_folder: fn(&Path) = |path| fs::create_dir(path).expect("a temporary folder can be written");
    refused_at_first(|job| of_folder(job, a_folder), 1, &["input/flights.csv.zst"]);
    let no_csv: fn(&Path) = |path| fs::write(path, "year,month\n").expect("a temporary folder can be written");
    refused_at_first(|job| of_folder(job, no_csv), 1, &["input/flights.csv.zst"]);
}

#[test]
fn wrong_usage_is_told_in_one_line() {
    refused_at_first(|job| job.on("memory").with_bare("--nope"), 2, &["--nope"]);
    refused_at_first(|job| job.on("memory").without("--out"), 2, &["--out"]);
    refused_at_first(|job| job.on("memory").with("--parallelism", "many"), 2, &["--parallelism", "many"]);
    refused_at_first(|job| job.on("memory").with_bare("--config"), 2, &["--config"]);
}

#[test]
fn committed_output_without_its_state_is_refused() {
    let job = Job::interrupted("memory");
    fs::remove_dir_all(job.state()).expect("the state was there");
    refused(&job, &job.on("memory"), 1, &[text(&job.out().join("hourly")), text(&job.state())]);
}

#[test]
fn output_with_the_state_of_another_job_is_refused() {
    let (ours, other) = (Job::interrupted("memory"), Job::interrupted("memory"));
    let other_state = other.tree();
    refused(&ours, &ours.on("memory").with("--state", other.state()), 1, &[text(&ours.out())]);
    other_state.assert_unchanged(&other.tree());

    let ended = Job::new();
    write_short(&ended.work().join("input"));
    ended.on("memory").with("--input", ended.work().join("input")).run().finished();
    let start = ours.on("memory").with("--input", ended.work().join("input")).with("--state", ended.state());
    refused(&ours, &start, 1, &[text(&ours.out())]);
}

#[test]
fn state_whose_committed_output_is_not_all_there_is_refused() {
    type Harm = fn(&Job) -> PathBuf;
    let without_folder: Harm = |job| {
        let folder = job.out().join("legs");
        fs::remove_dir_all(&folder).expect("it has committed legs");
        folder
    };
    let without_a_file: Harm = |job| {
        fs::remove_file(&job.committed("hourly")[0]).expect("it has committed hours");
        job.out().join("hourly")
    };
    let with_a_short_file: Harm = |job| {
        let path = &job.committed("late")[0];
        let length = fs::metadata(path).expect("it has committed late events").len();
        let file = File::options().write(true).open(path).expect("it has committed late events");
        file.set_len(length - 1).expect("a file can be cut short");
        job.out().join("late")
    };
    let without_anything: Harm = |job| {
        fs::remove_dir_all(job.out()).expect("it has committed something");
        job.out()
    };
    for harm in [without_folder, without_a_file, with_a_short_file, without_anything] {
        let job = Job::interrupted("memory");
        let place = harm(&job);
        refused(&job, &job.on("memory"), 1, &[text(&place)]);
    }
}

#[test]
fn an_ended_job_whose_output_is_gone_is_refused() {
    let job = Job::new();
    let input = job.work().join("input");
    write_short(&input);
    let start = job.on("memory").with("--input", &input);
    start.run().finished();
    fs::remove_dir_all(job.out().join("legs")).expect("it has committed legs");
    refused(&job, &start, 1, &[text(&job.out().join("legs"))]);
}

#[test]
fn another_input_is_refused() {
    let job = Job::interrupted("memory");
    let input = job.work().join("input");
    write_changed(&input);
    refused(&job, &job.on("memory").with("--input", &input), 1, &["another input", "`flights`"]);
}

#[test]
fn the_same_input_in_another_place_is_accepted() {
    let job = Job::interrupted("memory");
    let mut output = Output::of(&job);
    let input = job.work().join("input");
    fs::create_dir(&input).expect("a temporary folder can be written");
    let copied = fs::copy(Path::new(DATA).join("flights.csv.zst"), input.join("flights.csv.zst"));
    copied.expect("a temporary folder can be written");
    job.on("memory").with("--input", &input).run().finished();
    output.is_complete();
}

#[test]
fn another_parallelism_is_refused() {
    let job = Job::interrupted("memory");
    refused(&job, &job.on("memory").with("--parallelism", "4"), 1, &["parallelism 2", "has 4"]);
}

#[cfg(feature = "rocksdb")]
#[test]
fn another_backend_is_refused() {
    for (first, then) in [("memory", "rocksdb"), ("rocksdb", "memory")] {
        let job = Job::interrupted(first);
        refused(&job, &job.on(then), 1, &[&format!("on the backend `{first}`"), &format!("runs on `{then}`")]);
    }
}

#[test]
fn a_second_process_on_the_same_state_is_refused_and_the_first_is_unharmed() {
    let job = Job::new();
    let mut output = Output::of(&job);
    let first = job.wait_until(job.on("memory").slow().start(), "a job at work", Job::is_at_work);
    let elsewhere = Job::new();
    let second = elsewhere.on("memory").with("--state", job.state());
    let (holder, directory) = (first.id().to_string(), job.state().join("checkpoints"));
    let words = [holder.as_str(), text(&directory)];
    refused(&elsewhere, &second, 1, &words);
    let second = job.on("memory").run();
    assert_eq!((second.code, second.stderr.lines().count()), (Some(1), 1), "{}", second.text());
    assert!(words.iter().all(|word| second.stderr.contains(*word)), "{}", second.text());

    first.signal(Signal::TERM);
    first.wait().stopped();
    output.is_sound();
    job.on("memory").run().finished();
    output.is_complete();
}
