//! Checkpoints of key-value states: a hostile directory is refused, or opens as a state that can be copied again.

use crate::{
    input::Input,
    key_values::{content, options, state},
    mend,
};
use gress_core::ErrorKind;
use gress_state::{KeyValueOptions, memory::MemoryBackend};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, path::Path, sync::OnceLock};

const MANIFEST: &str = "checkpoint.json";
const DATA: &str = "data";

type Files = BTreeMap<String, Vec<u8>>;

/// An odd first byte: hostile files below a manifest that fits them. An even one: a hostile manifest over real files.
pub fn check(input: &[u8]) {
    let mut input = Input::new(input);
    let (kind, options) = (input.byte(), options());
    let options = &options[usize::from(kind >> 1 & 1)];
    if kind & 1 == 1 {
        let files = files(&mut input);
        return open(&manifest_of(&files), &files, options);
    }
    let (_, files) = real();
    let body = input.rest();
    for manifest in [body.to_vec(), mend::key_value_manifest(body)] {
        open(&manifest, files, options);
    }
}

/// Files of the two stores, or of any name; whole, as mended runs, or as the entries of one.
fn files(input: &mut Input<'_>) -> Files {
    let mut files = Files::new();
    while !input.is_empty() {
        let kind = input.byte();
        let name = match kind & 3 {
            0 => "key-value@memo.run".into(),
            1 => String::from_utf8_lossy(input.part()).into_owned(),
            _ => "key-value@entries.run".into(),
        };
        let mut content = input.part().to_vec();
        match kind >> 2 & 3 {
            0 => {}
            1 => mend::run(&mut content),
            _ => content = mend::run_of(&content),
        }
        files.insert(name, content);
    }
    files
}

/// A manifest that fits these files.
fn manifest_of(files: &Files) -> Vec<u8> {
    let summaries: Map<String, Value> = files.iter().map(|(name, file)| (name.clone(), mend::summary(file))).collect();
    mend::key_value_manifest(json!({ "backend": "memory", "files": summaries }).to_string().as_bytes())
}

fn open(manifest: &[u8], files: &Files, options: &KeyValueOptions) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let (hostile, copy) = (folder.path().join("hostile"), folder.path().join("copy"));
    fs::create_dir_all(hostile.join(DATA)).expect("the temporary folder is writable");
    fs::write(hostile.join(MANIFEST), manifest).expect("the temporary folder is writable");
    for (name, file) in files {
        // What no file can be called, the manifest names all the same.
        if !name.contains(['/', '\0']) {
            let _ = fs::write(hostile.join(DATA).join(name), file);
        }
    }
    let state = match MemoryBackend::open_checkpoint(&hostile, options.clone()) {
        Ok(state) => state,
        Err(error) => {
            let (kind, text) = (error.kind(), error.to_string());
            assert!(matches!(kind, ErrorKind::Damaged | ErrorKind::Refused), "{text}");
            return;
        }
    };
    match content(&state) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "{error}"),
        Ok(opened) => {
            state.create_checkpoint(&copy).expect("what was opened can be copied");
            let again = MemoryBackend::open_checkpoint(&copy, options.clone()).expect("what was copied can be opened");
            assert_eq!(content(&again).expect("it was read before"), opened);
        }
    }
}

/// Manifest and files of a real checkpoint.
fn real() -> &'static (Vec<u8>, Files) {
    static REAL: OnceLock<(Vec<u8>, Files)> = OnceLock::new();
    REAL.get_or_init(|| {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let directory = folder.path().join("checkpoint");
        state(&options()[1]).create_checkpoint(&directory).expect("the temporary folder is writable");
        (read(&directory.join(MANIFEST)), files_in(&directory.join(DATA)))
    })
}

fn files_in(directory: &Path) -> Files {
    let entries = fs::read_dir(directory).expect("the directory exists").map(|entry| entry.expect("an entry"));
    entries.map(|entry| (entry.file_name().into_string().expect("UTF-8"), read(&entry.path()))).collect()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("the file exists")
}

/// A real manifest, its body, real files, and entries without a checksum.
pub fn seeds() -> Vec<Vec<u8>> {
    let (manifest, files) = real();
    let body = crate::manifest::body(manifest);
    let mut whole = vec![1];
    for (name, file) in files {
        whole.push(1);
        Input::push_part(name.as_bytes(), &mut whole);
        Input::push_part(file, &mut whole);
    }
    let mut entries = vec![3];
    entries.push(0b1000);
    Input::push_part(b"\0\x09ttl-since\x08\0\0\0\0\0\0\x03\xe8", &mut entries);
    entries.push(0b1010);
    Input::push_part(b"\0\x01a\x03\0xy\x02\x01b\x01d\0\x01e\x0b\x01\0\0\0\0\0\0\x03\xe7zz", &mut entries);
    vec![[&[0], &manifest[..]].concat(), [&[2], &body[..]].concat(), whole, entries]
}
