//! State whose values have a codec of their own or another version, over restarts.

use crate::sums::{Sum, checkpointed, lines};
use gress_runtime::{ErrorKind, StateValue, config::Backend, prelude::*};
use std::path::Path;

/// Something that counts.
trait Tally: StateValue + Clone {
    fn tally(&mut self) -> u64;
    fn none() -> Self;
}

impl Tally for u64 {
    fn tally(&mut self) -> u64 {
        *self += 1;
        *self
    }
    fn none() -> Self {
        0
    }
}

/// Numbers as text.
struct Decimal;

impl ValueCodec<u64> for Decimal {
    const NAME: &'static str = "decimal/1";
    fn encode(value: &u64, into: &mut Vec<u8>) -> Result<()> {
        into.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }
    fn decode(bytes: &[u8]) -> Result<u64> {
        Ok(std::str::from_utf8(bytes)?.parse()?)
    }
}

impl Tally for Coded<u64, Decimal> {
    fn tally(&mut self) -> u64 {
        **self += 1;
        **self
    }
    fn none() -> Self {
        Coded::new(0)
    }
}

/// Counts the events of each key.
struct Tallies<V> {
    seen: ValueState<u64, V>,
}

impl<V: Tally> Process<u64, u64> for Tallies<V> {
    type Out = (u64, u64);
    fn on_event(&mut self, key: &Key<u64>, _: Event<u64>, out: &mut Output<(u64, u64)>) -> Result<()> {
        let mut seen = self.seen.entry(key)?.or_insert_with(V::none);
        out.emit((**key, seen.tally()));
        Ok(())
    }
}

const KEYS: u64 = 211;
const EVENTS: u64 = 3_000;

fn expected() -> Vec<String> {
    let mut lines: Vec<_> = (0..EVENTS).map(|n| format!("[{},{}]", n % KEYS, n / KEYS + 1)).collect();
    lines.sort();
    lines
}

fn backends() -> Vec<Backend> {
    if cfg!(feature = "rocksdb") { vec![Backend::Memory, Backend::RocksDb] } else { vec![Backend::Memory] }
}

/// Runs the job on `folder` until event `fails_at`, or to its end.
fn run<V: Tally>(
    (backend, folder): (Backend, &Path),
    fails_at: u64,
    declare: impl Fn(&mut StateScope<'_, u64>) -> ValueState<u64, V> + Send + Sync + 'static,
) -> Result<Report> {
    let mut config = checkpointed(2, 16, folder);
    config.state.backend = backend;
    config.state.directory = Some(folder.join("files"));
    let job = Job::new(config);
    let numbers = job.source("numbers", FromVec::new((0..EVENTS).collect::<Vec<_>>()));
    let numbers = numbers.try_map(move |n| match n == fails_at {
        true => Err(gress_runtime::Error::operator("a crash in the middle")),
        false => Ok(n),
    });
    let tallies = numbers.key_by(|n| n % KEYS).process("tallies", move |state| Tallies { seen: declare(state) });
    tallies.sink("out", JsonLines::exactly_once(folder.join("out")));
    job.run_seeded(fails_at)
}

fn crashes<V: Tally>(
    at: (Backend, &Path),
    fails_at: u64,
    declare: impl Fn(&mut StateScope<'_, u64>) -> ValueState<u64, V> + Send + Sync + 'static,
) {
    let error = run(at, fails_at, declare).unwrap_err();
    assert!(error.to_string().contains("a crash in the middle"), "{error}");
}

fn refused<V: Tally>(
    at: (Backend, &Path),
    words: &[&str],
    declare: impl Fn(&mut StateScope<'_, u64>) -> ValueState<u64, V> + Send + Sync + 'static,
) {
    let error = run(at, EVENTS, declare).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let text = error.to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "{word} is not in: {text}"));
}

/// What counts in version 2.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Named {
    name: String,
    count: u64,
}

impl Tally for Named {
    fn tally(&mut self) -> u64 {
        assert!(self.count == 0 || self.name == "counted", "{}", self.name);
        self.name = "counted".to_owned();
        self.count += 1;
        self.count
    }
    fn none() -> Self {
        Named { name: String::new(), count: 0 }
    }
}

fn named() -> Version<Named> {
    Version::new(2).migrate(1, |count: u64| Ok(Named { name: "counted".to_owned(), count }))
}

// Conformance case 54.
#[test]
fn a_job_whose_values_have_changed_goes_on_and_a_crash_in_between_leaves_both_programs_able_to() {
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let at = (backend, folder.path());
        crashes(at, 1_200, |state| state.value::<u64>("seen"));
        // The start fails in the middle of the rewrite: the program before is able to go on, as if it had never been.
        let failing = Version::new(2).migrate(1, |count: u64| match count {
            0..2 => Ok(Named { name: "counted".to_owned(), count }),
            _ => Err(gress_runtime::Error::operator("a crash in the rewrite")),
        });
        let error = run(at, EVENTS, move |state| state.value("seen").version(failing.clone()))
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(error.contains("a crash in the rewrite") && error.contains("`tallies/seen`"), "{error}");
        assert!(error.contains("store key 0x") && error.contains("from version 1 to 2"), "{error}");
        refused(
            at,
            &["values `u64` in the checkpoint", "give the changed state another name, or a version"],
            |state| state.value::<Named>("seen"),
        );
        crashes(at, 1_700, |state| state.value::<u64>("seen"));
        crashes(at, 2_400, |state| state.value("seen").version(named()));
        // There is a checkpoint of the new version by now.
        let words = ["`tallies/seen` has version 2 in the checkpoint, 1 in the job", "run that one"];
        refused(at, &words, |state| state.value::<u64>("seen"));
        refused(at, &["version 2 in the checkpoint, 3 in the job, which migrates from no other"], |state| {
            state.value::<Named>("seen").version(Version::new(3))
        });
        let back = || Version::new(4).migrate(2, |named: Named| Ok(Coded::<u64, Decimal>::new(named.count)));
        crashes(at, 2_700, move |state| state.value("seen").version(back()));
        let report = run(at, EVENTS, move |state| state.value("seen").version(back())).unwrap();
        assert!(report.restored.is_some());
        assert_eq!(lines(&folder.path().join("out")), expected());
    }
}

#[test]
fn the_accumulators_of_windows_have_versions_too() {
    let storage = tempfile::tempdir().unwrap();
    let sums = |version: Option<Version<Wide>>, fails_at: u64| {
        let job = Job::new(checkpointed(1, 16, storage.path()));
        let numbers = job
            .source("numbers", FromVec::new((0..2_000_u64).collect::<Vec<_>>()))
            .event_time(|n| Timestamp::from_millis(*n as i64), Watermarks::monotone())
            .try_map(move |n| match n == fails_at {
                true => Err(gress_runtime::Error::operator("a crash in the middle")),
                false => Ok(n),
            });
        let windows = numbers.key_by(|n| n % 3).window(Tumbling::every(millis(1_500)));
        let out = JsonLines::exactly_once(storage.path().join("out"));
        match version {
            None => windows.aggregate("sums", Sum(0)).map(|sum| sum.value).sink("out", out),
            Some(version) => {
                windows.aggregate_versioned("sums", Wide::default(), version).map(|sum| sum.value).sink("out", out);
            }
        }
        job.run_seeded(1)
    };
    let wide = |from: u32| Version::new(2).migrate(from, |sum: Sum| Ok(Wide { sum: sum.0.into(), migrated: true }));
    let error = sums(None, 1_000).unwrap_err().to_string();
    assert!(error.contains("a crash in the middle"), "{error}");
    let error = sums(Some(wide(2)), 2_000).unwrap_err().to_string();
    assert!(error.contains("the accumulator of `sums` at") && error.contains("migrates from 2: valid are"), "{error}");
    let report = sums(Some(wide(1)), 2_000).unwrap();
    assert!(report.restored.is_some());
    let sum = |from: u64, to: u64, rest: u64| (from..to).filter(|n| n % 3 == rest).sum::<u64>();
    let mut expected: Vec<_> = (0..3).map(|rest| format!("[{},true]", sum(0, 1_500, rest))).collect();
    expected.extend((0..3).map(|rest| format!("[{},false]", sum(1_500, 2_000, rest))));
    expected.sort();
    assert_eq!(lines(&storage.path().join("out")), expected);
}

/// A sum that has outgrown [`Sum`].
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
struct Wide {
    sum: u128,
    migrated: bool,
}

impl Accumulator<u64> for Wide {
    type Out = (u64, bool);
    fn add(&mut self, n: &u64) {
        self.sum += u128::from(*n);
    }
    fn merge(&mut self, other: Wide) {
        self.sum += other.sum;
    }
    fn finish(self) -> (u64, bool) {
        (self.sum as u64, self.migrated)
    }
}

#[test]
fn a_state_goes_on_under_the_codec_that_it_was_written_with_and_no_other() {
    for backend in backends() {
        let folder = tempfile::tempdir().unwrap();
        let at = (backend, folder.path());
        let coded = |state: &mut StateScope<'_, u64>| state.value::<Coded<u64, Decimal>>("seen");
        crashes(at, 1_500, coded);
        let words = ["`tallies/seen` has the codec `decimal/1` in the checkpoint, `bincode-2/varint` in the job"];
        refused(at, &words, |state| state.value::<u64>("seen"));
        let report = run(at, EVENTS, coded).unwrap();
        assert!(report.restored.is_some());
        assert_eq!(lines(&folder.path().join("out")), expected());
    }
}
