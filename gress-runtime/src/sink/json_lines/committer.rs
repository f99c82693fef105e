//! Makes staged files visible.

use super::{
    folder::{Folder, FolderLock},
    name::{FileName, Transaction},
};
use crate::sink::{Committer, OutputListing, ReplayFilter, VisibleTransaction};
use gress_core::{Error, Result};
use gress_state::{checkpoint::PendingTransaction, run::FileSummary};
use std::{
    fs::DirEntry,
    io::{BufRead, BufReader},
    sync::{Mutex, PoisonError},
};

/// Commits for all writers of a folder.
#[derive(Debug)]
pub(super) struct FolderCommitter {
    folder: Folder,
    /// Held from the job's start on: two jobs must not write to one folder, whatever state directories they have.
    lock: Mutex<Option<FolderLock>>,
}

/// What is to be done with a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// It is visible.
    Nothing,
    /// It waits.
    Rename,
}

impl FolderCommitter {
    pub(super) fn new(folder: Folder) -> Self {
        FolderCommitter { folder, lock: Mutex::default() }
    }

    /// The step that commits `pending`, judged by what is in the folder.
    fn step(&self, pending: &PendingTransaction) -> Result<Step> {
        self.check_names(pending)?;
        let (visible, staged) = (self.folder.summary(&pending.visible)?, self.folder.summary(&pending.staged)?);
        let (step, name, found) = match (visible, staged) {
            (Some(found), _) => (Step::Nothing, &pending.visible, found),
            (None, Some(found)) => (Step::Rename, &pending.staged, found),
            (None, None) => {
                let what = format!("is missing, and so is `{}`: output of a complete checkpoint", pending.staged);
                return Err(self.folder.damaged(&pending.visible, &what));
            }
        };
        match difference(found, FileSummary { bytes: pending.bytes, digest: pending.digest }) {
            None => Ok(step),
            Some(what) => Err(self.folder.damaged(name, &what)),
        }
    }

    /// Names come from a file: only those that a writer gives are followed.
    fn check_names(&self, pending: &PendingTransaction) -> Result<()> {
        match (FileName::parse(&pending.staged), FileName::parse(&pending.visible)) {
            (Some(FileName::Staged(staged, _)), Some(FileName::Visible(visible))) if staged == visible => Ok(()),
            _ => Err(Error::damaged(format!(
                "a checkpoint names `{}` and `{}` as a transaction in `{}`: no writer gave these names",
                pending.staged,
                pending.visible,
                self.folder.display()
            ))),
        }
    }
}

fn difference(found: FileSummary, expected: FileSummary) -> Option<String> {
    if found.bytes != expected.bytes {
        return Some(format!("has length {}, expected {}", found.bytes, expected.bytes));
    }
    let differs = found.digest != expected.digest;
    differs.then(|| format!("has checksum {}, expected {}", found.digest, expected.digest))
}

impl Committer for FolderCommitter {
    fn inspect(&self) -> Result<OutputListing> {
        let mut listing = OutputListing::default();
        for entry in self.folder.list()? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let metadata = entry.metadata().map_err(|e| Error::io("look at", &entry.path(), e))?;
            match FileName::parse(&name).filter(|_| metadata.is_file()) {
                Some(FileName::Visible(Transaction { checkpoint, subtask, job })) => {
                    listing.visible.push(VisibleTransaction { name, job, checkpoint, subtask, bytes: metadata.len() });
                }
                Some(FileName::Staged(..)) => listing.staged.push(name),
                Some(FileName::Open { .. }) => {}
                None if name.starts_with('.') => {}
                None => listing.foreign.push(name),
            }
        }
        Ok(listing)
    }

    fn prepare_output(&self) -> Result<()> {
        self.folder.create()?;
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            *lock = Some(self.folder.lock()?);
        }
        Ok(())
    }

    fn commit(&self, pending: &[PendingTransaction]) -> Result<()> {
        // All are judged before the first step: of a damaged checkpoint nothing becomes visible.
        let steps = pending.iter().map(|p| self.step(p)).collect::<Result<Vec<_>>>()?;
        for (pending, step) in pending.iter().zip(&steps) {
            if *step == Step::Rename {
                self.folder.rename(&pending.staged, &pending.visible)?;
            }
        }
        // Also when all were visible: who renamed them may have died before this.
        if pending.is_empty() { Ok(()) } else { self.folder.sync() }
    }

    fn abort_rest(&self) -> Result<()> {
        let is_rest = |entry: &DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let rest = matches!(FileName::parse(&name)?, FileName::Staged(..) | FileName::Open { .. });
            rest.then_some(name)
        };
        let rest: Vec<_> = self.folder.list()?.iter().filter_map(is_rest).collect();
        rest.iter().try_for_each(|name| self.folder.delete(name))?;
        if rest.is_empty() { Ok(()) } else { self.folder.sync() }
    }

    fn records(&self, name: &str, each: &mut dyn FnMut(u128)) -> Result<()> {
        if !matches!(FileName::parse(name), Some(FileName::Visible(_))) {
            return Err(self.folder.damaged(name, "is no name of a committed file"));
        }
        let mut file = BufReader::with_capacity(1 << 16, self.folder.open_file(name)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = file.read_until(b'\n', &mut line);
            match read.map_err(|e| self.folder.damaged(name, &format!("cannot be read: {e}")))? {
                0 => return Ok(()),
                _ => match line.strip_suffix(b"\n") {
                    Some(record) => each(ReplayFilter::digest(record)),
                    None => return Err(self.folder.damaged(name, "ends within a line")),
                },
            }
        }
    }

    fn location(&self) -> String {
        self.folder.display().to_string()
    }
}
