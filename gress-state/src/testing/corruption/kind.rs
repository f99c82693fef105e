//! What may happen to files.

use crate::testing::Random;
use std::{collections::BTreeMap, fmt, fs, path::Path};

type Files = BTreeMap<String, Vec<u8>>;

/// One corruption: what became of which files.
#[derive(Debug)]
pub(super) struct Corruption {
    what: &'static str,
    /// The new content of each file that was changed; `None` for one that is gone.
    changes: Vec<(String, Option<Content>)>,
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    /// A directory of this name is in the file's place.
    Directory,
}

impl Corruption {
    /// The corruption that `random` chooses.
    pub(super) fn of(random: &mut Random, files: &Files) -> Self {
        let names: Vec<_> = files.keys().collect();
        let name = names[random.below(names.len())].clone();
        let other = names[random.below(names.len())].clone();
        let whole = &files[&name];
        let mut bytes = whole.clone();
        let place = |random: &mut Random| random.below(whole.len().max(1));
        let what = match random.below(12) {
            0 | 1 => {
                flip(&mut bytes, random);
                "a flipped bit"
            }
            2 => {
                (0..1 + random.below(16)).for_each(|_| flip(&mut bytes, random));
                "flipped bits"
            }
            3 => {
                bytes.truncate(place(random));
                "a truncation"
            }
            4 => {
                let at = place(random);
                bytes[at..].fill(0);
                "a zeroed tail"
            }
            5 => {
                let garbage: Vec<_> = (0..1 + random.below(4_096)).map(|_| random.next_u64() as u8).collect();
                bytes.extend(garbage);
                "appended garbage"
            }
            6 => {
                let at = place(random);
                let end = whole.len().min(at + 1 + random.below(512));
                bytes[at..end].iter_mut().for_each(|byte| *byte = random.next_u64() as u8);
                "an overwritten part"
            }
            7 => {
                let at = place(random);
                let end = whole.len().min(at + 1 + random.below(512));
                match random.one_in(2) {
                    true => drop(bytes.drain(at..end)),
                    false => drop(bytes.splice(at..at, whole[at..end].iter().copied())),
                }
                "a part that is missing or there twice"
            }
            8 => {
                swap_blocks(&mut bytes, random);
                "swapped blocks"
            }
            9 => return Corruption { what: "a missing file", changes: vec![(name, None)] },
            10 => {
                let changes = match random.one_in(2) {
                    true => vec![(name.clone(), other.clone()), (other, name)],
                    false => vec![(name, other)],
                };
                return Corruption::exchange(changes, files);
            }
            _ => {
                return Corruption {
                    what: "a directory in its place",
                    changes: vec![(name, Some(Content::Directory))],
                };
            }
        };
        Corruption { what, changes: vec![(name, Some(Content::Bytes(bytes)))] }
    }

    /// Each file gets the content of another one.
    fn exchange(pairs: Vec<(String, String)>, files: &Files) -> Self {
        let changes = pairs.into_iter().map(|(name, from)| (name, Some(Content::Bytes(files[&from].clone()))));
        Corruption { what: "the content of another file", changes: changes.collect() }
    }

    pub(super) fn apply(&self, directory: &Path, files: &Files) {
        for (name, content) in &self.changes {
            let path = directory.join(name);
            let done = match content {
                Some(Content::Bytes(bytes)) => fs::write(path, bytes),
                Some(Content::Directory) => fs::remove_file(&path).and_then(|()| fs::create_dir(path)),
                None => fs::remove_file(path),
            };
            assert!(done.is_ok() && files.contains_key(name), "{name} can be changed: {done:?}");
        }
    }

    pub(super) fn undo(&self, directory: &Path, files: &Files) {
        for (name, content) in &self.changes {
            let path = directory.join(name);
            if let Some(Content::Directory) = content {
                fs::remove_dir(&path).expect("the directory is empty");
            }
            fs::write(path, &files[name]).expect("the file can be written");
        }
    }

    /// Names of the files that were changed.
    pub(super) fn changed(&self) -> Vec<&str> {
        self.changes.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Names of the files that are gone.
    pub(super) fn removed(&self) -> Vec<&str> {
        self.changes.iter().filter(|(_, content)| content.is_none()).map(|(name, _)| name.as_str()).collect()
    }
}

fn flip(bytes: &mut [u8], random: &mut Random) {
    if !bytes.is_empty() {
        bytes[random.below(bytes.len())] ^= 1 << random.below(8);
    }
}

/// Exchanges two blocks of one length, as a file system or a disk may that has lost its way.
fn swap_blocks(bytes: &mut [u8], random: &mut Random) {
    let len = [16, 512, 4_096][random.below(3)].min(bytes.len() / 2);
    let Some(blocks) = bytes.len().checked_div(len) else { return };
    let (a, b) = (random.below(blocks), random.below(blocks));
    let (a, b) = (a.min(b) * len, a.max(b) * len);
    if a < b {
        let (head, tail) = bytes.split_at_mut(b);
        head[a..a + len].swap_with_slice(&mut tail[..len]);
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.changed().join(", "))
    }
}
