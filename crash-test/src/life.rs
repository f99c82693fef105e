//! One life of the job: a process from its start to its kill or its own end. Every wait has a limit.

#![expect(
    clippy::disallowed_methods,
    reason = "a real process is killed in real time; no Clock of Gress is at work here"
)]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::manifests::Manifests;

/// So long may recovery take.
pub const START_UP_LIMIT: Duration = Duration::from_secs(60);
/// So long may a job take that is left in peace.
pub const END_LIMIT: Duration = Duration::from_secs(180);

const GLANCE: Duration = Duration::from_millis(1);

/// A running process of the job. Dropping it kills the process, so that none is left behind.
#[derive(Debug)]
pub struct Life {
    child: Child,
    started: Instant,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// Whether a process got through its recovery.
#[derive(Debug)]
pub enum StartUp {
    /// It claimed its job so long after its start.
    Claimed(Duration),
    /// It ended by itself before that, as one does whose job has already finished.
    Ended(Ended),
}

/// How a life that was to be killed has ended.
#[derive(Debug)]
pub enum Death {
    /// By our kill.
    Killed,
    /// By itself, before the kill.
    Ended(Ended),
}

/// A process that has ended by itself.
#[derive(Debug)]
pub struct Ended {
    status: ExitStatus,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Life {
    /// Starts the process; what it prints goes to `<log>.stdout` and `<log>.stderr`.
    pub fn start(command: &mut Command, log: &Path) -> io::Result<Self> {
        let (stdout, stderr) = (log.with_extension("stdout"), log.with_extension("stderr"));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?)
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", Path::new(command.get_program()).display()))
            })?;
        Ok(Self { child, started: Instant::now(), stdout, stderr })
    }

    /// Waits until the process has put a manifest of its own.
    pub fn wait_for_claim(&mut self, manifests: &Manifests) -> io::Result<StartUp> {
        while self.started.elapsed() < START_UP_LIMIT {
            if manifests.has_new()? {
                return Ok(StartUp::Claimed(self.started.elapsed()));
            }
            if let Some(status) = self.child.try_wait()? {
                return Ok(StartUp::Ended(self.ended(status)));
            }
            sleep(GLANCE);
        }
        Err(self.hangs("has put no manifest", START_UP_LIMIT))
    }

    /// Kills the process so long from now, unless it ends by itself before.
    pub fn kill_after(mut self, wait: Duration) -> io::Result<Death> {
        let from = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Death::Ended(self.ended(status)));
            }
            let left = wait.saturating_sub(from.elapsed());
            if left.is_zero() {
                break;
            }
            sleep(left.min(GLANCE));
        }
        self.child.kill()?; // SIGKILL on Unix
        let status = self.child.wait()?;
        // A code means that it ended between the last glance and the kill.
        Ok(if status.code().is_some() { Death::Ended(self.ended(status)) } else { Death::Killed })
    }

    /// Waits until the process ends by itself.
    pub fn wait_for_end(mut self) -> io::Result<Ended> {
        while self.started.elapsed() < END_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                return Ok(self.ended(status));
            }
            sleep(GLANCE);
        }
        Err(self.hangs("has not ended", END_LIMIT))
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        Ended { status, stdout: self.stdout.clone(), stderr: self.stderr.clone() }
    }

    fn hangs(&self, what: &str, limit: Duration) -> io::Error {
        let logs = self.stderr.display();
        io::Error::new(io::ErrorKind::TimedOut, format!("the job {what} within {} s; see {logs}", limit.as_secs()))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Both are harmless where the process has ended already; nothing can be done about other failures here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// An error with the last words of the process, unless it ended with exit code 0.
    pub fn successfully(self) -> io::Result<Self> {
        if self.status.success() {
            return Ok(self);
        }
        let words = last_line(&self.stderr)?;
        Err(io::Error::other(format!("the job ended with {}: {words} (see {})", self.status, self.stderr.display())))
    }

    /// Whether the last line on stdout says that the job had already ended.
    pub fn says_finished(&self) -> io::Result<bool> {
        Ok(last_line(&self.stdout)? == "finished")
    }
}

fn last_line(file: &Path) -> io::Result<String> {
    let text = String::from_utf8_lossy(&std::fs::read(file)?).into_owned();
    Ok(text.lines().last().unwrap_or("").to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, folder: &Path) -> io::Result<Life> {
        Life::start(Command::new("sh").arg("-c").arg(script).current_dir(folder), &folder.join("life"))
    }

    #[test]
    fn a_claim_is_seen_and_the_process_is_killed_after_it() -> io::Result<()> {
        let state = tempfile::tempdir()?;
        let manifests = Manifests::of_state(state.path())?;
        let mut life = shell("mkdir checkpoints; : > checkpoints/manifest-1.json; exec sleep 60", state.path())?;
        assert!(matches!(life.wait_for_claim(&manifests)?, StartUp::Claimed(_)));
        assert!(matches!(life.kill_after(Duration::from_millis(5))?, Death::Killed));
        Ok(())
    }

    #[test]
    fn an_end_before_the_kill_is_no_kill() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let life = shell("echo table; echo finished", folder.path())?;
        let Death::Ended(ended) = life.kill_after(Duration::from_secs(20))? else { panic!("it was killed") };
        assert!(ended.successfully()?.says_finished()?);
        Ok(())
    }

    #[test]
    fn a_failure_carries_its_last_words() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut life = shell("echo the disk is full >&2; exit 1", folder.path())?;
        let manifests = Manifests::of_state(folder.path())?;
        let StartUp::Ended(ended) = life.wait_for_claim(&manifests)? else { panic!("it claimed nothing") };
        let error = ended.successfully().expect_err("exit code 1");
        assert!(error.to_string().contains("the disk is full"), "{error}");
        Ok(())
    }
}
