//! A real job, which makes the seeds and restores what the fuzzer makes of them.

use gress_runtime::{config::Backend, prelude::*};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Stands for the random identity of the job in seeds.
const JOB: &str = "3fa9c1d2";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Sum(u64);

impl Accumulator<u64> for Sum {
    type Out = u64;
    fn add(&mut self, n: &u64) {
        self.0 = self.0.wrapping_add(*n);
    }
    fn merge(&mut self, other: Sum) {
        self.0 = self.0.wrapping_add(other.0);
    }
    fn finish(self) -> u64 {
        self.0
    }
}

/// Keeps the last numbers of a key, and tells them a while later.
struct Last {
    last: ValueState<String, Vec<Option<u64>>>,
    alarms: Timers<String>,
}

impl Process<String, u64> for Last {
    type Out = String;

    fn on_event(&mut self, key: &Key<String>, event: Event<u64>, out: &mut Output<String>) -> Result<()> {
        let mut last = self.last.entry(key)?.or_default();
        last.push(Some(event.value));
        self.alarms.set(key, event.time.plus(millis(20)))?;
        out.emit(format!("{} {}", **key, event.value));
        Ok(())
    }

    fn on_timer(&mut self, key: &Key<String>, timer: Timer, out: &mut Output<String>) -> Result<()> {
        out.emit(format!("{} {:?} {}", **key, self.last.take(key)?, timer.time));
        Ok(())
    }
}

/// A job with every kind of state, its folders below `folder`. Without output it restores whatever else a manifest says.
pub(crate) fn job(folder: &Path, with_output: bool) -> Job {
    let mut config = Config { parallelism: 2, ..Config::default() };
    config.batch.size = 4;
    config.state.backend = Backend::Memory;
    config.checkpoint.directory = Some(state(folder));
    config.checkpoint.interval = millis(10);
    config.checkpoint.retained = 1_000;
    let job = Job::new(config);
    let numbers = FromVec::partitioned(vec![(0..600).collect(), (100..400).collect()]);
    let numbers = job.source("numbers", numbers);
    let timed = numbers.event_time(|n| Timestamp::from_millis(*n as i64), Watermarks::bounded(millis(5)));
    let last = timed
        .key_by(|n| format!("k{}", n % 3))
        .process("last", |state| Last { last: state.value("last"), alarms: state.timers("alarms") });
    let sums = timed.key_by(|n| n % 5).window(Tumbling::every(millis(30))).aggregate("sums", Sum::default());
    let sums = sums.map(|sum| (sum.key, sum.value));
    if with_output {
        last.sink("last-out", JsonLines::exactly_once(output(folder).join("last")));
        sums.sink("sums-out", JsonLines::exactly_once(output(folder).join("sums")));
    } else {
        last.sink("last-out", Discard);
        sums.sink("sums-out", Discard);
    }
    job
}

/// Where the job keeps its checkpoints.
pub(crate) fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

fn output(folder: &Path) -> PathBuf {
    folder.join("out")
}

/// Files by their path below the folder of a job.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What the job leaves when it has ended. The same each time but for its identity, for which [`JOB`] stands.
fn left(with_output: bool) -> &'static Files {
    static LEFT: [OnceLock<Files>; 2] = [const { OnceLock::new() }; 2];
    LEFT[usize::from(with_output)].get_or_init(|| {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        job(folder.path(), with_output).run_seeded(7).expect("the job runs");
        let mut files = Files::new();
        collect(folder.path(), folder.path(), &mut files);
        with_identity(files)
    })
}

fn collect(root: &Path, folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).expect("the job's folder can be read") {
        let path = entry.expect("the job's folder can be read").path();
        match path.is_dir() {
            true => collect(root, &path, files),
            false => {
                let content = fs::read(&path).expect("the job's files can be read");
                files.insert(path.strip_prefix(root).expect("it lies below").to_owned(), content);
            }
        }
    }
}

/// Puts [`JOB`] in the place of the identity that the job has drawn.
fn with_identity(files: Files) -> Files {
    let manifest = files.iter().find(|(path, _)| is_manifest(path)).expect("the job has checkpoints").1;
    let drawn =
        String::from_utf8_lossy(manifest).split("\"job\": \"").nth(1).expect("it names the job")[..8].to_owned();
    let renamed = files.into_iter().map(|(path, content)| {
        let path = PathBuf::from(path.to_string_lossy().replace(&drawn, JOB));
        let content = match is_manifest(&path) {
            true => {
                let body = String::from_utf8(crate::manifest::body(&content)).expect("a manifest is text");
                crate::mend::manifest(body.replace(&drawn, JOB).as_bytes())
            }
            false => content,
        };
        (path, content)
    });
    renamed.collect()
}

fn is_manifest(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("manifest-"))
}

/// The manifests of the job, without and with output, the oldest first.
pub(crate) fn manifests() -> Vec<Vec<u8>> {
    let of = |with_output| left(with_output).iter().filter(|(path, _)| is_manifest(path)).map(|(_, file)| file.clone());
    of(false).chain(of(true)).collect()
}

/// What the job has committed.
pub(crate) fn committed() -> impl Iterator<Item = (&'static PathBuf, &'static Vec<u8>)> {
    left(true).iter().filter(|(path, _)| path.starts_with("out"))
}
