//! A whole job that starts over a hostile manifest: it restores, runs to its end and commits, or it refuses.

use crate::{input::Input, job, manifest::body, recover::mended};
use gress_core::CheckpointId;
use gress_state::checkpoint::manifest_name;
use std::{fs, path::PathBuf};

/// One byte says whether the job has output, and which of its committed files are there; then the body of the manifest.
pub fn check(input: &[u8]) {
    let mut input = Input::new(input);
    let kind = input.byte();
    let manifest = mended(input.rest());
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let put = |path: PathBuf, content: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("the temporary folder is writable");
        fs::write(path, content).expect("the temporary folder is writable");
    };
    // Recovery compares the manifest's number with its name.
    let id = serde_json::from_slice(manifest.split(|byte| *byte == b'\n').nth(1).unwrap_or_default());
    let id = id.ok().and_then(|body: serde_json::Value| body["id"].as_u64()).unwrap_or(1);
    put(PathBuf::from("state").join(manifest_name(CheckpointId(id))), &manifest);
    let with_output = kind & 1 == 1;
    if with_output {
        let there =
            job::committed().filter(|(path, _)| committed_by(path).is_some_and(|at| at <= u64::from(kind >> 1)));
        there.for_each(|(path, content)| put(path.clone(), content));
    }
    let _ = job::job(folder.path(), with_output).run_seeded(u64::from(kind));
}

/// The checkpoint in the name of a committed file.
fn committed_by(path: &std::path::Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix('c')?.split('-').next()?.parse().ok()
}

/// The manifests of the job, with the output that belongs to each.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |manifest: Vec<u8>| {
        let body = body(&manifest);
        let value: serde_json::Value = serde_json::from_slice(&body).expect("a manifest is JSON");
        let with_output = value["sinks"].as_object().is_some_and(|sinks| !sinks.is_empty());
        let id = value["id"].as_u64().expect("a manifest has a number") as u8;
        // Short, so that a mutation meets what counts.
        [&[id << 1 | u8::from(with_output)][..], value.to_string().as_bytes()].concat()
    };
    job::manifests().into_iter().map(seed).collect()
}
