//! Log lines: one for each thing that an operator wants to find again, with fields, and without data.

use crate::sums::{Count, checkpointed};
use gress_runtime::{Error, prelude::*};
use std::{
    collections::BTreeMap,
    fmt::Debug,
    path::Path,
    sync::{Arc, Mutex},
};
use tracing::{
    Event as Line, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// Keeps the lines of this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Kept>>>);

#[derive(Clone, Debug)]
struct Kept {
    level: Level,
    fields: BTreeMap<String, String>,
}

impl Kept {
    fn number(&self, field: &str) -> f64 {
        let value = self.fields.get(field).unwrap_or_else(|| panic!("{self:?} has no `{field}`"));
        value.parse().unwrap_or_else(|_| panic!("`{field}` is no number: {value}"))
    }
}

impl Visit for Kept {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.to_owned());
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("gress")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, line: &Line<'_>) {
        let mut kept = Kept { level: *line.metadata().level(), fields: BTreeMap::new() };
        line.record(&mut kept);
        self.0.lock().unwrap().push(kept);
    }

    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Lines {
    /// The lines with this message.
    fn of(&self, message: &str) -> Vec<Kept> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|kept| kept.fields["message"] == message).cloned().collect()
    }
}

/// Runs a job that counts numbers, and breaks where it is told to.
fn run(folder: &Path, broken: bool) -> (Result<Report>, Lines) {
    let job = Job::new(Config { name: "numbers".into(), ..checkpointed(1, 4, folder) });
    let numbers = job.source("numbers", FromVec::new((0..3_000_u64).map(|n| format!("canary-{n}")).collect()));
    let broken = move |n: String| if broken && n == "canary-2900" { Err(Error::operator("broken")) } else { Ok(n) };
    let numbers = numbers.try_map(broken);
    let counts =
        numbers.key_by(|n| n.len() as u64).process("counts", |state| CountText(Count { seen: state.value("seen") }));
    counts.sink("out", JsonLines::exactly_once(folder.join("out")));
    let lines = Lines::default();
    (tracing::subscriber::with_default(lines.clone(), || job.run_seeded(1)), lines)
}

struct CountText(Count);

impl Process<u64, String> for CountText {
    type Out = (u64, u64);
    fn on_event(&mut self, key: &Key<u64>, text: Event<String>, out: &mut Output<(u64, u64)>) -> Result<()> {
        self.0.on_event(key, text.map(|_| 0), out)
    }
}

#[test]
fn start_checkpoints_and_end_are_one_line_each() {
    let folder = tempfile::tempdir().unwrap();
    let (report, lines) = run(folder.path(), false);
    let report = report.unwrap();
    let starts = lines.of("job starts");
    assert_eq!(starts.len(), 1);
    assert_eq!((starts[0].fields["job"].as_str(), starts[0].number("start")), ("numbers", 1.0));
    assert!(!starts[0].fields.contains_key("restored"), "{starts:?}");
    let checkpoints = lines.of("checkpoint complete");
    assert_eq!(checkpoints.len() as u64, report.progress.checkpoints);
    for line in &checkpoints {
        let parts: f64 = ["seal_ms", "upload_ms", "publish_ms", "commit_ms"].iter().map(|part| line.number(part)).sum();
        assert!((parts - line.number("total_ms")).abs() < 1e-6, "{line:?}");
        assert!(line.fields["job"] == "numbers" && line.number("runs") <= 1.0 && line.number("folded_runs") >= 0.0);
    }
    assert_eq!(checkpoints.last().unwrap().fields["kind"], "Last");
    assert!(checkpoints.iter().map(|line| line.number("written_bytes")).sum::<f64>() > 0.0);
    let ends = lines.of("job ended");
    assert_eq!(ends.len(), 1);
    assert_eq!((ends[0].fields["outcome"].as_str(), ends[0].number("events")), ("finished", 3_000.0));
}

#[test]
fn a_failure_is_one_line_and_so_is_what_the_next_start_restores() {
    let folder = tempfile::tempdir().unwrap();
    let (failed, lines) = run(folder.path(), true);
    failed.unwrap_err();
    let failures = lines.of("job failed");
    assert_eq!(failures.len(), 1);
    assert_eq!((failures[0].level, failures[0].fields["kind"].as_str()), (Level::ERROR, "Operator"));
    assert!(failures[0].fields["error"].ends_with(": broken"));
    let (report, lines) = run(folder.path(), false);
    let (report, starts) = (report.unwrap(), lines.of("job starts"));
    assert_eq!(starts[0].number("restored"), report.restored.unwrap().0 as f64);
    assert!(starts[0].number("state_bytes") > 0.0);
    let restored = lines.of("state restored");
    assert_eq!(restored.len(), 1, "one task has state");
    assert_eq!(restored[0].fields["task"], "counts#0");
    assert!(restored[0].number("bytes") == starts[0].number("state_bytes") && restored[0].number("entries") > 0.0);
    assert!(restored[0].number("ms") >= 0.0);
}

#[test]
fn no_line_holds_what_events_say() {
    let folder = tempfile::tempdir().unwrap();
    for broken in [true, false] {
        let (_, lines) = run(folder.path(), broken);
        let all = lines.0.lock().unwrap();
        assert!(all.len() > 3);
        let leaked: Vec<_> = all.iter().filter(|kept| format!("{kept:?}").contains("canary")).collect();
        assert!(leaked.is_empty(), "{leaked:?}");
    }
}

#[test]
fn a_bad_record_is_named_by_its_place_and_not_by_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("numbers.csv");
    std::fs::write(&file, "n\n1\ncanary\n3\n").unwrap();
    #[derive(Clone, serde::Deserialize)]
    struct Number {
        n: u64,
    }
    let numbers = CsvFile::<Number>::open(&file).unwrap();
    let numbers = numbers.on_bad_record(gress_runtime::source::OnBadRecord::SkipAndCount);
    let job = Job::new(crate::sums::config(1, 8));
    job.source("numbers", numbers).map(|number| number.n).sink("out", Discard);
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || job.run_seeded(1)).unwrap();
    let bad = lines.of("left out a bad record, the first of this run");
    assert_eq!((bad.len(), bad[0].number("line")), (1, 3.0));
    assert!(bad[0].fields["path"].ends_with("numbers.csv"));
    assert!(lines.0.lock().unwrap().iter().all(|kept| !format!("{kept:?}").contains("canary")));
}
