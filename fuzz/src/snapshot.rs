//! Snapshots of key-value states: a restore replaces all by what can be read and written again, or changes nothing.

use crate::{
    input::Input,
    key_values::{content, options, state},
    mend,
};
use gress_core::ErrorKind;
use gress_state::{KeyValueOptions, KeyValueState};

/// The input as a stream, as one whose checksums were mended, and as the entries of its parts.
pub fn check(input: &[u8]) {
    let mut parts = Vec::new();
    let mut entries = Input::new(input);
    while !entries.is_empty() {
        parts.push(mend::run_of(entries.part()));
    }
    for stream in [input.to_vec(), mend::snapshot(input), mend::snapshot_of(&parts)] {
        options().iter().for_each(|options| restore(&stream, options));
    }
}

fn restore(stream: &[u8], options: &KeyValueOptions) {
    let target = state(options);
    let before = content(&target).expect("it was just written");
    match target.restore(stream) {
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused), "{error}");
            assert_eq!(content(&target).expect("it is as it was"), before, "a refused restore changes nothing");
        }
        Ok(summary) => {
            assert_eq!(summary.bytes, stream.len() as u64);
            let restored = content(&target).expect("what was restored can be read");
            assert!(restored.len() as u64 <= summary.entries, "some may have expired");
            let again = state(options);
            again.restore(&*snapshot(&target)).expect("what was restored can be written");
            assert_eq!(content(&again).expect("it was just written"), restored);
        }
    }
}

fn snapshot(state: &KeyValueState) -> Vec<u8> {
    let mut stream = Vec::new();
    state.snapshot(&mut stream).expect("memory can be written");
    stream
}

/// Real snapshots, an empty one, and entries of two parts.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = options().iter().map(|options| snapshot(&state(options))).collect();
    seeds.push(mend::snapshot_of(&[]));
    let mut parts = Vec::new();
    Input::push_part(b"\0\x01a\x03\0xy\0\x01b\x0b\x01\0\0\0\0\0\0\x03\xe7zz", &mut parts);
    Input::push_part(b"\0\x01c\x09\x02\0\0\0\0\0\0\0\x07", &mut parts);
    seeds.push(parts);
    seeds
}
