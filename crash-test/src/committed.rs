//! What a job has visibly committed, and whether that is right.
//!
//! Visible are the files `OUT/<folder>/*.jsonl` whose names begin with a letter or digit. Once seen, such a file may
//! never change or go; every line in it must be an expected one, and be there once. Hashes of the files and of their
//! lines are kept here, in the memory of the test, outside the directories that a crash can damage.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

use crate::reference::{FOLDERS, Outputs};

/// How much is wrong; all zero in a sound job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Expected lines that are missing at the end of a job.
    pub lost: u64,
    /// Lines that nobody expected, or that are there more often than expected.
    pub duplicated: u64,
    /// Files that were visible once and have then changed or gone.
    pub changed: u64,
}

impl Faults {
    /// Whether nothing is wrong.
    pub fn none(self) -> bool {
        self == Self::default()
    }
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.changed += other.changed;
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost={} duplicated={} changed={}", self.lost, self.duplicated, self.changed)
    }
}

/// What an inspection found: the numbers, and a few examples in words.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The numbers.
    pub faults: Faults,
    /// At most [`Findings::EXAMPLES`] sentences.
    pub examples: Vec<String>,
}

impl Findings {
    /// So many examples are kept.
    pub const EXAMPLES: usize = 5;

    fn lost(&mut self, folder: &str, line: &str) {
        self.faults.lost += 1;
        self.example(|| format!("lost from {folder}: {line}"));
    }

    fn duplicated(&mut self, file: &Path, line: &str) {
        self.faults.duplicated += 1;
        self.example(|| format!("one too many in {}: {line}", file.display()));
    }

    fn changed(&mut self, file: &Path, how: &str) {
        self.faults.changed += 1;
        self.example(|| format!("{} {how}", file.display()));
    }

    fn example(&mut self, sentence: impl FnOnce() -> String) {
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(sentence());
        }
    }
}

/// How often each line of one folder may still come.
type Outstanding = HashMap<u128, u64>;

/// The committed output of one job, as it was seen so far.
#[derive(Debug)]
pub struct Committed<'a> {
    out: PathBuf,
    expected: &'a Outputs,
    files: BTreeMap<PathBuf, u128>,
    outstanding: [Outstanding; FOLDERS.len()],
}

impl<'a> Committed<'a> {
    /// Nothing has been seen yet of the job that writes to `out`.
    pub fn new(out: &Path, expected: &'a Outputs) -> Self {
        let outstanding = expected.folders().map(|(_, lines)| {
            let mut outstanding = Outstanding::with_capacity(lines.len());
            for line in lines {
                *outstanding.entry(xxh3_128(line.as_bytes())).or_default() += 1;
            }
            outstanding
        });
        Self { out: out.to_owned(), expected, files: BTreeMap::new(), outstanding }
    }

    /// The number of files seen so far.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Looks at all visible files while no process of the job runs: old ones must be what they were, new ones may bring
    /// outstanding lines only. What is found is reported once.
    pub fn inspect(&mut self) -> io::Result<Findings> {
        let mut findings = Findings::default();
        let mut gone = std::mem::take(&mut self.files);
        for (folder, outstanding) in FOLDERS.iter().zip(&mut self.outstanding) {
            for file in visible_files(&self.out.join(folder))? {
                let content = std::fs::read(&file)?;
                let hash = xxh3_128(&content);
                match gone.remove(&file) {
                    Some(before) if before != hash => findings.changed(&file, "has changed since it was committed"),
                    Some(_) => {}
                    None => take_lines(outstanding, &file, &content, &mut findings),
                }
                self.files.insert(file, hash);
            }
        }
        for file in gone.keys() {
            findings.changed(file, "was committed and is gone");
        }
        Ok(findings)
    }

    /// What is still missing when the job has ended. Call it after the last [`Committed::inspect`].
    pub fn missing(&self) -> Findings {
        let mut findings = Findings::default();
        for ((folder, lines), outstanding) in self.expected.folders().into_iter().zip(&self.outstanding) {
            let mut outstanding = outstanding.clone();
            for line in lines {
                if take(&mut outstanding, line.as_bytes()) {
                    findings.lost(folder, line);
                }
            }
        }
        findings
    }
}

/// Checks the layout of an ended job: each folder is there, holds no folders, and shows nothing but committed files.
pub fn check_layout(out: &Path) -> io::Result<()> {
    for folder in FOLDERS.map(|folder| out.join(folder)) {
        for entry in std::fs::read_dir(&folder).map_err(|error| named(&folder, &error))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                return Err(io::Error::other(format!("{} is a folder", entry.path().display())));
            }
            if !name.starts_with('.') && !is_committed(&name) {
                return Err(io::Error::other(format!("{} is no committed file", entry.path().display())));
            }
        }
    }
    Ok(())
}

/// The committed files of one folder, in the order of their names; none if the folder does not exist yet.
fn visible_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(named(folder, &error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if is_committed(&entry.file_name().to_string_lossy()) {
            files.push(entry.path());
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn is_committed(name: &str) -> bool {
    name.ends_with(".jsonl") && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn take_lines(outstanding: &mut Outstanding, file: &Path, content: &[u8], findings: &mut Findings) {
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        // A line without its end is torn: it is none of the expected ones.
        let whole = line.strip_suffix(b"\n");
        if !whole.is_some_and(|whole| take(outstanding, whole)) {
            findings.duplicated(file, String::from_utf8_lossy(line).trim_end());
        }
    }
}

/// Takes one of the outstanding lines; false if there is none like this.
fn take(outstanding: &mut Outstanding, line: &[u8]) -> bool {
    match outstanding.get_mut(&xxh3_128(line)) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn expected() -> Outputs {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        Outputs { hourly: lines(&["a", "b"]), late: lines(&["c"]), legs: lines(&["d", "e"]) }
    }

    /// An output directory with one file in `hourly`, inspected once.
    fn after_a_first_life(expected: &Outputs) -> io::Result<(tempfile::TempDir, Committed<'_>)> {
        let out = tempfile::tempdir()?;
        for folder in FOLDERS {
            fs::create_dir(out.path().join(folder))?;
        }
        fs::write(out.path().join("hourly/1.jsonl"), "a\n")?;
        let mut committed = Committed::new(out.path(), expected);
        assert!(committed.inspect()?.faults.none());
        Ok((out, committed))
    }

    #[test]
    fn a_sound_job_has_no_faults() -> io::Result<()> {
        let expected = expected();
        let (out, mut committed) = after_a_first_life(&expected)?;
        fs::write(out.path().join("hourly/2.jsonl"), "b\n")?;
        fs::write(out.path().join("late/2.jsonl"), "c\n")?;
        fs::write(out.path().join("legs/2.jsonl"), "e\nd\n")?;
        fs::write(out.path().join("legs/.pending"), "d\n")?;
        assert!(committed.inspect()?.faults.none());
        assert!(committed.missing().faults.none());
        assert_eq!(committed.files(), 4);
        check_layout(out.path())
    }

    #[test]
    fn a_lost_line_is_named() -> io::Result<()> {
        let expected = expected();
        let (out, mut committed) = after_a_first_life(&expected)?;
        fs::write(out.path().join("legs/2.jsonl"), "d\ne\n")?;
        fs::write(out.path().join("hourly/2.jsonl"), "b\n")?;
        assert!(committed.inspect()?.faults.none());
        let missing = committed.missing();
        assert_eq!(missing.faults, Faults { lost: 1, ..Faults::default() });
        assert_eq!(missing.examples, ["lost from late: c"]);
        Ok(())
    }

    #[test]
    fn a_line_in_a_second_file_or_a_torn_or_a_strange_one_is_too_many() -> io::Result<()> {
        let expected = expected();
        for content in ["a\n", "b", "z\n", "\n"] {
            let (out, mut committed) = after_a_first_life(&expected)?;
            fs::write(out.path().join("hourly/2.jsonl"), content)?;
            let found = committed.inspect()?;
            assert_eq!(found.faults, Faults { duplicated: 1, ..Faults::default() }, "{content:?}");
        }
        Ok(())
    }

    #[test]
    fn a_changed_or_vanished_file_is_reported_once() -> io::Result<()> {
        let expected = expected();
        let changed = Faults { changed: 1, ..Faults::default() };

        let (out, mut committed) = after_a_first_life(&expected)?;
        fs::write(out.path().join("hourly/1.jsonl"), "a\nb\n")?;
        assert_eq!(committed.inspect()?.faults, changed);
        assert!(committed.inspect()?.faults.none());

        let (out, mut committed) = after_a_first_life(&expected)?;
        fs::remove_file(out.path().join("hourly/1.jsonl"))?;
        assert_eq!(committed.inspect()?.faults, changed);
        assert!(committed.inspect()?.faults.none());
        Ok(())
    }

    #[test]
    fn an_ended_job_has_all_folders_and_nothing_else_in_them() -> io::Result<()> {
        let expected = expected();
        let (out, _) = after_a_first_life(&expected)?;
        fs::create_dir(out.path().join("late/part"))?;
        assert!(check_layout(out.path()).is_err());
        fs::remove_dir(out.path().join("late/part"))?;
        fs::write(out.path().join("late/part.tmp"), "")?;
        assert!(check_layout(out.path()).is_err());
        fs::remove_file(out.path().join("late/part.tmp"))?;
        check_layout(out.path())?;
        fs::remove_dir(out.path().join("late"))?;
        assert!(check_layout(out.path()).is_err());
        Ok(())
    }
}
