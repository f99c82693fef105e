//! One start of the job: flags and environment, to be varied before it runs.

use crate::{
    process::{Ended, Running},
    program::program,
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

/// How the job is to be started.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    logs: PathBuf,
    flags: BTreeMap<&'static str, OsString>,
    unknown: Option<&'static str>,
    environment: BTreeMap<&'static str, OsString>,
}

impl Start {
    /// Without flags; `logs` is a folder.
    pub(crate) fn new(logs: PathBuf) -> Start {
        Start { logs, flags: BTreeMap::new(), unknown: None, environment: BTreeMap::new() }
    }

    /// Sets a flag, in the place of what it was.
    pub(crate) fn with(mut self, flag: &'static str, value: impl AsRef<OsStr>) -> Start {
        self.flags.insert(flag, value.as_ref().to_owned());
        self
    }

    /// Leaves a flag out.
    pub(crate) fn without(mut self, flag: &'static str) -> Start {
        self.flags.remove(flag);
        self
    }

    /// Adds a flag that takes no value.
    pub(crate) fn with_bare(mut self, flag: &'static str) -> Start {
        self.unknown = Some(flag);
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn variable(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Start {
        self.environment.insert(name, value.as_ref().to_owned());
        self
    }

    /// So slow that it is still at work whenever a test looks, with a checkpoint every 100 ms.
    pub(crate) fn slow(self) -> Start {
        self.with("--rate", "20000").with("--checkpoint-interval", "100ms")
    }

    /// Starts the job.
    pub(crate) fn start(&self) -> Running {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut command = Command::new(program());
        for (flag, value) in &self.flags {
            command.arg(flag).arg(value);
        }
        command.args(self.unknown);
        // Settings of whoever runs the tests are none of the job's.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().to_ascii_uppercase().starts_with("GRESS__") {
                command.env_remove(name);
            }
        }
        command.envs(&self.environment);
        let log = self.logs.join(format!("{:04}", NEXT.fetch_add(1, Ordering::Relaxed)));
        Running::start(&mut command, &log)
    }

    /// Starts the job and waits until it has ended.
    pub(crate) fn run(&self) -> Ended {
        self.start().wait()
    }
}
