//! Jobs of Gress: where their state lives, and a sink that adds up what reaches it.

use super::{Engine, MEMORY};
use crate::measure::{Sample, measure};
use gress_core::{ByteSize, CheckpointId, Event};
use gress_runtime::{
    Data, Error,
    config::{Backend, Config},
    prelude::*,
    sink::{Committer, Prepare, Sink, Writer, WriterContext},
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// What the job of an engine is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub backend: Backend,
    /// Whether there is a checkpoint each second.
    pub checkpoints: bool,
    pub memory: Option<ByteSize>,
    pub parallelism: usize,
}

impl Settings {
    /// `None` for an engine that is not Gress.
    pub(crate) fn of(engine: Engine) -> Option<Settings> {
        let memory =
            |checkpoints| Some(Settings { backend: Backend::Memory, checkpoints, memory: None, parallelism: 1 });
        match engine {
            Engine::GressMemory => memory(false),
            Engine::GressMemoryCheckpoints => memory(true),
            Engine::GressRocksDb => Some(Settings::durable(MEMORY)),
            Engine::Plain | Engine::RawRocksDb | Engine::RawRocksDbBatched => None,
        }
    }

    /// A job on RocksDB with this `state.memory`.
    pub(crate) fn durable(memory: ByteSize) -> Settings {
        Settings { backend: Backend::RocksDb, checkpoints: true, memory: Some(memory), parallelism: 1 }
    }

    /// The same as a config, with all files below `folder`.
    pub(crate) fn config(self, folder: &Path) -> Config {
        let mut config = Config { parallelism: self.parallelism, ..Config::default() };
        config.state.backend = self.backend;
        config.state.memory = self.memory;
        config.state.directory = Some(folder.join("state"));
        if self.checkpoints {
            config.checkpoint.interval = seconds(1);
            config.checkpoint.directory = Some(folder.join("checkpoints"));
        }
        config
    }

    /// Runs the job that `build` builds, which reads `events` events.
    pub(crate) fn run(self, events: u64, build: impl FnOnce(&Job)) -> Result<Sample> {
        let folder = tempfile::tempdir()?;
        let job = Job::new(self.config(folder.path()));
        build(&job);
        measure(events, || {
            let report = job.run()?;
            same("the job read", report.progress.events, events)?;
            Ok(report.progress.checkpoints)
        })
    }
}

/// Checks a figure that must be exact.
pub(crate) fn same(what: &str, is: u64, expected: u64) -> Result<()> {
    match is == expected {
        true => Ok(()),
        false => Err(Error::operator(format!("{what} {is} instead of {expected}"))),
    }
}

/// A sink that adds up a number of each event.
#[derive(Clone, Debug)]
pub(crate) struct Total<F> {
    of: F,
    total: Arc<AtomicU64>,
}

impl<F> Total<F> {
    pub(crate) fn of<T>(of: F) -> Self
    where
        F: Fn(&T) -> u64,
    {
        Total { of, total: Arc::default() }
    }

    /// What has reached all writers that have ended.
    pub(crate) fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }
}

impl<T: Data, F: Fn(&T) -> u64 + Clone + Send + Sync + 'static> Sink<T> for Total<F> {
    fn open(&self, _: &WriterContext) -> Result<Box<dyn Writer<T>>> {
        Ok(Box::new(self.clone()))
    }

    fn committer(&self) -> Option<Arc<dyn Committer>> {
        None
    }
}

impl<T, F: Fn(&T) -> u64> Writer<T> for Total<F> {
    fn write(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        let sum = events.drain(..).fold(0_u64, |sum, event| sum.wrapping_add((self.of)(&event.value)));
        self.total.fetch_add(sum, Relaxed);
        Ok(())
    }

    fn prepare(&mut self, _: CheckpointId) -> Result<Option<Prepare>> {
        Ok(None)
    }
}
