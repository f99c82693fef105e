//! One job: life after life in the same directories, until it has come to its end.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::committed::{Committed, Faults, Findings, check_layout};
use crate::life::{Death, Ended, Life, StartUp};
use crate::manifests::Manifests;
use crate::plan::{Kill, Plan};
use crate::random::Random;
use crate::reference::Outputs;

/// What all jobs have in common.
#[derive(Debug)]
pub struct Setting<'a> {
    /// The compiled flights job.
    pub binary: &'a Path,
    /// Its input folder.
    pub input: &'a Path,
    /// The lines it must commit.
    pub expected: &'a Outputs,
}

/// What has come of a job. Kept up to date while the job goes on, so that it counts after a failure, too.
#[derive(Debug, Default)]
pub struct Tally {
    /// Processes started.
    pub lives: u64,
    /// Processes killed.
    pub kills: u64,
    /// Those of them that were killed without a regard to whether they had recovered.
    pub kills_in_recovery: u64,
    /// Files committed.
    pub files: usize,
    /// What was wrong.
    pub faults: Faults,
}

/// One job and its directories.
#[derive(Debug)]
pub struct Job<'a> {
    setting: &'a Setting<'a>,
    plan: Plan,
    folder: PathBuf,
    committed: Committed<'a>,
}

impl<'a> Job<'a> {
    /// A job that works in this folder, which is made if it does not exist.
    pub fn new(setting: &'a Setting<'a>, plan: Plan, folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(folder.join("logs"))?;
        let committed = Committed::new(&folder.join("out"), setting.expected);
        Ok(Self { setting, plan, folder, committed })
    }

    /// Lives until its end, and checks the output after each life.
    ///
    /// # Errors
    /// At the first fault of the output, and when a process hangs or ends with an error.
    pub fn live(&mut self, random: &mut Random, tally: &mut Tally) -> io::Result<()> {
        let mut start_up = Duration::from_millis(50);
        let mut before = None;
        loop {
            let kill = (tally.kills < self.plan.kills).then(|| Kill::draw(before, start_up, random));
            let death = self.one_life(kill, &mut start_up, tally)?;
            before = kill;
            self.inspect(tally)?;
            match death {
                Death::Killed => {
                    tally.kills += 1;
                    tally.kills_in_recovery += u64::from(matches!(kill, Some(Kill::InRecovery(_))));
                }
                Death::Ended(ended) => {
                    ended.successfully()?;
                    return self.ended(tally);
                }
            }
        }
    }

    fn one_life(&self, kill: Option<Kill>, start_up: &mut Duration, tally: &mut Tally) -> io::Result<Death> {
        let manifests = Manifests::of_state(&self.state())?;
        let mut life = self.start(tally)?;
        match kill {
            None => Ok(Death::Ended(life.wait_for_end()?)),
            Some(Kill::InRecovery(wait)) => life.kill_after(wait),
            Some(Kill::AtWork(wait)) => match life.wait_for_claim(&manifests)? {
                StartUp::Claimed(took) => {
                    *start_up = took;
                    life.kill_after(wait)
                }
                StartUp::Ended(ended) => Ok(Death::Ended(ended)),
            },
        }
    }

    /// The job has ended: another start must say so and touch nothing, and every line must be there.
    fn ended(&mut self, tally: &mut Tally) -> io::Result<()> {
        let again: Ended = self.start(tally)?.wait_for_end()?.successfully()?;
        if !again.says_finished()? {
            let logs = self.folder.join("logs");
            return Err(io::Error::other(format!("an ended job did not say `finished`; see {}", logs.display())));
        }
        let files = self.committed.files();
        self.inspect(tally)?;
        if self.committed.files() != files {
            return Err(io::Error::other("an ended job committed more files when it was started again"));
        }
        check_layout(&self.out())?;
        settle(self.committed.missing(), tally)
    }

    fn inspect(&mut self, tally: &mut Tally) -> io::Result<()> {
        let findings = self.committed.inspect()?;
        tally.files = self.committed.files();
        settle(findings, tally)
    }

    fn start(&self, tally: &mut Tally) -> io::Result<Life> {
        tally.lives += 1;
        let mut command = Command::new(self.setting.binary);
        command.arg("--input").arg(self.setting.input);
        command.arg("--out").arg(self.out());
        command.arg("--state").arg(self.state());
        command.args(["--backend", self.plan.backend.as_str()]);
        command.args(["--parallelism", &self.plan.parallelism.to_string()]);
        command.args(["--rate", &self.plan.events_per_second.to_string()]);
        command.args(["--checkpoint-interval", "50ms"]);
        if let Some(memory) = self.plan.memory {
            command.env("GRESS__STATE__MEMORY", memory);
        }
        Life::start(&mut command, &self.folder.join(format!("logs/life-{:03}", tally.lives)))
    }

    fn out(&self) -> PathBuf {
        self.folder.join("out")
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }
}

fn settle(findings: Findings, tally: &mut Tally) -> io::Result<()> {
    tally.faults += findings.faults;
    if findings.faults.none() {
        return Ok(());
    }
    Err(io::Error::other(format!("{}\n  {}", findings.faults, findings.examples.join("\n  "))))
}
