//! All that stands below a folder: names, bytes and times of change.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A folder as it was at some moment. One that does not exist is an empty tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tree(BTreeMap<PathBuf, Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    modified: SystemTime,
    /// Of a file; of a folder, the names in it are entries of their own.
    digest: Option<u64>,
}

impl Tree {
    pub(crate) fn of(root: &Path) -> Tree {
        let mut entries = BTreeMap::new();
        if root.exists() {
            add(root, &mut entries);
        }
        Tree(entries)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Panics with the paths that differ.
    pub(crate) fn assert_unchanged(&self, after: &Tree) {
        let gone = self.0.keys().filter(|path| !after.0.contains_key(*path)).map(|path| ("gone", path));
        let differs = after.0.iter().filter_map(|(path, entry)| match self.0.get(path) {
            None => Some(("new", path)),
            Some(before) if before.digest != entry.digest => Some(("other bytes", path)),
            Some(before) if before.modified != entry.modified => Some(("other time", path)),
            Some(_) => None,
        });
        let all: Vec<_> = gone.chain(differs).collect();
        assert!(all.is_empty(), "something was written: {all:#?}");
    }
}

fn add(path: &Path, entries: &mut BTreeMap<PathBuf, Entry>) {
    let metadata = fs::symlink_metadata(path).expect("a tree at rest can be looked at");
    let modified = metadata.modified().expect("the file system keeps times");
    let digest = metadata.is_file().then(|| {
        let mut hasher = DefaultHasher::new();
        fs::read(path).expect("a tree at rest can be read").hash(&mut hasher);
        hasher.finish()
    });
    entries.insert(path.to_owned(), Entry { modified, digest });
    if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("a tree at rest can be listed") {
            add(&entry.expect("a tree at rest can be listed").path(), entries);
        }
    }
}
