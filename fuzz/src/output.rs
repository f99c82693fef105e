//! Output folders with hostile names, and transactions of hostile manifests: nothing outside of the folder is touched, and
//! nothing in it that Gress has not written.

use crate::input::Input;
use gress_runtime::sink::{JsonLines, Sink};
use gress_state::{checkpoint::PendingTransaction, run::FileDigest};
use std::{collections::BTreeSet, fs, path::Path};
use xxhash_rust::xxh3::xxh3_128;

/// Files of the folder, and transactions to commit.
pub fn check(input: &[u8]) {
    let outside = tempfile::tempdir().expect("the temporary folder is writable");
    let folder = outside.path().join("out");
    fs::write(outside.path().join("canary"), "alive").expect("the temporary folder is writable");
    fs::create_dir(&folder).expect("the temporary folder is writable");
    let mut input = Input::new(input);
    let (mut foreign, mut pending) = (BTreeSet::new(), Vec::new());
    while !input.is_empty() && pending.len() < 8 {
        let kind = input.byte();
        let mut text = || String::from_utf8_lossy(input.part()).into_owned();
        let (first, second) = (text(), text());
        match kind % 2 {
            0 => drop(fs::write(folder.join(one_component(&first)), &second)),
            _ => {
                let content = fs::read(folder.join(one_component(&first))).unwrap_or_default();
                let digest = FileDigest(xxh3_128(&content));
                let bytes = content.len() as u64;
                pending.push(PendingTransaction { staged: first, visible: second, bytes, records: 1, digest });
            }
        }
    }
    let sink = JsonLines::exactly_once(&folder);
    let committer = Sink::<u64>::committer(&sink).expect("the sink has one");
    if let Ok(listing) = committer.inspect() {
        for visible in &listing.visible {
            let name = format!("c{:010}-t{}-{}.jsonl", visible.checkpoint.0, visible.subtask, visible.job);
            assert_eq!(visible.name, name, "a name has one spelling");
            let _ = committer.records(&visible.name, &mut |_| {});
        }
        foreign.extend(listing.foreign);
    }
    committer.prepare_output().expect("the folder is there");
    let _ = committer.commit(&pending);
    let _ = committer.abort_rest();
    for transaction in &pending {
        let _ = committer.records(&transaction.visible, &mut |_| {});
    }
    let left = names(&folder);
    assert!(foreign.iter().all(|name| left.contains(name)), "foreign files stay: {foreign:?}");
    assert_eq!(names(outside.path()), ["canary", "out"].map(str::to_owned).into(), "nothing outside was touched");
    assert_eq!(fs::read(outside.path().join("canary")).expect("it is alive"), b"alive");
}

fn one_component(name: &str) -> String {
    let name = name.replace(['/', '\0'], "_");
    if matches!(name.as_str(), "" | "." | "..") { "_".to_owned() } else { name }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("the folder can be read").filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Names as the sink gives them, and some that it would never give.
pub fn seeds() -> Vec<Vec<u8>> {
    let visible = "c0000000009-t0-3fa9c1d2.jsonl";
    let staged = ".c0000000009-t0-3fa9c1d2.e2.staged";
    let file = |name: &str| (0, name.to_owned(), "[1,2]\n".to_owned());
    let commit = |staged: &str, visible: &str| (1, staged.to_owned(), visible.to_owned());
    let folders = [
        vec![file(visible), file(".t3-3fa9c1d2.e2.7.open"), file("notes.txt")],
        vec![file(staged), commit(staged, visible)],
        vec![file(staged), file(visible), commit(staged, visible)],
        vec![commit("../canary", "stolen"), commit(staged, "../../c0000000009-t0-3fa9c1d2.jsonl")],
    ];
    let seed = |folder: Vec<(u8, String, String)>| {
        let mut seed = Vec::new();
        for (kind, first, second) in folder {
            seed.push(kind);
            Input::push_part(first.as_bytes(), &mut seed);
            Input::push_part(second.as_bytes(), &mut seed);
        }
        seed
    };
    folders.into_iter().map(seed).collect()
}
