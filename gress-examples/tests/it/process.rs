//! One life of the job: a process from its start to its end.

use crate::patience::wait_for;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// A running process. Dropped, it is killed, so that a failed test leaves none behind.
pub(crate) struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A process that has ended by itself.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    /// Starts the process; what it prints goes to two files beside `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Running {
        let (stdout, stderr) = (log.with_extension("stdout"), log.with_extension("stderr"));
        let create = |path: &Path| File::create(path).expect("the folder of logs can be written");
        let command = command.stdin(Stdio::null()).stdout(create(&stdout)).stderr(create(&stderr));
        let child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", command.get_program().display()));
        Running { child, stdout, stderr }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`. The process must still run.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        let status = self.child.wait().expect("a child can be waited for");
        assert_eq!(status.signal(), Some(9), "it ended before it was killed: {}", self.ended(status).text());
    }

    /// Sends a signal, once the process is ready for it.
    pub(crate) fn signal(&self, signal: Signal) {
        let status = format!("/proc/{}/status", self.id());
        wait_for("a handler of the signal", || {
            let status = fs::read_to_string(&status).expect("the child lives, and the system has /proc");
            let caught =
                status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a field of all processes");
            let caught = u64::from_str_radix(caught.trim(), 16).expect("a mask in hexadecimal digits");
            (caught >> (signal.as_raw() - 1) & 1 == 1).then_some(())
        });
        kill_process(Pid::from_child(&self.child), signal).expect("a child can be signalled");
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let status = wait_for("the end of the job", || self.child.try_wait().expect("a child can be waited for"));
        self.ended(status)
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        let read = |path| fs::read_to_string(path).expect("the job prints UTF-8");
        Ended { code: status.code(), stdout: read(&self.stdout), stderr: read(&self.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended, and have been waited for: then these do nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ended {
    /// The last line of stdout, on which the job says how it ended.
    pub(crate) fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    /// The job must have come to the end of its input.
    pub(crate) fn finished(self) -> Ended {
        assert_eq!((self.code, self.last_line()), (Some(0), "finished"), "{}", self.text());
        self
    }

    /// The job must have been stopped; at this checkpoint.
    pub(crate) fn stopped(self) -> u64 {
        assert_eq!(self.code, Some(0), "{}", self.text());
        let checkpoint = self.last_line().strip_prefix("stopped at checkpoint ").and_then(|id| id.parse().ok());
        checkpoint.unwrap_or_else(|| panic!("{}", self.text()))
    }

    /// The checkpoint that the job says it went on from.
    pub(crate) fn restored(&self) -> Option<u64> {
        let line = self.stdout.lines().find_map(|line| line.trim().strip_prefix("restored"))?;
        line.trim().strip_prefix("checkpoint ")?.parse().ok()
    }

    /// All that it said, for a test that fails.
    pub(crate) fn text(&self) -> String {
        format!("exit code {:?}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr)
    }
}
