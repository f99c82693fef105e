//! A job's manifests, read without Gress: a header line, then JSON.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// One checkpoint, or the claim of an id by a starting job.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) path: PathBuf,
    pub(crate) json: Value,
}

impl Checkpoint {
    pub(crate) fn id(&self) -> u64 {
        self.json["id"].as_u64().expect("an id is a number")
    }

    pub(crate) fn is_claim(&self) -> bool {
        self.json["id"] != self.json["origin"]
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.json["ending"] == "finished"
    }

    /// Where the source reads next.
    pub(crate) fn rows_read(&self) -> u64 {
        let tasks = self.json["tasks"].as_array().expect("tasks in a row").iter();
        let source = tasks.flat_map(|task| task["operators"].as_array()).flatten().find(|o| o["name"] == "flights");
        source.and_then(|source| source["values"]["0"].as_u64()).unwrap_or(0)
    }

    /// Whether it knows of committed output that is to be emitted again.
    pub(crate) fn replays(&self) -> bool {
        let mut sinks = self.json["sinks"].as_object().expect("sinks by name").values();
        sinks.any(|sink| sink["to_replay"].as_array().is_some_and(|runs| !runs.is_empty()))
    }

    /// The run files that it names.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let mut names = Vec::new();
        collect_files(&self.json, &mut names);
        names.into_iter().map(|name| self.path.with_file_name(name)).collect()
    }

    /// Committed files are named after their checkpoint.
    pub(crate) fn committed_prefix(&self) -> String {
        format!("c{:010}-", self.id())
    }
}

/// The checkpoints in this folder, in ascending order; those that cannot be read are left out.
pub(crate) fn checkpoints(folder: &Path) -> Vec<Checkpoint> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("a folder that nobody deletes can be read").path());
    let is_manifest = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("manifest-") && name.ends_with(".json")
    };
    let mut paths: Vec<_> = paths.filter(is_manifest).collect();
    paths.sort_unstable();
    paths.into_iter().filter_map(read).collect()
}

fn read(path: PathBuf) -> Option<Checkpoint> {
    let text = fs::read_to_string(&path).ok()?;
    let (_, json) = text.split_once('\n')?;
    Some(Checkpoint { json: serde_json::from_str(json).ok()?, path })
}

fn collect_files(json: &Value, names: &mut Vec<String>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(file) if name == "file" => names.push(file.to_owned()),
                    _ => collect_files(value, names),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_files(value, names)),
        _ => {}
    }
}
