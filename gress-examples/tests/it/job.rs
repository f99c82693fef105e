//! A job and its directories.

use crate::{
    manifests::{Checkpoint, checkpoints},
    patience::wait_for,
    process::Running,
    start::Start,
    tree::Tree,
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The backends of this build.
pub(crate) const BACKENDS: &[&str] = &[
    "memory",
    #[cfg(feature = "rocksdb")]
    "rocksdb",
];

/// A job in a temporary folder.
pub(crate) struct Job {
    folder: TempDir,
}

impl Job {
    /// A job that was never started.
    pub(crate) fn new() -> Job {
        let folder = tempfile::tempdir().expect("a temporary folder");
        ["logs", "work"].iter().for_each(|name| fs::create_dir(folder.path().join(name)).expect("a folder"));
        Job { folder }
    }

    /// All but the logs: what a start may change.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.work().join("out")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.work().join("state")
    }

    /// A start with nothing but the directories.
    pub(crate) fn plain(&self) -> Start {
        Start::new(self.folder.path().join("logs")).with("--out", self.out()).with("--state", self.state())
    }

    /// A start on this backend, with so little memory that the aircraft do not fit into the table of live values.
    pub(crate) fn on(&self, backend: &str) -> Start {
        // RocksDB takes no smaller write buffers than this makes them.
        let memory = if backend == "rocksdb" { "1MiB" } else { "300KiB" };
        self.plain().with("--backend", backend).variable("GRESS__STATE__MEMORY", memory)
    }

    /// All there is, to be compared with later.
    pub(crate) fn tree(&self) -> Tree {
        Tree::of(&self.work())
    }

    /// The checkpoints, in ascending order.
    pub(crate) fn checkpoints(&self) -> Vec<Checkpoint> {
        checkpoints(&self.state().join("checkpoints"))
    }

    /// The committed files of one folder, the oldest first; none if it does not exist.
    pub(crate) fn committed(&self, folder: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.out().join(folder)) else { return Vec::new() };
        let paths = entries.map(|entry| entry.expect("a folder that nobody deletes can be read").path());
        let mut paths: Vec<_> = paths.filter(|path| is_committed(path)).collect();
        paths.sort_unstable();
        paths
    }

    /// Whether a job's directories show that it was in the middle of its work: checkpoints to go back to, output in
    /// every folder.
    pub(crate) fn is_at_work(&self) -> bool {
        let checkpoints = self.checkpoints();
        let taken = checkpoints.iter().filter(|checkpoint| !checkpoint.is_claim()).count();
        taken >= 3 && ["hourly", "late", "legs"].iter().all(|folder| !self.committed(folder).is_empty())
    }

    /// Whether state went to RocksDB's disk.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn has_tables_of_rocksdb(&self) -> bool {
        let entries = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_table = |path: PathBuf| path.extension().is_some_and(|extension| extension == "sst");
        entries(self.state().join("work")).flat_map(entries).any(is_table)
    }

    /// Starts, waits until `seen`, and kills; again, if at the moment of the kill it was no longer so.
    pub(crate) fn kill_when(&self, start: &Start, what: &str, seen: impl Fn(&Job) -> bool) {
        for _ in 0..10 {
            let running = self.wait_until(start.start(), what, &seen);
            running.kill();
            if seen(self) {
                return;
            }
        }
        panic!("killed ten times, and never when {what} was there");
    }

    /// Waits until `seen`; the process must not end before.
    pub(crate) fn wait_until(&self, mut running: Running, what: &str, seen: impl Fn(&Job) -> bool) -> Running {
        let went_on = wait_for(what, || match seen(self) {
            true => Some(true),
            false => running.is_over().then_some(false),
        });
        if !went_on {
            panic!("the job ended before there was {what}: {}", running.wait().text());
        }
        running
    }

    /// A job that was killed in the middle of its work on `backend`.
    pub(crate) fn interrupted(backend: &str) -> Job {
        let job = Job::new();
        job.kill_when(&job.on(backend).slow(), "a job at work", Job::is_at_work);
        job
    }
}

fn is_committed(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".jsonl") && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}
