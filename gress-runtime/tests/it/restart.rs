//! Jobs that stop and go on.

use crate::sums::{Count, checkpointed, lines};
use gress_runtime::{ErrorKind, Outcome, prelude::*, source::Generate};
use std::path::Path;

fn job(folder: &Path, parallelism: usize, rate: u64) -> Result<Job> {
    let job = Job::new(checkpointed(parallelism, 64, folder));
    let numbers = job.source("numbers", Throttled::new(Generate::new(3, 2_000, |p, i| p as u64 + 3 * i), rate)?);
    let counts = numbers.key_by(|n| n % 11).process("counts", |state| Count { seen: state.value("seen") });
    counts.sink("out", JsonLines::exactly_once(folder.join("out")));
    Ok(job)
}

fn expected() -> Vec<String> {
    let mut seen = [0; 11];
    let mut lines = Vec::new();
    for n in 0..6_000_usize {
        seen[n % 11] += 1;
        lines.push(format!("[{},{}]", n % 11, seen[n % 11]));
    }
    lines.sort();
    lines
}

#[test]
fn a_job_that_is_stopped_goes_on_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let mut restored = None;
    for _ in 0..3 {
        let running = job(folder.path(), 2, 20_000).unwrap().start().unwrap();
        while running.progress().checkpoints < 2 && !running.is_over() {
            std::thread::yield_now();
        }
        running.stop();
        let report = running.wait().unwrap();
        assert_eq!(report.restored.is_some(), report.starts > 1);
        assert!(report.restored >= restored, "never back");
        restored = report.restored;
        if report.outcome == Outcome::Finished {
            break;
        }
        assert!(matches!(report.outcome, Outcome::Stopped(Some(_))), "{report:?}");
    }
    let report = job(folder.path(), 2, 10_000_000).unwrap().run().unwrap();
    assert!(matches!(report.outcome, Outcome::Finished | Outcome::AlreadyFinished));
    assert_eq!(lines(&folder.path().join("out")), expected());
    let again = job(folder.path(), 2, 10_000_000).unwrap().run().unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyFinished);
}

#[test]
fn a_job_without_checkpoints_stops_when_it_is_told_to() {
    for _ in 0..20 {
        let job = Job::new(crate::sums::config(4, 8));
        let numbers = job.source("numbers", Generate::new(2, u64::MAX, |_, i| i));
        numbers.key_by(|n| n % 11).process("counts", |state| Count { seen: state.value("seen") }).sink("out", Discard);
        let running = job.start().unwrap();
        while running.progress().events < 1_000 {
            std::thread::yield_now();
        }
        running.stop();
        assert_eq!(running.wait().unwrap().outcome, Outcome::Stopped(None));
    }
}

#[test]
fn what_a_finished_job_leaves_is_named_by_its_manifests_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    job(folder.path(), 2, 100_000).unwrap().run().unwrap();
    let state = folder.path().join("state");
    let names: Vec<_> =
        std::fs::read_dir(&state).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    let manifests: String = names
        .iter()
        .filter(|name| name.starts_with("manifest-"))
        .map(|name| std::fs::read_to_string(state.join(name)).unwrap())
        .collect();
    for name in names.iter().filter(|name| !name.starts_with("manifest-") && *name != "gress.lock") {
        assert!(manifests.contains(name.as_str()), "the orphan {name}");
    }
}

#[test]
fn state_of_another_job_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let running = job(folder.path(), 2, 20_000).unwrap().start().unwrap();
    while running.progress().checkpoints < 1 {
        std::thread::yield_now();
    }
    running.stop();
    running.wait().unwrap();
    let other_parallelism = job(folder.path(), 3, 20_000).unwrap().run().unwrap_err();
    assert_eq!(other_parallelism.kind(), ErrorKind::Refused);
    assert!(other_parallelism.to_string().contains("parallelism 2, the job has 3"), "{other_parallelism}");

    let renamed = Job::new(checkpointed(2, 64, folder.path()));
    let numbers = renamed.source("numbers", Generate::new(3, 2_000, |p, i| p as u64 + 3 * i));
    let counts = numbers.key_by(|n| n % 11).process("tally", |state| Count { seen: state.value("seen") });
    counts.sink("out", JsonLines::exactly_once(folder.path().join("out")));
    let error = renamed.run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("has a task `counts#0`, the job has none"), "{error}");

    let retyped = Job::new(checkpointed(2, 64, folder.path()));
    let numbers = retyped.source("numbers", Generate::new(3, 2_000, |p, i| p as u64 + 3 * i));
    let counts = numbers.key_by(|n| n % 11).process("counts", |state| Signed { seen: state.value("seen") });
    counts.sink("out", JsonLines::exactly_once(folder.path().join("out")));
    let error = retyped.run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let text = error.to_string();
    assert!(text.contains("the state `counts/seen` has values `u64` in the checkpoint, `i64` in the job"), "{text}");

    job(folder.path(), 2, 10_000_000).unwrap().run().unwrap();
    assert_eq!(lines(&folder.path().join("out")), expected());
}

/// Counts as `Count` does, in another type.
struct Signed {
    seen: ValueState<u64, i64>,
}

impl Process<u64, u64> for Signed {
    type Out = (u64, i64);
    fn on_event(&mut self, key: &Key<u64>, _: Event<u64>, out: &mut Output<(u64, i64)>) -> Result<()> {
        let mut seen = self.seen.entry(key)?.or_insert(0);
        *seen += 1;
        out.emit((**key, *seen));
        Ok(())
    }
}

#[test]
fn a_second_job_on_the_same_output_is_refused_though_its_state_is_elsewhere() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let running = job(folder.path(), 1, 2_000).unwrap().start().unwrap();
    let other = Job::new(checkpointed(1, 64, elsewhere.path()));
    let numbers = other.source("numbers", FromVec::new(vec![1_u64]));
    numbers.sink("out", JsonLines::exactly_once(folder.path().join("out")));
    let error = other.run().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Locked | ErrorKind::Refused), "{error}");
    running.stop();
    running.wait().unwrap();
}

#[test]
fn a_second_job_on_the_same_directory_is_refused_while_the_first_runs() {
    let folder = tempfile::tempdir().unwrap();
    let running = job(folder.path(), 1, 20_000).unwrap().start().unwrap();
    let error = job(folder.path(), 1, 20_000).unwrap().run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    running.stop();
    running.wait().unwrap();
}

#[test]
fn a_file_with_a_number_after_which_none_can_follow_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    job(folder.path(), 1, 10_000_000).unwrap().run().unwrap();
    let (state, out) = (folder.path().join("state"), folder.path().join("out"));
    let committed = std::fs::read_dir(&out).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    for forged in [
        state.join("manifest-18446744073709551615.json"),
        state.join("18446744073709551615-counts-0-0000000001.run"),
        out.join(format!("c18446744073709551615{}", &committed[11..])),
    ] {
        std::fs::write(&forged, "").unwrap();
        let files = || std::fs::read_dir(&state).unwrap().count() + std::fs::read_dir(&out).unwrap().count();
        let before = files();
        let error = job(folder.path(), 1, 10_000_000).unwrap().run().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert!(error.to_string().contains("the number 18446744073709551615, which no job reaches"), "{error}");
        assert_eq!(files(), before);
        std::fs::remove_file(forged).unwrap();
    }
    assert_eq!(job(folder.path(), 1, 10_000_000).unwrap().run().unwrap().outcome, Outcome::AlreadyFinished);
}
