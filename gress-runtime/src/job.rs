//! Jobs: the graph that a program builds, and how it is run.
//!
//! ```text
//!  Job ─ source ─▶ Stream<T> ─ key_by ─▶ KeyedStream<K, T> ─ process / window ─▶ Stream<Out> ─ sink
//!   graph of typed nodes (Send + Sync)  ──start──▶  tasks, built on the threads that step them (not Send)
//! ```

mod build;
mod claim;
mod directory;
mod graph;
mod handle;
mod inspect;
mod keyed;
mod launch;
mod output;
mod report;
#[cfg(any(test, feature = "testing"))]
mod stepper;
mod stream;
mod windowed;

#[cfg(feature = "testing")]
pub(crate) use build::{Build, Shared};
#[cfg(feature = "testing")]
pub(crate) use directory::work_directory;
pub(crate) use graph::Graph;
pub use handle::JobHandle;
pub use keyed::{KeyedStream, Processed};
#[cfg(test)]
pub(crate) use launch::{Clocks, Launch, Started};
pub use report::{Outcome, Report};
pub use stream::Stream;
pub use windowed::{Aggregated, WindowedStream};

use crate::{config::Config, source::Source};
use gress_core::Result;
use std::{panic::Location, path::Path, sync::Arc};

/// A program's dataflow. Building it returns no errors on the way: [`Job::check`] and [`Job::run`] report all of them at
/// once, with file and line.
pub struct Job {
    graph: Arc<Graph>,
}

impl Job {
    /// A job with this config.
    pub fn new(config: Config) -> Self {
        Job { graph: Arc::new(Graph::new(config)) }
    }

    /// A job with the config of a YAML file, overridden by `GRESS__…` environment variables.
    ///
    /// # Errors
    /// A file that cannot be read, and settings that are unknown, wrong or contradict each other, with file and key.
    pub fn from_config_file(path: impl AsRef<Path>) -> Result<Self> {
        let environment = crate::config::process_environment()?;
        Config::load(Some(path.as_ref()), environment, &[]).map(Job::new)
    }

    /// The job's settings.
    pub fn config(&self) -> &Config {
        &self.graph.config
    }

    /// Adds a source. It has as many tasks as it has partitions, at most the job's parallelism.
    #[track_caller]
    pub fn source<S: Source>(&self, name: &str, source: S) -> Stream<S::Item> {
        Stream::of_source(&self.graph, name, source, Location::caller())
    }

    /// Everything that is wrong with the graph.
    ///
    /// # Errors
    /// One error that lists every problem with file and line.
    pub fn check(&self) -> Result<()> {
        self.graph.check()
    }

    /// Runs the job to the end of its input, or until SIGINT or SIGTERM: then it takes one more checkpoint and stops; a
    /// second signal ends the process at once. Started again with the same directories it goes on from there.
    ///
    /// # Errors
    /// A graph, config, input or state that does not fit, before anything is written; and the first failure of a task.
    pub fn run(self) -> Result<Report> {
        let handle = self.start()?;
        handle.stop_on_signals()?;
        handle.wait()
    }

    /// Starts the job on its threads.
    ///
    /// # Errors
    /// As [`Job::run`], but for failures of tasks.
    pub fn start(self) -> Result<JobHandle> {
        JobHandle::start(self)
    }

    /// Takes the graph apart, for the harness.
    #[cfg(feature = "testing")]
    pub(crate) fn take_plan(&self) -> graph::Plan {
        self.graph.take()
    }

    /// Runs the job to its end on this thread, stepping tasks and doing submitted work in an order that `seed` decides:
    /// what fails with a seed fails with it again.
    ///
    /// # Errors
    /// As [`Job::run`].
    #[cfg(any(test, feature = "testing"))]
    pub fn run_seeded(self, seed: u64) -> Result<Report> {
        stepper::run_seeded(self, seed)
    }
}
