//! Corrupts files on purpose, by the thousand, and holds what is then opened against what was written.
//!
//! ```text
//!  Corruptible::write ──▶ files + versions        for each seed: corrupt ──▶ Corruptible::open ──▶ verdict ──▶ Figures
//!                                                                │                                       │
//!                                                         one of twelve kinds              detected | harmless | gone
//!                                                                                          silently wrong | panic
//! ```
//!
//! A format whose files may be damaged implements [`Corruptible`] and asserts [`Figures::assert_sound`] on what [`corrupt`]
//! gives. [`CheckpointsOfATask`] does so for checkpoints of a job, [`SnapshotOfKeyValues`] and [`CheckpointOfKeyValues`] for
//! what a key-value state writes.

mod checkpoints;
mod key_values;
mod kind;

pub use checkpoints::CheckpointsOfATask;
pub use key_values::{CheckpointOfKeyValues, SnapshotOfKeyValues};

use super::{Random, Scratch};
use gress_core::Result;
use kind::Corruption;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// Something that lies in files of one directory and of those in it.
pub trait Corruptible {
    /// Writes it into an empty directory, and tells what can be opened there: the newest version first.
    ///
    /// # Errors
    /// None that is not a failure of the check.
    fn write(&self, directory: &Path) -> Result<Vec<Version>>;

    /// Opens what the directory holds and reads all of it. Changes nothing.
    ///
    /// # Errors
    /// That nothing whole is there, with the names of files.
    fn open(&self, directory: &Path) -> Result<Opened>;
}

/// One state of things that the files can give back.
#[derive(Clone, Debug)]
pub struct Version {
    /// The file without which this version does not exist: nobody can miss it.
    pub mark: Option<String>,
    /// All files that it consists of, the mark included, by their paths below the directory.
    pub files: BTreeSet<String>,
    /// What it holds, in any form that differs where the content does.
    pub content: Vec<u8>,
}

/// What was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it holds, in the form of [`Version::content`].
    pub content: Vec<u8>,
    /// What is wrong with newer versions, with the names of files.
    pub complaints: Vec<String>,
}

/// What became of all corruptions. Prints as one line that a script can read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Refused by the name of a file that was changed, and the newest version without one was opened if there was any.
    pub detected: usize,
    /// Opened with the content of the newest version.
    pub harmless: usize,
    /// The mark of the newest version was removed, and the newest one with a mark was opened.
    pub gone: usize,
    /// Opened with any other content, or refused without the name of the file.
    pub silently_wrong: Vec<String>,
    /// Panicked.
    pub panics: Vec<String>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { detected, harmless, gone, silently_wrong, panics } = self;
        let (wrong, panics) = (silently_wrong.len(), panics.len());
        let all = detected + harmless + gone + wrong + panics;
        write!(
            f,
            "corruptions={all} detected={detected} harmless={harmless} gone={gone} silently_wrong={wrong} panics={panics}"
        )
    }
}

impl Figures {
    /// Holds that nothing was silently wrong and nothing panicked.
    ///
    /// # Panics
    /// Else, with each seed and what it did.
    pub fn assert_sound(&self) {
        let problems: Vec<_> = self.silently_wrong.iter().chain(&self.panics).map(String::as_str).collect();
        assert!(problems.is_empty(), "{self}\n  {}", problems.join("\n  "));
    }
}

/// What one corruption has led to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Detected,
    Harmless,
    Gone,
    Wrong(String),
}

/// Corrupts `subject` as often as `seeds` has numbers, each time from its whole files.
///
/// # Panics
/// If `subject` cannot be written, or is not right before anything is changed.
pub fn corrupt(subject: &dyn Corruptible, seeds: impl IntoIterator<Item = u64>) -> Figures {
    let scratch = Scratch::new();
    let versions = subject.write(scratch.path()).expect("the files can be written");
    let whole = subject.open(scratch.path()).expect("whole files can be opened");
    assert_eq!(whole.complaints, [""; 0], "nothing is wrong before anything is changed");
    assert!(whole.content == versions[0].content, "the newest version is opened before anything is changed");
    let files = read(scratch.path());
    let mut figures = Figures::default();
    for seed in seeds {
        let corruption = Corruption::of(&mut Random::new(seed), &files);
        corruption.apply(scratch.path(), &files);
        match catch_unwind(AssertUnwindSafe(|| subject.open(scratch.path()))) {
            Err(_) => figures.panics.push(format!("seed {seed}: {corruption} panicked")),
            Ok(opened) => match judge(&versions, &corruption.changed(), &corruption.removed(), opened) {
                Verdict::Detected => figures.detected += 1,
                Verdict::Harmless => figures.harmless += 1,
                Verdict::Gone => figures.gone += 1,
                Verdict::Wrong(how) => figures.silently_wrong.push(format!("seed {seed}: {corruption}: {how}")),
            },
        }
        corruption.undo(scratch.path(), &files);
    }
    figures
}

/// Judges what was opened after the files `changed` were; those of them in `removed` are not there any more.
fn judge(versions: &[Version], changed: &[&str], removed: &[&str], opened: Result<Opened>) -> Verdict {
    let names_one = |text: &str| changed.iter().any(|name| text.contains(name));
    let is = |version: &Version, names: &[&str]| names.iter().any(|name| version.files.contains(*name));
    let exists = |version: &&Version| version.mark.as_deref().is_none_or(|mark| !removed.contains(&mark));
    let opened = match opened {
        Err(error) if names_one(&error.to_string()) => return Verdict::Detected,
        Err(error) => return Verdict::Wrong(format!("the error names no file that was changed: {error}")),
        Ok(opened) => opened,
    };
    let newest = versions.iter().find(exists);
    let untouched = versions.iter().filter(exists).find(|version| !is(version, changed));
    let holds = |version: Option<&Version>| version.is_some_and(|version| version.content == opened.content);
    match opened.complaints.as_slice() {
        [] if holds(versions.first()) => Verdict::Harmless,
        [] if newest.is_some_and(|newest| !std::ptr::eq(newest, &versions[0])) && holds(newest) => Verdict::Gone,
        [] => Verdict::Wrong("other content was opened without a word".to_owned()),
        complaints if !complaints.iter().all(|complaint| names_one(complaint)) => {
            Verdict::Wrong(format!("a complaint names no file that was changed: {complaints:?}"))
        }
        _ if holds(untouched) => Verdict::Detected,
        complaints => Verdict::Wrong(format!("not the newest whole version was opened: {complaints:?}")),
    }
}

/// The files of a directory and of those in it, by their paths below it.
fn read(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("the directory can be read") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        match entry.path().is_dir() {
            true => {
                files.extend(read(&entry.path()).into_iter().map(|(below, file)| (format!("{name}/{below}"), file)))
            }
            false => drop(files.insert(name, fs::read(entry.path()).expect("the file can be read"))),
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use gress_core::Error;

    fn version(mark: &str, content: &str) -> Version {
        let files = [mark.to_owned(), "shared".to_owned()].into();
        Version { mark: Some(mark.to_owned()), files, content: content.into() }
    }

    fn opened(content: &str, complaints: &[&str]) -> Result<Opened> {
        Ok(Opened { content: content.into(), complaints: complaints.iter().map(|c| (*c).to_owned()).collect() })
    }

    #[test]
    fn only_the_right_content_or_a_complaint_by_name_passes() {
        let versions = [version("b", "two"), version("a", "one")];
        let judge = |changed: &[&str], removed: &[&str], opened| judge(&versions, changed, removed, opened);
        let wrong = |verdict| matches!(verdict, Verdict::Wrong(_));
        assert_eq!(judge(&["b"], &[], opened("two", &[])), Verdict::Harmless);
        assert_eq!(judge(&["b"], &[], opened("one", &["`b` is damaged"])), Verdict::Detected);
        assert_eq!(judge(&["shared"], &[], Err(Error::damaged("`shared` is damaged"))), Verdict::Detected);
        assert_eq!(judge(&["b"], &["b"], opened("one", &[])), Verdict::Gone);

        assert!(wrong(judge(&["b"], &[], opened("one", &[]))), "an older version without a word");
        assert!(wrong(judge(&["b"], &[], opened("tw", &[]))), "other content");
        assert!(wrong(judge(&["b"], &[], opened("one", &["something is damaged"]))), "no name");
        assert!(wrong(judge(&["b"], &[], opened("two", &["`b` is damaged"]))), "a complaint, and used all the same");
        assert!(wrong(judge(&["b"], &[], Err(Error::damaged("no")))), "an error without a name");
        assert!(wrong(judge(&["a"], &["a"], opened("one", &[]))), "the newest is there");
    }

    /// Files without a checksum, believed as they are.
    struct Credulous;

    impl Corruptible for Credulous {
        fn write(&self, directory: &Path) -> Result<Vec<Version>> {
            fs::write(directory.join("numbers"), [7; 64])?;
            Ok(vec![Version { mark: None, files: ["numbers".to_owned()].into(), content: vec![7; 64] }])
        }

        fn open(&self, directory: &Path) -> Result<Opened> {
            let content = fs::read(directory.join("numbers"))?;
            assert!(content.len() >= 64, "a careless reader");
            Ok(Opened { content, complaints: Vec::new() })
        }
    }

    #[test]
    fn a_reader_that_checks_nothing_is_found_out() {
        let figures = corrupt(&Credulous, 0..200);
        assert!(figures.silently_wrong.len() > 50 && figures.panics.len() > 10, "{figures}");
        assert!(figures.to_string().starts_with("corruptions=200 detected="), "{figures}");
        assert!(catch_unwind(|| figures.assert_sound()).is_err());
    }
}
