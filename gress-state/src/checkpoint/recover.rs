//! Finds the checkpoint to go on from: the newest manifest whose files all verify, before anything is opened.

use super::{
    manifest::Manifest,
    paths::{epoch_of_run, manifest_id, manifest_name},
    storage::CheckpointStorage,
};
use gress_core::{CheckpointId, Error, ErrorKind, Result};

/// What storage holds.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The newest whole checkpoint; `None` where there is no manifest at all.
    pub newest_whole: Option<Manifest>,
    /// The highest id of any manifest, damaged ones included.
    pub highest: Option<CheckpointId>,
    /// The highest start of the job that any manifest or file name tells of; 0 for none. A new start takes one above it, so
    /// that it gives no name a second time, also where it goes back behind an earlier start.
    pub highest_epoch: u64,
    /// Newer checkpoints that are damaged, from the newest on.
    pub refused: Vec<Refusal>,
    /// All manifests that can be read, in ascending order of ids.
    pub manifests: Vec<Manifest>,
}

/// A checkpoint that cannot be restored.
#[derive(Debug)]
pub struct Refusal {
    /// Which one.
    pub id: CheckpointId,
    /// Why, with the name of the file.
    pub reason: Error,
}

/// Looks for the newest whole checkpoint. Changes nothing.
///
/// # Errors
/// A storage that cannot be read. A damaged checkpoint is no error as long as an older one is whole; where none is, the
/// error names them all: a job never starts from nothing over damaged state.
pub fn recover(storage: &dyn CheckpointStorage) -> Result<Recovered> {
    let names = storage.list()?;
    let mut ids: Vec<_> = names.iter().filter_map(|name| manifest_id(name)).collect();
    ids.sort_unstable();
    let highest_epoch = names.iter().filter_map(|name| epoch_of_run(name)).max().unwrap_or(0);
    let mut recovered = Recovered { highest: ids.last().copied(), highest_epoch, ..Recovered::default() };
    for &id in ids.iter().rev() {
        let name = manifest_name(id);
        let read = storage.read(&name).and_then(|bytes| {
            let manifest = Manifest::from_bytes(&bytes).map_err(|e| e.at(format!("`{}`", storage.locate(&name))))?;
            match manifest.id == id {
                true => Ok(manifest),
                false => Err(Error::damaged(format!("`{}` is the manifest of {}", storage.locate(&name), manifest.id))),
            }
        });
        let outcome = read.and_then(|manifest| {
            let whole = match recovered.newest_whole {
                None => manifest.chains().flat_map(|c| &c.runs).try_for_each(|run| run.verify(storage)),
                Some(_) => Ok(()),
            };
            if whole.is_ok() && recovered.newest_whole.is_none() {
                recovered.newest_whole = Some(manifest.clone());
            }
            recovered.highest_epoch = recovered.highest_epoch.max(manifest.epoch);
            recovered.manifests.push(manifest);
            whole
        });
        match outcome {
            Err(reason) if reason.kind() == ErrorKind::Storage => return Err(reason),
            Err(reason) if recovered.newest_whole.is_none() => recovered.refused.push(Refusal { id, reason }),
            _ => {}
        }
    }
    recovered.manifests.reverse();
    if recovered.newest_whole.is_none() && !recovered.refused.is_empty() {
        let each = recovered.refused.iter().map(|r| format!("checkpoint {}: {}", r.id, r.reason));
        let all = each.collect::<Vec<_>>().join("; ");
        return Err(Error::damaged(format!("no checkpoint can be restored: {all}")));
    }
    Ok(recovered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checkpoint::{
            LocalStorage, RunRef,
            manifest::{StateSnapshot, TaskSnapshot, tests::manifest},
        },
        run::UnsortedRun,
        table::{StateDescription, StateKind},
    };
    use gress_core::{StateName, TaskId};
    use std::{fs, path::Path};

    /// Storage with checkpoints 1 to 3, each with a file of its own.
    fn storage(directory: &Path) -> LocalStorage {
        let storage = LocalStorage::new(directory);
        storage.prepare().unwrap();
        for id in 1..=3 {
            let mut entries = UnsortedRun::default();
            for key in 0..2_000_u64 {
                let append = |into: &mut Vec<u8>| {
                    into.extend_from_slice(&(key * id).to_be_bytes());
                    Ok(())
                };
                entries.put(append, append).unwrap();
            }
            let run = RunRef::store(&mut entries, format!("{id}.run"), &storage).unwrap().unwrap();
            let state = StateSnapshot {
                name: StateName::new("op", "state"),
                description: StateDescription::of::<u64, u64>(StateKind::Value),
                chain: crate::checkpoint::Chain { runs: vec![run] },
            };
            let task = TaskSnapshot { task: TaskId::new("op", 0), operators: Vec::new(), states: vec![state] };
            let manifest = Manifest { tasks: vec![task], ..manifest(id, id) };
            storage.put_if_absent(&manifest_name(manifest.id), &manifest.to_bytes().unwrap()).unwrap();
        }
        storage
    }

    #[test]
    fn the_newest_is_taken_when_all_is_well() {
        let directory = tempfile::tempdir().unwrap();
        let found = recover(&storage(directory.path())).unwrap();
        assert_eq!(found.newest_whole.unwrap().id, CheckpointId(3));
        assert!(found.refused.is_empty());
        assert_eq!(found.manifests.len(), 3);
        assert_eq!(found.highest_epoch, 3, "the file `3.run` says so");
    }

    #[test]
    fn recovery_skips_a_checkpoint_with_a_flipped_truncated_or_missing_file() {
        type Damage = fn(&Path);
        let flipped: Damage = |path| {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        };
        let truncated: Damage = |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
        };
        let missing: Damage = |path| fs::remove_file(path).unwrap();
        let empty: Damage = |path| fs::write(path, "").unwrap();
        for damage in [flipped, truncated, missing, empty] {
            for file in ["3.run", "manifest-0000000003.json"] {
                let directory = tempfile::tempdir().unwrap();
                let storage = storage(directory.path());
                damage(&directory.path().join(file));
                let found = recover(&storage).unwrap();
                assert_eq!(found.newest_whole.unwrap().id, CheckpointId(2));
                if directory.path().join("manifest-0000000003.json").exists() {
                    assert_eq!(found.refused.len(), 1);
                    assert!(found.refused[0].reason.to_string().contains(file), "{:?}", found.refused);
                    assert_eq!(found.highest, Some(CheckpointId(3)));
                }
            }
        }
    }

    #[test]
    fn a_job_never_starts_from_nothing_over_damaged_state() {
        let directory = tempfile::tempdir().unwrap();
        let storage = storage(directory.path());
        for id in 1..=3 {
            fs::write(directory.path().join(format!("{id}.run")), "damaged").unwrap();
        }
        let text = recover(&storage).unwrap_err().to_string();
        assert!(["1.run", "2.run", "3.run"].iter().all(|file| text.contains(file)), "{text}");
    }

    #[test]
    fn empty_storage_has_no_checkpoint() {
        let directory = tempfile::tempdir().unwrap();
        let found = recover(&LocalStorage::new(directory.path().join("none"))).unwrap();
        assert!(found.newest_whole.is_none() && found.highest.is_none());
    }
}
