//! State that expires, in jobs: the same output whatever happens, and restores under another time to live.

use crate::sums::{checkpointed, lines};
use gress_runtime::{ErrorKind, config::Backend, prelude::*, testing::Harness};
use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
};

const TTL_MS: i64 = 60;
const BOUND_MS: i64 = 15;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Tells of each event which one of its key came before, as long as that is remembered; and 40 ms later, whether it is.
struct Sessions {
    last: ValueState<u64, u64>,
    ask: Timers<u64>,
}

impl Process<u64, u64> for Sessions {
    type Out = (u64, i64, Option<u64>);

    fn on_event(&mut self, key: &Key<u64>, n: Event<u64>, out: &mut Output<Self::Out>) -> Result<()> {
        out.emit((**key, n.time.as_millis(), self.last.get_cloned(key)?));
        self.ask.set(key, n.time.plus(millis(40)))?;
        self.last.set(key, *n)
    }

    fn on_timer(&mut self, key: &Key<u64>, timer: Timer, out: &mut Output<Self::Out>) -> Result<()> {
        out.emit((**key, -timer.time.as_millis(), self.last.get_cloned(key)?));
        Ok(())
    }
}

/// Times with holes, so that keys are forgotten: each key comes about every 70 ms.
fn times() -> Vec<u64> {
    crate::sums::times(1_500).into_iter().filter(|n| n / 90 % 3 != 0).collect()
}

fn sessions(job: &Job, out: &Path, crash: Option<Arc<AtomicBool>>) {
    let numbers = job
        .source("numbers", FromVec::new(times()))
        .event_time(|n| at(*n as i64), Watermarks::bounded(millis(BOUND_MS as u64)))
        .try_map(move |n| match n > 9_000 && crash.as_ref().is_some_and(|first| first.swap(false, Relaxed)) {
            true => Err(gress_runtime::Error::operator("a crash in the middle")),
            false => Ok(n),
        });
    let sessions = numbers.key_by(|n| n / 10 % 7).process("sessions", |state| Sessions {
        last: state.value("last").ttl(Ttl::after(millis(TTL_MS as u64)).in_event_time()),
        ask: state.timers("ask"),
    });
    sessions.sink("out", JsonLines::exactly_once(out));
}

/// What the answers to events should be: the last event of the key, unless it was `TTL_MS` or more behind the stamp.
fn answers() -> Vec<String> {
    let (mut last, mut largest, mut answers) = (HashMap::new(), None::<i64>, Vec::new());
    for n in times() {
        let (key, time) = (n / 10 % 7, n as i64);
        let stamp = largest.map(|largest| largest - BOUND_MS - 1);
        let there = |&&(_, updated): &&(u64, i64)| stamp.is_none_or(|now| updated + TTL_MS > now);
        let before = last.get(&key).filter(there).map_or("null".to_owned(), |(n, _)| n.to_string());
        answers.push(format!("[{key},{time},{before}]"));
        last.insert(key, (n, stamp.unwrap_or(time)));
        largest = largest.max(Some(time));
    }
    answers.sort();
    answers
}

fn backends() -> Vec<Backend> {
    if cfg!(feature = "rocksdb") { vec![Backend::Memory, Backend::RocksDb] } else { vec![Backend::Memory] }
}

fn run(backend: Backend, parallelism: usize, batch: usize, seed: u64, crash: bool) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let start = |crash| {
        let mut config = checkpointed(parallelism, batch, folder.path());
        config.state.backend = backend;
        config.state.directory = Some(folder.path().join("files"));
        let job = Job::new(config);
        sessions(&job, &out, crash);
        job.run_seeded(seed)
    };
    if crash {
        let error = start(Some(Arc::new(AtomicBool::new(true)))).unwrap_err();
        assert!(error.to_string().contains("a crash in the middle"), "{error}");
    }
    let report = start(None).unwrap();
    match report.restored {
        Some(_) => assert!(crash, "a first start restores nothing"),
        // One batch of 1,024 is most of what there is, so that there may be no checkpoint before the crash.
        None => assert!(!crash || batch == 1024, "something stands before the crash"),
    }
    lines(&out)
}

// Conformance case 39.
#[test]
fn event_time_forgets_the_same_whatever_the_batches_tasks_backend_and_crashes() {
    let expected = run(Backend::Memory, 1, 1024, 0, false);
    let of_events = expected.iter().filter(|line| !line.contains(",-")).cloned().collect::<Vec<_>>();
    let forgotten = of_events.iter().filter(|line| line.ends_with("null]")).count();
    assert_eq!(of_events, answers());
    assert!(forgotten > 100 && of_events.len() - forgotten > 100, "{forgotten} of {}", of_events.len());
    let asked = expected.len() - of_events.len();
    let gone = expected.iter().filter(|line| line.contains(",-") && line.ends_with("null]")).count();
    assert!(asked > 100 && gone < asked, "{gone} of {asked}");
    for backend in backends() {
        for parallelism in [1, 3] {
            for batch in [1, 7, 1024] {
                for crash in [false, true] {
                    let found = run(backend, parallelism, batch, batch as u64, crash);
                    let other = found.iter().zip(&expected).find(|(found, expected)| found != expected);
                    let same = found.len() == expected.len() && other.is_none();
                    assert!(same, "{backend:?}, {parallelism} tasks, batches of {batch}, crash: {crash}: {other:?}");
                }
            }
        }
    }
}

/// Says what it remembers, and remembers what it is told.
struct Memory {
    last: ValueState<u64, i64>,
}

impl Process<u64, i64> for Memory {
    type Out = Option<i64>;
    fn on_event(&mut self, key: &Key<u64>, n: Event<i64>, out: &mut Output<Option<i64>>) -> Result<()> {
        out.emit(self.last.get_cloned(key)?);
        if *n > 0 {
            self.last.set(key, *n)?;
        }
        Ok(())
    }
}

/// A harness around a [`Memory`] of one key per hundred, whose time to live is that of `rules` at `rule` whenever it starts.
fn memory(rule: Arc<AtomicU8>) -> Harness<i64, Option<i64>> {
    Harness::new(move |numbers: Stream<i64>| {
        let rule = rule.clone();
        let memory = numbers.key_by(|n| n.unsigned_abs() / 100);
        let memory = memory.process("memory", move |state| {
            let last = state.value("last");
            let hundred = Ttl::after(millis(100));
            Memory {
                last: match rule.load(Relaxed) {
                    OFF => last,
                    LONG => last.ttl(Ttl::after(millis(1_000))),
                    SHORT => last.ttl(Ttl::after(millis(30))),
                    EVENT => last.ttl(hundred.in_event_time()),
                    _ => last.ttl(hundred),
                },
            }
        });
        memory.map(|last| last)
    })
    .unwrap()
}

const OFF: u8 = 0;
const ON: u8 = 1;
const LONG: u8 = 2;
const SHORT: u8 = 3;
const EVENT: u8 = 4;

/// What is remembered of keys 1 and 2, which a read does not change.
fn remembered(memory: &mut Harness<i64, Option<i64>>) -> Vec<Option<i64>> {
    memory.feed(at(0), -100).unwrap();
    memory.feed(at(0), -200).unwrap();
    memory.values()
}

// Conformance cases 29 and 35, in a job.
#[test]
fn processing_time_is_set_by_hand_and_goes_on_while_a_job_is_down() {
    let mut memory = memory(Arc::new(AtomicU8::new(ON)));
    memory.set_processing_time(at(50));
    memory.feed(at(0), 101).unwrap();
    memory.set_processing_time(at(100));
    memory.feed(at(0), 202).unwrap();
    memory.values();
    memory.set_processing_time(at(149));
    assert_eq!(remembered(&mut memory), [Some(101), Some(202)]);
    let checkpoint = memory.checkpoint().unwrap();
    memory.set_processing_time(at(150));
    assert_eq!(remembered(&mut memory), [None, Some(202)]);
    memory.set_processing_time(at(180));
    memory.restore(&checkpoint).unwrap();
    assert_eq!(remembered(&mut memory), [None, Some(202)]);
    memory.set_processing_time(at(200));
    assert_eq!(remembered(&mut memory), [None, None]);
}

// Conformance case 37.
#[test]
fn a_time_to_live_may_come_go_and_change_over_a_restore() {
    let rule = Arc::new(AtomicU8::new(OFF));
    let mut memory = memory(rule.clone());
    let restart = |memory: &mut Harness<i64, Option<i64>>, to: u8, time: i64| {
        let checkpoint = memory.checkpoint().unwrap();
        rule.store(to, Relaxed);
        memory.set_processing_time(at(time));
        memory.restore(&checkpoint).unwrap();
        // Its content is all of one kind again: it survives a second restore.
        let checkpoint = memory.checkpoint().unwrap();
        memory.restore(&checkpoint).unwrap();
    };
    memory.feed(at(0), 101).unwrap();
    memory.feed(at(0), 202).unwrap();
    memory.values();
    // Off to on: they count as updated at the restore.
    restart(&mut memory, ON, 1_000);
    memory.set_processing_time(at(1_060));
    memory.feed(at(0), 203).unwrap();
    assert_eq!(memory.values(), [Some(202)]);
    memory.set_processing_time(at(1_099));
    assert_eq!(remembered(&mut memory), [Some(101), Some(203)]);
    // Another length applies to what is there; what had expired does not come back.
    restart(&mut memory, LONG, 1_110);
    assert_eq!(remembered(&mut memory), [None, Some(203)]);
    memory.set_processing_time(at(2_059));
    assert_eq!(remembered(&mut memory), [None, Some(203)]);
    memory.feed(at(0), 102).unwrap();
    memory.values();
    restart(&mut memory, SHORT, 2_059);
    assert_eq!(remembered(&mut memory), [Some(102), None]);
    // On to off: what is left stays for good.
    restart(&mut memory, OFF, 2_080);
    memory.set_processing_time(at(1_000_000));
    assert_eq!(remembered(&mut memory), [Some(102), None]);
}

// Conformance case 37.
#[test]
fn a_time_to_live_in_event_time_begins_at_the_watermark_of_the_restore() {
    let rule = Arc::new(AtomicU8::new(OFF));
    let mut memory = memory(rule.clone());
    memory.feed(at(10), 101).unwrap();
    memory.advance(at(500)).unwrap();
    let checkpoint = memory.checkpoint().unwrap();
    rule.store(EVENT, Relaxed);
    memory.restore(&checkpoint).unwrap();
    memory.values();
    memory.advance(at(599)).unwrap();
    assert_eq!(remembered(&mut memory), [Some(101), None]);
    memory.advance(at(600)).unwrap();
    assert_eq!(remembered(&mut memory), [None, None]);
}

#[test]
fn a_time_to_live_that_cannot_work_is_found_when_the_job_is_built() {
    let job = Job::new(crate::sums::config(1, 8));
    let numbers = job.source("numbers", FromVec::new(vec![1_i64]));
    let hundred = Ttl::after(millis(100));
    let memory = numbers.key_by(|n| *n as u64);
    let untimed =
        move |state: &mut StateScope<'_, u64>| Memory { last: state.value("last").ttl(hundred.in_event_time()) };
    memory.process("untimed", untimed).sink("one", Discard);
    let twice = move |state: &mut StateScope<'_, u64>| Memory { last: state.value("last").ttl(hundred).ttl(hundred) };
    memory.process("twice", twice).sink("two", Discard);
    let error = job.check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Job);
    let text = error.to_string();
    assert!(
        text.contains("a state of `untimed` at") && text.contains("expires in event time, and there is none"),
        "{text}"
    );
    assert!(text.contains("the state `twice/last` is given a time to live twice"), "{text}");
}
