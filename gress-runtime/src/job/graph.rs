//! The graph: its tasks, its names, and what is wrong with it.

use super::build::BuildTask;
use crate::{config::Config, sink::Committer, source::Source};
use gress_core::{Error, Result, state_name::check_name};
use std::{
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The tasks of one chain.
pub(crate) struct TaskGroup {
    pub name: String,
    pub subtasks: usize,
    pub is_source: bool,
    pub build: BuildTask,
}

/// What is asked of a source before the job starts.
pub(crate) type Fingerprint = Box<dyn Fn() -> Result<(String, usize)> + Send + Sync>;

/// A node that must lead to a sink.
struct Operator {
    label: String,
    at: &'static Location<'static>,
    needed: bool,
    consumers: usize,
}

#[derive(Default)]
struct Parts {
    operators: Vec<Operator>,
    groups: Vec<TaskGroup>,
    sources: Vec<(String, Fingerprint)>,
    sinks: Vec<(String, Option<Arc<dyn Committer>>)>,
    names: Vec<(String, &'static Location<'static>)>,
    problems: Vec<String>,
    event_times: usize,
    running: bool,
}

/// What a program has built so far. Streams share it.
pub(crate) struct Graph {
    pub config: Config,
    parts: Mutex<Parts>,
}

/// What a job consists of when it starts.
pub(crate) struct Plan {
    pub groups: Vec<TaskGroup>,
    pub sources: Vec<(String, Fingerprint)>,
    pub sinks: Vec<(String, Option<Arc<dyn Committer>>)>,
}

impl Plan {
    /// Tasks that have keyed state.
    pub(crate) fn keyed_tasks(&self) -> usize {
        self.groups.iter().filter(|group| !group.is_source).map(|group| group.subtasks).sum()
    }
}

impl Graph {
    pub(crate) fn new(config: Config) -> Self {
        Graph { config, parts: Mutex::default() }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a node; `needed` if it must lead to a sink.
    pub(crate) fn operator(&self, label: &str, at: &'static Location<'static>, needed: bool) -> usize {
        let mut parts = self.parts();
        parts.operators.push(Operator { label: label.to_owned(), at, needed, consumers: 0 });
        parts.operators.len() - 1
    }

    /// Notes that a node is read. A graph that runs cannot change any more.
    #[track_caller]
    pub(crate) fn consumed(&self, operator: usize) {
        let mut parts = self.parts();
        assert!(!parts.running, "a stream was used after its job began to run");
        parts.operators[operator].consumers += 1;
    }

    /// Takes a name that the user gave; one that is taken or not valid is a problem.
    pub(crate) fn name(&self, name: &str, at: &'static Location<'static>) {
        let mut parts = self.parts();
        if let Err(problem) = check_name(name) {
            parts.problems.push(format!("the name at {at}: {problem}"));
        }
        if let Some((_, first)) = parts.names.iter().find(|(n, _)| n == name) {
            let problem = format!("two operators are named `{name}`: at {first} and at {at}");
            parts.problems.push(problem);
        }
        parts.names.push((name.to_owned(), at));
    }

    pub(crate) fn problem(&self, problem: String) {
        self.parts().problems.push(problem);
    }

    /// A number for an `event_time` operator: its state has no other name.
    pub(crate) fn next_event_time(&self) -> usize {
        let mut parts = self.parts();
        parts.event_times += 1;
        parts.event_times
    }

    pub(crate) fn group(&self, name: &str, subtasks: usize, is_source: bool, build: BuildTask) {
        self.parts().groups.push(TaskGroup { name: name.to_owned(), subtasks, is_source, build });
    }

    pub(crate) fn add_source<S: Source>(&self, name: &str, source: Arc<S>) {
        let fingerprint = move || Ok((source.fingerprint()?, source.partitions()));
        self.parts().sources.push((name.to_owned(), Box::new(fingerprint)));
    }

    pub(crate) fn add_sink(&self, name: &str, committer: Option<Arc<dyn Committer>>) {
        self.parts().sinks.push((name.to_owned(), committer));
    }

    /// See [`super::Job::check`].
    pub(crate) fn check(&self) -> Result<()> {
        let parts = self.parts();
        let mut problems = parts.problems.clone();
        problems.extend(
            parts
                .operators
                .iter()
                .filter(|o| o.needed && o.consumers == 0)
                .map(|o| format!("`{}` at {} leads to no sink: add `.sink(\"name\", …)` or remove it", o.label, o.at)),
        );
        if parts.groups.is_empty() {
            problems.push("it has no source: add `job.source(\"name\", …)`".to_owned());
        }
        let transactional = parts.sinks.iter().find(|(_, committer)| committer.is_some());
        if let Some((sink, _)) = transactional.filter(|_| self.config.checkpoint.directory.is_none()) {
            problems
                .push(format!("the sink `{sink}` commits with checkpoints: set `checkpoint.directory` in the config"));
        }
        let places: Vec<_> = parts.sinks.iter().filter_map(|(n, c)| Some((n, c.as_ref()?.location()))).collect();
        for (at, (name, place)) in places.iter().enumerate() {
            if let Some((first, _)) = places[..at].iter().find(|(_, earlier)| earlier == place) {
                problems.push(format!("the sinks `{first}` and `{name}` both write to `{place}`: give each its own"));
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::job(format!("the job cannot be built:\n  - {}", problems.join("\n  - "))))
    }

    /// Takes the graph apart, to run it.
    pub(crate) fn take(&self) -> Plan {
        let mut parts = self.parts();
        parts.running = true;
        Plan {
            groups: std::mem::take(&mut parts.groups),
            sources: std::mem::take(&mut parts.sources),
            sinks: std::mem::take(&mut parts.sinks),
        }
    }
}
