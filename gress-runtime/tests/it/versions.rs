//! State whose values have a codec of their own, over restarts.

use crate::sums::{checkpointed, lines};
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
