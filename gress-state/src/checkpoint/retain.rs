//! Which checkpoints to keep, and which files nothing names any more: pure bookkeeping over manifests.

use super::{manifest::Manifest, paths::manifest_name};
use gress_core::CheckpointId;
use std::collections::{BTreeMap, BTreeSet};

/// All checkpoints that storage holds, as far as this process knows.
///
/// A claim repeats the content of another checkpoint, so it does not count as one: the newest contents are kept, with
/// every manifest that has one of them.
#[derive(Debug)]
pub struct Retention {
    retained: usize,
    known: BTreeMap<CheckpointId, Known>,
}

#[derive(Debug)]
struct Known {
    origin: CheckpointId,
    files: BTreeSet<String>,
}

/// What to delete: the manifests first, so that none ever names a file that is gone.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// File names of manifests.
    pub manifests: Vec<String>,
    /// Files that only these manifests named.
    pub files: Vec<String>,
}

impl Retention {
    /// Keeps the newest `retained` contents (at least 2).
    pub fn new(retained: usize) -> Self {
        Retention { retained: retained.max(2), known: BTreeMap::new() }
    }

    /// Notes a checkpoint that exists.
    pub fn add(&mut self, manifest: &Manifest) {
        let files = manifest.files().map(str::to_owned).collect();
        self.known.insert(manifest.id, Known { origin: manifest.origin, files });
    }

    /// Forgets the checkpoints that need not be kept, and says what to delete.
    pub fn collect(&mut self) -> Collected {
        let origins: BTreeSet<_> = self.known.values().map(|k| k.origin).collect();
        let kept: BTreeSet<_> = origins.into_iter().rev().take(self.retained).collect();
        let (keep, drop): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.known).into_iter().partition(|(_, k)| kept.contains(&k.origin));
        self.known = keep;
        let named: BTreeSet<_> = self.known.values().flat_map(|k| &k.files).collect();
        let files: BTreeSet<_> = drop.values().flat_map(|k| &k.files).filter(|f| !named.contains(f)).cloned().collect();
        Collected { manifests: drop.keys().map(|id| manifest_name(*id)).collect(), files: files.into_iter().collect() }
    }

    /// Of the files that storage lists, those that no kept checkpoint names. Only right while nothing is in flight: when
    /// a job starts, before its first task, and when it has ended.
    pub fn orphans<'a>(&self, listed: impl IntoIterator<Item = &'a String>) -> Vec<String> {
        let mut named: BTreeSet<_> = self.known.values().flat_map(|k| &k.files).cloned().collect();
        named.extend(self.known.keys().map(|id| manifest_name(*id)));
        let unnamed = |name: &&String| {
            let gress_wrote_it = name.ends_with(".run") || super::paths::manifest_id(name).is_some();
            gress_wrote_it && !named.contains(*name)
        };
        listed.into_iter().filter(unnamed).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::manifest::tests::manifest;

    fn known(id: u64, origin: u64, files: &[&str]) -> (CheckpointId, Known) {
        let files = files.iter().map(|f| (*f).to_owned()).collect();
        (CheckpointId(id), Known { origin: CheckpointId(origin), files })
    }

    #[test]
    fn claims_do_not_push_contents_out() {
        let mut retention = Retention::new(2);
        let all = [known(1, 0, &[]), known(2, 2, &["a"]), known(3, 3, &["a", "b"]), known(4, 3, &["a", "b"])];
        retention.known.extend(all);
        retention.known.extend([known(5, 3, &["a", "b"])]);
        let collected = retention.collect();
        assert_eq!(collected.manifests, [manifest_name(CheckpointId(1))]);
        assert_eq!(collected.files, Vec::<String>::new());
        retention.known.extend([known(6, 6, &["b", "c"])]);
        let collected = retention.collect();
        assert_eq!(collected.manifests, [manifest_name(CheckpointId(2))]);
        assert!(collected.files.is_empty(), "`a` is still named by 3");
        retention.known.extend([known(7, 7, &["c"])]);
        let collected = retention.collect();
        assert_eq!(collected.manifests, [3, 4, 5].map(|id| manifest_name(CheckpointId(id))));
        assert_eq!(collected.files, ["a"]);
    }

    #[test]
    fn orphans_are_files_of_ours_that_nothing_names() {
        let mut retention = Retention::new(2);
        retention.add(&manifest(4, 4));
        retention.known.extend([known(5, 5, &["a.run"])]);
        let listed = ["a.run", "b.run", "manifest-0000000004.json", "manifest-0000000003.json", "notes.txt"];
        let orphans = retention.orphans(&listed.map(str::to_owned));
        assert_eq!(orphans, ["b.run", "manifest-0000000003.json"]);
    }
}
