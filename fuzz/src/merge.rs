//! Merges of hostile runs: what comes out is what applying the runs one after another gives, in order.

use crate::{
    input::Input,
    mend,
    run::{Owned, read, written},
};
use gress_state::run::{Merge, RunCursor, RunReader, Tombstones};
use std::collections::BTreeMap;

/// Up to six runs, each given by the entries of a block, the oldest first.
pub fn check(input: &[u8]) {
    let mut input = Input::new(input);
    let split = usize::from(input.byte());
    let mut runs = Vec::new();
    while !input.is_empty() && runs.len() < 6 {
        runs.push(mend::run_of(input.part()));
    }
    let entries: Option<Vec<_>> = runs.iter().map(|run| read(run.clone())).collect();
    let merged = [Tombstones::Drop, Tombstones::Keep].map(|tombstones| merge(&runs, tombstones));
    let Some(entries) = entries else { return };
    let base = merged[0].as_ref().expect("whole runs can be merged");
    let expected: Vec<_> = applied(&entries).into_iter().map(|(key, value)| Owned::Put(key, value)).collect();
    assert_eq!(*base, expected);

    // Merging the newest ones first changes nothing.
    let split = split % (runs.len() + 1);
    let mut folded = runs[..split].to_vec();
    folded.push(written(&merge(&runs[split..], Tombstones::Keep).expect("whole runs can be merged")));
    assert_eq!(merge(&folded, Tombstones::Drop).expect("whole runs can be merged"), expected);
}

fn merge(runs: &[Vec<u8>], tombstones: Tombstones) -> Option<Vec<Owned>> {
    let cursor = |run: &Vec<u8>| Ok(Box::new(RunReader::from_bytes(run.clone())?) as Box<dyn RunCursor + Send>);
    let cursors: gress_core::Result<Vec<_>> = runs.iter().map(cursor).collect();
    let mut merge = Merge::new(cursors.ok()?, tombstones).ok()?;
    let mut entries = Vec::new();
    while let Some(entry) = merge.next().ok()? {
        entries.push(entry.into());
    }
    Some(entries)
}

/// What the runs come to: in each the ranges first, which hide what is older, then puts and deletes.
fn applied(runs: &[Vec<Owned>]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut map = BTreeMap::new();
    for run in runs {
        for entry in run {
            if let Owned::Range(start, end) = entry {
                map.retain(|key: &Vec<u8>, _| key < start || key >= end);
            }
        }
        for entry in run {
            match entry {
                Owned::Put(key, value) => drop(map.insert(key.clone(), value.clone())),
                Owned::Delete(key) => drop(map.remove(key)),
                Owned::Range(..) => {}
            }
        }
    }
    map
}

/// Two to four runs over a few keys.
pub fn seeds() -> Vec<Vec<u8>> {
    let runs: [&[&[u8]]; 3] = [
        &[b"\x00\x01a\x01b\x00\x01b\x01b", b"\x01\x01b"],
        &[b"\x00\x01a\x01b\x00\x01c\x01b", b"\x02\x01a\x01b", b"\x00\x01a\x00"],
        &[b"\x00\x01m\x01b", b"\x02\x00\x01z\x00\x01m\x01c", b"\x02\x01a\x01n\x01\x01n", b"\x00\x01n\x01d"],
    ];
    let seed = |runs: &&[&[u8]]| {
        let mut seed = vec![1];
        runs.iter().for_each(|run| Input::push_part(run, &mut seed));
        seed
    };
    runs.iter().map(seed).collect()
}
