//! What a job has committed, against what it should.

use crate::job::Job;
use gress_crash_test::{
    committed::{Committed, Findings, check_layout},
    reference::{Outputs, outputs_of_folder},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// The folder with the real flights.
pub(crate) const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");

static EXPECTED: LazyLock<Outputs> =
    LazyLock::new(|| outputs_of_folder(Path::new(DATA)).expect("the data are in the repository"));

/// The lines of the real flights' results.
pub(crate) fn expected() -> &'static Outputs {
    &EXPECTED
}

/// The committed output of one job on the real flights, as it was seen so far.
pub(crate) struct Output {
    out: PathBuf,
    committed: Committed<'static>,
}

impl Output {
    pub(crate) fn of(job: &Job) -> Output {
        Output { out: job.out(), committed: Committed::new(&job.out(), expected()) }
    }

    /// What was visible is unchanged; what is new was expected, and no line is there twice. No process may be at work.
    pub(crate) fn is_sound(&mut self) {
        none(self.committed.inspect().expect("the output can be read"));
    }

    /// It is sound, and every line is there.
    pub(crate) fn is_complete(&mut self) {
        self.is_sound();
        none(self.committed.missing());
        check_layout(&self.out).expect("nothing but committed files");
    }
}

fn none(findings: Findings) {
    assert!(findings.faults.none(), "{}: {:#?}", findings.faults, findings.examples);
}

/// The committed lines of a folder, sorted by bytes.
pub(crate) fn sorted_lines(job: &Job, folder: &str) -> Vec<String> {
    let read = |path: PathBuf| fs::read_to_string(path).expect("a committed file is text");
    let text: String = job.committed(folder).into_iter().map(read).collect();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}
