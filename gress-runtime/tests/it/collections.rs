//! Maps, lists, reducing and aggregating state in jobs: the same output whatever happens.

use crate::sums::{Sum, checkpointed, lines, times};
use gress_runtime::{ErrorKind, MapKey, config::Backend, prelude::*};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// Of each key: how often each digit came, the last numbers, the largest one and the sum of all.
struct Digits {
    seen: MapState<u64, i8, u64>,
    last: ListState<u64, String>,
    largest: ReducingState<u64, u64>,
    sum: AggregatingState<u64, u64, Sum>,
}

type Line = (u64, u64, u64, String, u64, u64);

impl Process<u64, u64> for Digits {
    type Out = Line;

    fn on_event(&mut self, key: &Key<u64>, n: Event<u64>, out: &mut Output<Line>) -> Result<()> {
        for digit in n.to_string().bytes().map(|digit| digit as i8 - b'5' as i8) {
            *self.seen.entry(key, &digit)?.or_insert(0) += 1;
        }
        self.last.add(key, &n.to_string())?;
        self.largest.add(key, *n)?;
        self.sum.add(key, &n)?;
        let (mut all, mut first) = (0, None);
        for entry in self.seen.iter(key)? {
            let (digit, count) = entry?;
            first = first.or(Some(digit));
            all += *count;
        }
        assert_eq!(first, self.seen.first(key)?.map(|(digit, _)| digit));
        let last = self.last.get(key)?.join(",");
        let (largest, sum) = (self.largest.get(key)?.unwrap_or(0), self.sum.get(key)?.unwrap_or(0));
        out.emit((**key, *n, all, last, largest, sum));
        if n.is_multiple_of(7) {
            self.seen.clear(key)?;
            self.last.clear(key)?;
        } else {
            self.seen.retain(key, |digit, count| *digit < 3 || *count < 9)?;
            self.last.retain(key, |text| n.abs_diff(text.parse().unwrap_or(0)) < 900)?;
        }
        Ok(())
    }
}

/// What the job's lines should be.
fn expected() -> Vec<String> {
    #[derive(Default)]
    struct Model {
        seen: BTreeMap<i8, u64>,
        last: Vec<u64>,
        largest: u64,
        sum: u64,
    }
    let (mut models, mut lines) = (BTreeMap::<u64, Model>::new(), Vec::new());
    for n in times(1_500) {
        let model = models.entry(n / 10 % 7).or_default();
        for digit in n.to_string().bytes() {
            *model.seen.entry(digit as i8 - b'5' as i8).or_default() += 1;
        }
        model.last.push(n);
        model.largest = model.largest.max(n);
        model.sum += n;
        let last = model.last.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let all: u64 = model.seen.values().sum();
        lines.push(format!("[{},{n},{all},\"{last}\",{},{}]", n / 10 % 7, model.largest, model.sum));
        if n % 7 == 0 {
            model.seen.clear();
            model.last.clear();
        } else {
            model.seen.retain(|digit, count| *digit < 3 || *count < 9);
            model.last.retain(|then| n.abs_diff(*then) < 900);
        }
    }
    lines.sort();
    lines
}

fn digits(job: &Job, out: &Path, crash: Option<Arc<AtomicBool>>) {
    let numbers = job.source("numbers", FromVec::new(times(1_500)));
    let numbers =
        numbers.try_map(move |n| match n > 9_000 && crash.as_ref().is_some_and(|first| first.swap(false, Relaxed)) {
            true => Err(gress_runtime::Error::operator("a crash in the middle")),
            false => Ok(n),
        });
    let digits = numbers.key_by(|n| n / 10 % 7).process("digits", |state| Digits {
        seen: state.map("seen"),
        last: state.list("last"),
        largest: state.reducing("largest", |largest: &mut u64, n| *largest = n.max(*largest)),
        sum: state.aggregating("sum", Sum(0)),
    });
    digits.sink("out", JsonLines::exactly_once(out));
}

#[test]
fn collections_survive_a_crash_on_every_backend_and_parallelism() {
    let backends =
        if cfg!(feature = "rocksdb") { vec![Backend::Memory, Backend::RocksDb] } else { vec![Backend::Memory] };
    let expected = expected();
    for backend in backends {
        for parallelism in [1, 2] {
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("out");
            let start = |crash| {
                let mut config = checkpointed(parallelism, 16, folder.path());
                config.state.backend = backend;
                config.state.directory = Some(folder.path().join("files"));
                let job = Job::new(config);
                digits(&job, &out, crash);
                job.run_seeded(7)
            };
            let error = start(Some(Arc::new(AtomicBool::new(true)))).unwrap_err();
            assert!(error.to_string().contains("a crash in the middle"), "{error}");
            let report = start(None).unwrap();
            assert!(report.restored.is_some(), "something stands before the crash");
            assert!(lines(&out) == expected, "{backend:?}, {parallelism} tasks");
        }
    }
}

/// Keeps something in a map of `E`.
struct Keep<E> {
    map: MapState<u64, E, u64>,
}

impl<E: MapKey + From<u8>> Process<u64, u64> for Keep<E> {
    type Out = u64;
    fn on_event(&mut self, key: &Key<u64>, n: Event<u64>, out: &mut Output<u64>) -> Result<()> {
        self.map.put(key, &E::from(1), *n)?;
        out.emit(*n);
        Ok(())
    }
}

fn keep<E: MapKey + From<u8>>(folder: &Path) -> Job {
    let job = Job::new(checkpointed(1, 16, folder));
    let numbers = job.source("numbers", Generate::new(1, 20_000_000, |_, n| n));
    let kept = numbers.key_by(|n| n % 5).process("keep", |state| Keep::<E> { map: state.map("kept") });
    kept.sink("out", Discard);
    job
}

#[test]
fn a_map_whose_keys_have_another_type_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let running = keep::<u16>(folder.path()).start().unwrap();
    while running.progress().checkpoints < 1 {
        std::thread::yield_now();
    }
    running.stop();
    running.wait().unwrap();
    let error = keep::<i32>(folder.path()).run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let text = error.to_string();
    assert!(text.contains("the state `keep/kept` has map keys `u16` in the checkpoint, `i32` in the job"), "{text}");
}
