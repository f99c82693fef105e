//! Names of files in checkpoint storage.
//!
//! ```text
//!  manifest-0000000012.json                   the manifest of checkpoint 12
//!  000003-turnaround-1-0000000042.run         a run: start of the job, task, counter
//! ```

use gress_core::{CheckpointId, Error, Result, TaskId};

/// The file name of a manifest.
pub fn manifest_name(id: CheckpointId) -> String {
    format!("manifest-{:010}.json", id.0)
}

/// The checkpoint whose manifest a file name is.
pub fn manifest_id(name: &str) -> Option<CheckpointId> {
    let digits = name.strip_prefix("manifest-")?.strip_suffix(".json")?;
    let id = digits.parse().ok().map(CheckpointId)?;
    (manifest_name(id) == name).then_some(id)
}

/// Checks a file name that comes from a manifest: one plain component, so that it cannot leave its directory.
///
/// # Errors
/// A name that is empty, long, hidden, or has other characters than letters, digits, `.`, `_` and `-`.
pub fn check_file_name(name: &str) -> Result<()> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    match (1..=160).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.') {
        true => Ok(()),
        false => Err(Error::damaged(format!("a manifest names the file `{name}`, which is no valid file name"))),
    }
}

/// Which start of a job gave this name to a run.
pub(super) fn epoch_of_run(name: &str) -> Option<u64> {
    name.strip_suffix(".run")?.split('-').next()?.parse().ok()
}

/// Gives one task of one start of a job names for its files: none is ever given twice.
#[derive(Debug)]
pub struct FileNames {
    prefix: String,
    next: u64,
}

impl FileNames {
    /// Names for `task` in the start of the job that claimed `epoch`.
    pub fn new(epoch: u64, task: &TaskId) -> Self {
        FileNames { prefix: format!("{epoch:06}-{}-{}", task.chain, task.subtask), next: 0 }
    }

    /// The next name.
    pub fn next_run(&mut self) -> String {
        self.next += 1;
        format!("{}-{:010}.run", self.prefix, self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_names_carry_their_id() {
        let name = manifest_name(CheckpointId(12));
        assert_eq!(name, "manifest-0000000012.json");
        assert_eq!(manifest_id(&name), Some(CheckpointId(12)));
        for other in ["manifest-12.json", "manifest-x.json", "manifest-0000000012.json.tmp", "a.run"] {
            assert_eq!(manifest_id(other), None, "{other}");
        }
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for bad in ["", ".", "..", "../x", "/etc/passwd", "a/b", ".hidden", "a\0b", &"x".repeat(300)] {
            assert!(check_file_name(bad).is_err(), "{bad}");
        }
        let mut names = FileNames::new(3, &TaskId::new("turnaround", 1));
        assert_eq!(names.next_run(), "000003-turnaround-1-0000000001.run");
        let second = names.next_run();
        assert!(check_file_name(&second).is_ok());
        assert_eq!(epoch_of_run(&second), Some(3));
        assert_eq!(epoch_of_run("notes.run"), None);
    }
}
