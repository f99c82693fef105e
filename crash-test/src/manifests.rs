//! The manifests of a job, seen from outside: their names tell when a process has claimed its job.
//!
//! A starting job puts the next manifest before it reads anything, and no manifest name is ever used twice. So a name
//! that was not there before a start means: this process has recovered and has begun.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// The folder with a job's manifests, and the names that are already known.
#[derive(Debug)]
pub struct Manifests {
    folder: PathBuf,
    known: BTreeSet<String>,
}

impl Manifests {
    /// Remembers which manifests the job with this state directory has now.
    pub fn of_state(state: &Path) -> io::Result<Self> {
        let folder = state.join("checkpoints");
        let known = names(&folder)?;
        Ok(Self { folder, known })
    }

    /// Whether a manifest has come that was not there at first.
    pub fn has_new(&self) -> io::Result<bool> {
        Ok(!names(&self.folder)?.is_subset(&self.known))
    }
}

fn names(folder: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("manifest-") && name.ends_with(".json") {
            names.insert(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_manifest_counts() -> io::Result<()> {
        let state = tempfile::tempdir()?;
        let before_the_first_start = Manifests::of_state(state.path())?;
        assert!(!before_the_first_start.has_new()?);

        let folder = state.path().join("checkpoints");
        std::fs::create_dir(&folder)?;
        std::fs::write(folder.join(".tmp-manifest-0001.json"), "{")?;
        std::fs::write(folder.join("run-0001.run"), "…")?;
        assert!(!before_the_first_start.has_new()?);
        std::fs::write(folder.join("manifest-0001.json"), "{}")?;
        assert!(before_the_first_start.has_new()?);

        let before_the_second_start = Manifests::of_state(state.path())?;
        assert!(!before_the_second_start.has_new()?);
        std::fs::remove_file(folder.join("manifest-0001.json"))?;
        assert!(!before_the_second_start.has_new()?);
        Ok(())
    }
}
