//! What the tests' jobs count: sums by key, and numbers that stand in for events.

use gress_runtime::{config::Backend, prelude::*};
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sum(pub u64);

impl Accumulator<u64> for Sum {
    type Out = u64;
    fn add(&mut self, n: &u64) {
        self.0 += n;
    }
    fn merge(&mut self, other: Sum) {
        self.0 += other.0;
    }
    fn finish(self) -> u64 {
        self.0
    }
}

/// Counts the events of each key.
pub(crate) struct Count {
    pub seen: ValueState<u64, u64>,
}

impl Process<u64, u64> for Count {
    type Out = (u64, u64);
    fn on_event(&mut self, key: &Key<u64>, _: Event<u64>, out: &mut Output<(u64, u64)>) -> Result<()> {
        let mut seen = self.seen.entry(key)?.or_insert(0);
        *seen += 1;
        out.emit((**key, *seen));
        Ok(())
    }
}

/// On memory, without checkpoints.
pub(crate) fn config(parallelism: usize, batch: usize) -> Config {
    let mut config = Config { parallelism, ..Config::default() };
    config.batch.size = batch;
    config.state.backend = Backend::Memory;
    config
}

/// On memory, with checkpoints below `folder`.
pub(crate) fn checkpointed(parallelism: usize, batch: usize, folder: &Path) -> Config {
    let mut config = config(parallelism, batch);
    config.checkpoint.directory = Some(folder.join("state"));
    config.checkpoint.interval = millis(10);
    config
}

/// The lines of a sink's folder, sorted.
pub(crate) fn lines(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "jsonl") {
            lines.extend(std::fs::read_to_string(path).unwrap().lines().map(str::to_owned));
        }
    }
    lines.sort();
    lines
}

/// Events out of order by up to 40 ms: their times are their values.
pub(crate) fn times(n: u64) -> Vec<u64> {
    (0..n).map(|i| (i * 10 + i.wrapping_mul(2_654_435_761) % 80).saturating_sub(40)).collect()
}
