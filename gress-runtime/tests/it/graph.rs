//! What is wrong with a graph is said when it is built, all of it at once, with file and line.

use crate::sums::{Count, Sum, config};
use gress_runtime::{ErrorKind, prelude::*};

fn numbers(job: &Job) -> Stream<u64> {
    job.source("numbers", FromVec::new(vec![1_u64, 2, 3]))
}

fn problems(job: &Job) -> String {
    let error = job.check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Job);
    error.to_string()
}

#[test]
fn all_problems_are_reported_together_with_file_and_line() {
    let job = Job::new(config(1, 8));
    let numbers = numbers(&job);
    let counts = numbers.key_by(|n| *n).process("counts", |state| Count { seen: state.value("seen") });
    let _unused = counts.map(|(_, n)| n);
    numbers.sink("counts", Discard);
    numbers.key_by(|n| *n).window(Tumbling::every(hours(1))).aggregate("sums", Sum::default()).sink("out", Discard);
    let text = problems(&job);
    assert!(text.contains("two operators are named `counts`: at "), "{text}");
    assert!(text.contains("`map` at ") && text.contains("leads to no sink"), "{text}");
    assert!(text.contains("the window `sums` at ") && text.contains("has no event time"), "{text}");
    assert!(text.matches("graph.rs:").count() >= 4, "{text}");
}

#[test]
fn states_of_one_name_and_names_that_are_no_names_are_problems() {
    struct Two {
        _a: ValueState<u64, u64>,
        _b: ValueState<u64, String>,
    }
    impl Process<u64, u64> for Two {
        type Out = u64;
        fn on_event(&mut self, _: &Key<u64>, _: Event<u64>, _: &mut Output<u64>) -> Result<()> {
            Ok(())
        }
    }
    let job = Job::new(config(1, 8));
    let two = |state: &mut StateScope<'_, u64>| Two { _a: state.value("same"), _b: state.value("same") };
    numbers(&job).key_by(|n| *n).process("two", two).sink("a/b", Discard);
    let text = problems(&job);
    assert!(text.contains("two states are named `two/same`"), "{text}");
    assert!(text.contains("`a/b` is not a valid name"), "{text}");
}

#[test]
fn timers_without_event_time_and_unknown_side_outputs_are_problems() {
    const ODD: Tag<u64> = Tag::new("odd");
    const EVEN: Tag<u64> = Tag::new("even");
    struct Alarm {
        _at: Timers<u64>,
        _odd: SideOutput<u64>,
    }
    impl Process<u64, u64> for Alarm {
        type Out = u64;
        fn on_event(&mut self, _: &Key<u64>, _: Event<u64>, _: &mut Output<u64>) -> Result<()> {
            Ok(())
        }
    }
    let job = Job::new(config(1, 8));
    let alarms = numbers(&job)
        .key_by(|n| *n)
        .process("alarm", |state| Alarm { _at: state.timers("at"), _odd: state.side_output(&ODD) });
    alarms.sink("out", Discard);
    alarms.side_output(&EVEN).sink("even-out", Discard);
    alarms.side_output(&Tag::<String>::new("odd")).sink("odd-out", Discard);
    let text = problems(&job);
    assert!(text.contains("the timers of `alarm` at ") && text.contains("have no event time"), "{text}");
    assert!(text.contains("the operator `alarm` has no side output `even`"), "{text}");
    assert!(text.contains("the side output `odd` of `alarm` carries `u64`"), "{text}");
}

#[test]
fn a_sink_that_commits_needs_checkpoints_and_a_place_of_its_own() {
    let job = Job::new(config(1, 8));
    numbers(&job).sink("a", JsonLines::exactly_once("out"));
    numbers_again(&job).sink("b", JsonLines::exactly_once("out"));
    let text = problems(&job);
    assert!(text.contains("commits with checkpoints: set `checkpoint.directory`"), "{text}");
    assert!(text.contains("the sinks `a` and `b` both write to `out`"), "{text}");
}

fn numbers_again(job: &Job) -> Stream<u64> {
    job.source("more-numbers", FromVec::new(vec![1_u64]))
}

#[test]
fn a_job_without_a_source_is_no_job() {
    assert!(problems(&Job::new(config(1, 8))).contains("it has no source"));
}
