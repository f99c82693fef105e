//! What a job says and leaves behind when something breaks.

use crate::sums::{Count, checkpointed, config, lines};
use gress_runtime::{ErrorKind, Outcome, prelude::*};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

fn timed(job: &Job, n: u64) -> Stream<u64> {
    let numbers = job.source("numbers", FromVec::new((0..n).collect::<Vec<_>>()));
    numbers.event_time(|n| Timestamp::from_millis(*n as i64), Watermarks::monotone())
}

struct Divide;

impl Process<u64, u64> for Divide {
    type Out = u64;
    fn on_event(&mut self, _: &Key<u64>, n: Event<u64>, out: &mut Output<u64>) -> Result<()> {
        assert!(*n != 70, "seventy is not welcome");
        if *n == 90 {
            Err(gress_runtime::Error::operator("ninety is out of range"))?;
        }
        out.emit(*n);
        Ok(())
    }
}

#[test]
fn a_panic_in_user_code_is_a_failure_that_names_job_operator_subtask_and_event_time() {
    let job = Job::new(Config { name: "numbers".into(), ..config(1, 8) });
    timed(&job, 80).key_by(|n| *n).process("divide", |_| Divide).sink("out", Discard);
    let error = job.run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "job `numbers`: operator `divide`, subtask 0, event time 1970-01-01T00:00:00.070: \
         panicked: seventy is not welcome"
    );
}

#[test]
fn an_error_in_user_code_names_its_place_too() {
    let job = Job::new(config(2, 8));
    let numbers = timed(&job, 100).filter(|n| *n != 70);
    numbers.key_by(|_| 1).process("divide", |_| Divide).sink("out", Discard);
    let text = job.run().unwrap_err().to_string();
    assert!(text.ends_with("event time 1970-01-01T00:00:00.090: ninety is out of range"), "{text}");
    assert!(text.contains("operator `divide`, subtask"), "{text}");
}

#[test]
fn a_panic_in_every_kind_of_closure_stops_the_job() {
    type Break = fn(&Stream<u64>) -> Stream<u64>;
    let kinds: [(&str, Break); 5] = [
        ("map", |s| s.map(|n| if n == 50 { panic!("broken map") } else { n })),
        ("filter", |s| s.filter(|n| if *n == 50 { panic!("broken filter") } else { true })),
        ("flat_map", |s| s.flat_map(|n| if n == 50 { panic!("broken flat_map") } else { Some(n) })),
        ("try_map", |s| s.try_map(|n| if n == 50 { Err("x".parse::<u64>().unwrap_err()) } else { Ok(n) })),
        ("key_by", |s| {
            let keyed = s.key_by(|n| if *n == 50 { panic!("broken key") } else { *n });
            keyed.process("count", |state| Count { seen: state.value("seen") }).map(|(n, _)| n)
        }),
    ];
    for (kind, broken) in kinds {
        let job = Job::new(config(2, 8));
        broken(&timed(&job, 100)).sink("out", Discard);
        let error = job.run().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Operator, "{kind}");
        let text = error.to_string();
        assert!(text.contains(kind) && text.contains("event time 1970-01-01T00:00:00.050"), "{kind}: {text}");
    }
}

#[test]
fn a_task_that_dies_upstream_never_looks_like_an_end_of_input() {
    let folder = tempfile::tempdir().unwrap();
    let job = Job::new(checkpointed(2, 8, folder.path()));
    let numbers = timed(&job, 1_000).map(|n| if n == 990 { panic!("died") } else { n });
    let windows = numbers.key_by(|n| n % 3).window(Tumbling::every(hours(1)));
    let sums = windows.aggregate("sums", crate::sums::Sum::default()).map(|sum| sum.value);
    sums.sink("out", JsonLines::exactly_once(folder.path().join("out")));
    let text = job.run().unwrap_err().to_string();
    assert!(text.contains("panicked: died"), "the cause is reported, not its consequence: {text}");
    assert!(lines(&folder.path().join("out")).is_empty(), "no window fired");
}

#[test]
fn a_job_that_failed_goes_on_from_its_last_checkpoint_once_it_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let broken = Arc::new(AtomicBool::new(true));
    let run = |rate: u64| {
        let job = Job::new(checkpointed(2, 64, folder.path()));
        let broken = broken.clone();
        let numbers = job.source("numbers", Throttled::new(FromVec::new((0..5_000_u64).collect::<Vec<_>>()), rate)?);
        let numbers = numbers.map(move |n| match broken.load(Ordering::Relaxed) && n == 4_000 {
            true => panic!("not yet"),
            false => n,
        });
        let counts = numbers.key_by(|n| n % 11).process("counts", |state| Count { seen: state.value("seen") });
        counts.sink("out", JsonLines::exactly_once(folder.path().join("out")));
        job.run()
    };
    assert!(run(4_000).unwrap_err().to_string().contains("not yet"));
    let committed = lines(&folder.path().join("out"));
    assert!((1..=4_000).contains(&committed.len()), "{} lines", committed.len());
    broken.store(false, Ordering::Relaxed);
    let report = run(10_000_000).unwrap();
    assert_eq!(report.outcome, Outcome::Finished);
    assert!(report.restored.is_some() && report.progress.events < 5_000, "{report:?}");
    let mut expected: Vec<_> = (0..5_000_u64).map(|n| format!("[{},{}]", n % 11, n / 11 + 1)).collect();
    expected.sort();
    assert_eq!(lines(&folder.path().join("out")), expected);
}

#[test]
fn a_bad_record_stops_the_job_with_file_and_line_or_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("numbers.csv");
    std::fs::write(&file, "n\n1\ntwo\n3\n").unwrap();
    #[derive(Clone, serde::Deserialize)]
    struct Number {
        n: u64,
    }
    let run = |on_bad_record| {
        let job = Job::new(config(1, 8));
        let numbers = CsvFile::<Number>::open(&file).unwrap().on_bad_record(on_bad_record);
        let found = Collect::new();
        job.source("numbers", numbers).map(|number| number.n).sink("out", found.clone());
        (job.run(), found.take())
    };
    let (failed, _) = run(gress_runtime::source::OnBadRecord::Fail);
    let error = failed.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    let text = error.to_string();
    assert!(text.contains("numbers.csv`, line 3") && text.contains("two"), "{text}");
    let (report, found) = run(gress_runtime::source::OnBadRecord::SkipAndCount);
    assert_eq!(report.unwrap().progress.skipped, 1);
    assert_eq!(found, [1, 3]);
}
