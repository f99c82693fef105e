//! Checkpoints: copies of a state in directories of their own.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::place::{ALL, at_a_place, refused, text};
use crate::{
    backend::{BackendFactory, StateBackend},
    key_value::KeyValueState,
};
use gress_core::{ErrorKind, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

pub fn a_checkpoint_and_its_state_go_their_own_ways(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.batch_put([("a", "old"), ("b", "old")])?;
        let checkpoint = place.fresh();
        let summary = state.create_checkpoint(&checkpoint)?;
        let written = files(&checkpoint.join("data"))?;
        let lengths: Vec<u64> = written.iter().map(|file| Ok(fs::metadata(file)?.len())).collect::<Result<_>>()?;
        assert_eq!((summary.files, summary.bytes), (lengths.len(), lengths.iter().sum()));
        let before = content(&checkpoint)?;
        state.put(b"a", b"new")?;
        state.delete(b"b")?;

        let copy = place.open_checkpoint(&checkpoint, None)?;
        assert_eq!(text(&copy)?, ["a=old", "b=old"]);
        copy.put(b"c", b"the copy's own")?;
        copy.delete_range(ALL)?;
        copy.put(b"d", b"the copy's own")?;
        copy.compact()?;
        assert_eq!((text(&copy)?, text(&state)?), (vec!["d=the copy's own".into()], vec!["a=new".into()]));
        copy.close()?;
        state.compact()?;
        state.close()?;
        assert!(content(&checkpoint)? == before, "neither the state nor a copy changes a checkpoint");

        // It is opened as often as one likes, also where its state is gone, and a copy has checkpoints, too.
        let again = place.open_checkpoint(&checkpoint, None)?;
        again.put(b"e", b"2")?;
        let second = place.open_checkpoint(&place.checkpoint(&again)?, None)?;
        assert_eq!(text(&second)?, ["a=old", "b=old", "e=2"]);
        second.close()?;
        again.close()
    });
}

pub fn a_checkpoint_is_written_to_and_opened_in_new_directories_alone(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"a", b"1")?;
        let checkpoint = place.checkpoint(&state)?;
        let before = content(&checkpoint)?;
        let empty = place.folder()?;
        for taken in [&checkpoint, &empty, &checkpoint.join("checkpoint.json"), &empty.join("..")] {
            let told = refused(state.create_checkpoint(taken), ErrorKind::Argument);
            assert!(told.contains(&taken.display().to_string()), "{told}");
        }
        assert!(content(&checkpoint)? == before);
        // Folders above it are made; nothing is left beside it.
        let deep = place.folder()?.join("one").join("two");
        state.create_checkpoint(&deep)?;
        assert_eq!(files(&deep.with_file_name(""))?, std::slice::from_ref(&deep));

        let full = place.folder()?;
        fs::write(full.join("mine"), "mine")?;
        let opened = KeyValueState::open_checkpoint(factory, &checkpoint, Some(&full), place.options(None));
        let told = refused(opened, ErrorKind::Argument);
        assert!(told.contains(&full.display().to_string()), "{told}");
        assert_eq!(files(&full)?, [full.join("mine")]);
        state.close()
    });
}

/// Asserts that `checkpoint` cannot be opened, and that the error names `path`.
#[track_caller]
fn assert_damaged(factory: &dyn BackendFactory, checkpoint: &Path, folder: &Path, path: &Path) {
    let opened = KeyValueState::open_checkpoint(factory, checkpoint, Some(folder), Default::default());
    let told = refused(opened, ErrorKind::Damaged);
    assert!(told.contains(&path.display().to_string()), "{} is not in: {told}", path.display());
}

pub fn a_checkpoint_with_any_file_changed_is_refused_by_its_name(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.batch_put((0..100_u32).map(|n| (n.to_be_bytes(), "v")))?;
        let (checkpoint, folder) = (place.checkpoint(&state)?, place.folder()?);
        let manifest = checkpoint.join("checkpoint.json");
        for path in files(&checkpoint.join("data"))?.into_iter().chain([manifest.clone()]) {
            let whole = fs::read(&path)?;
            let mut wrong = vec![[&whole[..], b"\0"].concat()];
            if let Some((_, shorter)) = whole.split_last() {
                wrong.push(shorter.to_vec());
            }
            for at in [0, whole.len() / 2, whole.len().saturating_sub(1)] {
                let mut flipped = whole.clone();
                if let Some(byte) = flipped.get_mut(at) {
                    *byte ^= 0x10;
                    wrong.push(flipped);
                }
            }
            for bytes in wrong {
                replace(&path, &bytes)?;
                assert_damaged(factory, &checkpoint, &folder, &path);
            }
            replace(&path, &whole)?;
        }
        let text = fs::read_to_string(&manifest)?;
        replace(&manifest, text.replacen(" 1 ", " 2 ", 1).as_bytes())?;
        assert_damaged(factory, &checkpoint, &folder, &manifest);
        replace(&manifest, text.as_bytes())?;
        assert_eq!(files(&folder)?, Vec::<PathBuf>::new(), "what is refused leaves nothing behind");
        assert_eq!(super::place::all(&place.open_checkpoint(&checkpoint, None)?)?.len(), 100);
        state.close()
    });
}

/// A hard link's content is the state's, too: only another file may be changed.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::remove_file(path)?;
    Ok(fs::write(path, bytes)?)
}

pub fn a_checkpoint_with_a_missing_or_foreign_file_is_refused(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"a", b"1")?;
        let (checkpoint, folder, aside) = (place.checkpoint(&state)?, place.folder()?, place.fresh());
        let data = checkpoint.join("data");
        for path in files(&data)?.into_iter().chain([checkpoint.join("checkpoint.json"), data.clone()]) {
            fs::rename(&path, &aside)?;
            let named = if path.ends_with("checkpoint.json") { &checkpoint } else { &path };
            assert_damaged(factory, &checkpoint, &folder, named);
            fs::rename(&aside, &path)?;
        }
        for name in ["foreign", "000001.sst", ".hidden"] {
            fs::write(data.join(name), "")?;
            assert_damaged(factory, &checkpoint, &folder, &data.join(name));
            fs::remove_file(data.join(name))?;
        }
        let (nothing, empty) = (place.fresh(), place.folder()?);
        assert_damaged(factory, &nothing, &folder, &nothing);
        assert_damaged(factory, &empty, &folder, &empty);
        place.open_checkpoint(&checkpoint, None)?.close()?;
        state.close()
    });
}

/// Links lead to files that somebody else may change, or that have no end.
#[cfg(unix)]
pub fn a_checkpoint_with_a_link_in_it_is_refused(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"a", b"1")?;
        let (checkpoint, folder, aside) = (place.checkpoint(&state)?, place.folder()?, place.fresh());
        let data = checkpoint.join("data");
        for path in files(&data)?.into_iter().chain([checkpoint.join("checkpoint.json"), data.clone()]) {
            fs::rename(&path, &aside)?;
            std::os::unix::fs::symlink(&aside, &path)?;
            assert_damaged(factory, &checkpoint, &folder, &path);
            fs::remove_file(&path)?;
            fs::rename(&aside, &path)?;
        }
        // Nor is one written over a link.
        let link = place.fresh();
        std::os::unix::fs::symlink(place.fresh(), &link)?;
        refused(state.create_checkpoint(&link), ErrorKind::Argument);
        state.close()
    });
}

/// The same backend by another name.
#[derive(Debug)]
struct Renamed<'f>(&'f dyn BackendFactory);

impl BackendFactory for Renamed<'_> {
    fn name(&self) -> &'static str {
        "renamed"
    }

    fn open(&self, directory: &Path) -> Result<Box<dyn StateBackend>> {
        self.0.open(directory)
    }

    fn open_copy(&self, copy: &Path, directory: &Path) -> Result<Box<dyn StateBackend>> {
        self.0.open_copy(copy, directory)
    }
}

pub fn a_checkpoint_of_another_backend_is_refused(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"a", b"1")?;
        let (checkpoint, folder) = (place.checkpoint(&state)?, place.folder()?);
        let opened = KeyValueState::open_checkpoint(&Renamed(factory), &checkpoint, Some(&folder), Default::default());
        let told = refused(opened, ErrorKind::Refused);
        assert!(told.contains("`renamed`") && told.contains(&format!("`{}`", factory.name())), "{told}");
        assert_eq!(files(&folder)?, Vec::<PathBuf>::new());
        state.close()
    });
}

/// What is in `folder`, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Every file of a checkpoint and its bytes.
fn content(checkpoint: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let paths = files(&checkpoint.join("data"))?.into_iter().chain([checkpoint.join("checkpoint.json")]);
    paths.map(|path| Ok((path.clone(), fs::read(path)?))).collect()
}
