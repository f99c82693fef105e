//! Manifests that name files outside of their directory.

use gress_core::{CheckpointId, ErrorKind, JobId, StateName, TaskId, codec, key_group};
use gress_state::{
    StateDescription, StateKind,
    checkpoint::{
        Chain, CheckpointStorage, Ending, LocalStorage, Manifest, RunContent, RunRef, StateSnapshot, TaskSnapshot,
        manifest_name, recover,
    },
    run::{FileDigest, FileSummary},
    testing::{Random, Scratch},
};
use std::{collections::BTreeMap, fs, path::Path};

/// Parts that a name may have.
const INNOCENT: [&str; 5] = ["canary", "etc.passwd", "000001-op-0", "..", ".run"];

/// Parts of which one makes a name hostile, wherever it stands.
const HOSTILE: [&str; 12] =
    ["../", "/", "//", "/dev/zero", "\\", "\0", "#1", "%2e%2e/", ":", " ", "\u{fc}", "\u{202e}"];

/// A name that leaves its directory, that a file system may take for another one, or that is longer than it takes.
fn hostile(random: &mut Random) -> String {
    let mut parts: Vec<_> = (0..random.below(5)).map(|_| INNOCENT[random.below(INNOCENT.len())].to_owned()).collect();
    let at = random.below(parts.len() + 1);
    match random.below(8) {
        0 => parts.insert(at, "x".repeat(300)),
        1 => parts.insert(0, [".", "..", ".hidden"][random.below(3)].to_owned()),
        _ => parts.insert(at, HOSTILE[random.below(HOSTILE.len())].to_owned()),
    }
    parts.concat()
}

fn manifest(file: &str) -> Manifest {
    let summary = FileSummary { bytes: 5, digest: FileDigest(0) };
    let run = RunRef { content: RunContent::File(file.to_owned()), entries: 1, summary };
    let state = StateSnapshot {
        name: StateName::new("op", "state"),
        description: StateDescription::of::<u64, u64>(StateKind::Value),
        chain: Chain { runs: vec![run] },
    };
    Manifest {
        job: JobId(7),
        id: CheckpointId(1),
        epoch: 1,
        origin: CheckpointId(1),
        ending: Ending::Running,
        job_name: "hostile".into(),
        backend: "memory".into(),
        parallelism: 1,
        key_groups: key_group::KEY_GROUPS,
        key_hash: key_group::KEY_HASH.into(),
        codec: codec::NAME.into(),
        sources: BTreeMap::new(),
        sinks: BTreeMap::new(),
        tasks: vec![TaskSnapshot { task: TaskId::new("op", 0), operators: Vec::new(), states: vec![state] }],
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let mut names: Vec<_> = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_thousand_hostile_names_are_refused_before_any_file_is_looked_at() {
    let outside = Scratch::new();
    fs::write(outside.path().join("canary"), "alive").expect("the directory is writable");
    let directory = outside.path().join("checkpoints");
    let storage = LocalStorage::new(&directory);
    storage.prepare().expect("the directory is writable");
    for seed in 0..1_000 {
        let name = hostile(&mut Random::new(seed));
        let file = manifest_name(CheckpointId(1));
        let bytes = manifest(&name).to_bytes().expect("a manifest prints");
        storage.put_if_absent(&file, &bytes).expect("the directory is writable");
        let error = recover(&storage).expect_err(&name);
        assert_eq!(error.kind(), ErrorKind::Damaged, "{name:?}");
        let text = error.to_string();
        assert!(text.contains(&file) && text.contains("is no valid file name"), "{name:?}: {text}");
        storage.delete(&file).expect("the directory is writable");
        assert_eq!(names(outside.path()), ["canary", "checkpoints"], "{name:?}");
        assert!(names(&directory).is_empty(), "{name:?}");
    }
    assert_eq!(fs::read(outside.path().join("canary")).expect("it is alive"), b"alive");
}
