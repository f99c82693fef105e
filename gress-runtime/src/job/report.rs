//! What a run of a job came to.

use crate::metrics::Progress;
use gress_core::{ByteSize, CheckpointId};
use std::{fmt, time::Duration};

/// What a run of a job came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// What it did.
    pub progress: Progress,
    /// How long it ran.
    pub took: Duration,
    /// Starts of the job so far, this one included.
    pub starts: u64,
    /// The checkpoint that it went on from.
    pub restored: Option<CheckpointId>,
    /// Newer checkpoints that were damaged and left out, each with its file.
    pub refused: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The input has ended, and all results are committed.
    Finished,
    /// An earlier run had finished already: nothing was done.
    AlreadyFinished,
    /// The job was told to stop; this is its last checkpoint, if it takes any.
    Stopped(Option<CheckpointId>),
}

/// `finished`, or `stopped at checkpoint 12`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Finished | Outcome::AlreadyFinished => f.write_str("finished"),
            Outcome::Stopped(Some(id)) => write!(f, "stopped at checkpoint {id}"),
            Outcome::Stopped(None) => f.write_str("stopped"),
        }
    }
}

impl Report {
    /// Prints a table of a few lines, and the outcome as the last one.
    #[expect(clippy::print_stdout, reason = "printing is what it is asked for")]
    pub fn print(&self) {
        print!("{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progress { events, skipped, late, checkpoints, .. } = self.progress;
        let seconds = self.took.as_secs_f64();
        writeln!(f, "  events       {events}")?;
        if self.outcome != Outcome::AlreadyFinished && seconds > 0.0 {
            writeln!(f, "  events/s     {:.0}", events as f64 / seconds)?;
        }
        if skipped > 0 {
            writeln!(f, "  skipped      {skipped}")?;
        }
        writeln!(f, "  late         {late}")?;
        writeln!(f, "  checkpoints  {checkpoints}")?;
        writeln!(f, "  state size   {}", ByteSize(self.progress.state_bytes))?;
        writeln!(f, "  restarts     {}", self.starts.saturating_sub(1))?;
        if let Some(restored) = self.restored {
            writeln!(f, "  restored     checkpoint {restored}")?;
        }
        writeln!(f, "  took         {seconds:.1} s")?;
        writeln!(f, "{}", self.outcome)
    }
}
