//! Snapshots: streams that a state is restored from.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::place::{all, at_a_place, refused, snapshot, text};
use crate::{
    backend::BackendFactory,
    key_value::{KeyValueOptions, KeyValueState},
    memory::MemoryFactory,
    testing::Scratch,
};
use gress_core::ErrorKind;
use std::io::{self, Read, Write};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

pub fn a_restore_replaces_everything_by_the_snapshot(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        // Any bytes come back, whatever text would make of them.
        let keys: [&[u8]; 6] = [b"", b"\0", b"\n\"\\", b"\x80\xff", "é".as_bytes(), &[0xff; 70]];
        state.batch_put(keys.map(|key| (key, [key, b"\0\xff{}"].concat())))?;
        let before = all(&state)?;
        let mut stream = Vec::new();
        let written = state.snapshot(&mut stream)?;
        assert_eq!((written.entries, written.bytes), (6, stream.len() as u64));

        state.put(b"\0", b"changed")?;
        state.delete(b"")?;
        state.put(b"later", b"goes")?;
        state.put(&[0xff; 64 << 10], b"goes, too")?;
        assert_eq!(state.restore(&stream[..])?, written);
        assert_eq!(all(&state)?, before);
        // Once more, over itself, and into a state that has other things.
        state.restore(&stream[..])?;
        let other = place.open()?;
        other.put(b"other", b"goes")?;
        other.restore(&stream[..])?;
        assert_eq!((all(&state)?, all(&other)?), (before.clone(), before));
        // Nothing is a state, too.
        let empty = snapshot(&place.open()?)?;
        assert_eq!(state.restore(&empty[..])?.entries, 0);
        assert_eq!(all(&state)?, []);
        state.put(b"a", b"1")?;
        assert_eq!(text(&state)?, ["a=1"]);
        other.close()?;
        state.close()
    });
}

pub fn a_snapshot_is_the_same_bytes_over_another_backend(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let key = |n: u32| n.wrapping_mul(2_654_435_761).to_be_bytes();
        state.batch_put((0..20_000).map(|n| (key(n), n.to_string())))?;
        state.flush()?;
        state.batch_delete((0..20_000).step_by(3).map(key))?;
        let stream = snapshot(&state)?;
        let scratch = Scratch::new();
        let memory = KeyValueState::open(&MemoryFactory, scratch.path(), KeyValueOptions::default())?;
        memory.restore(&stream[..])?;
        assert!(snapshot(&memory)? == stream, "the stream does not depend on the backend that wrote it");
        let back = place.open()?;
        back.restore(&snapshot(&memory)?[..])?;
        assert!(snapshot(&back)? == stream);
        back.close()?;
        state.close()
    });
}

pub fn a_snapshot_with_any_byte_changed_is_refused_and_changes_nothing(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.batch_put([("a", "1"), ("", "2"), ("key", "value")])?;
        let good = snapshot(&state)?;
        state.put(b"since", b"3")?;
        let before = snapshot(&state)?;
        let check = |bytes: &[u8], what: &str| {
            let told = refused(state.restore(bytes), ErrorKind::Damaged);
            assert!(told.contains("snapshot"), "{what}: {told}");
        };
        for at in 0..good.len() {
            check(&good[..at], &format!("cut at {at}"));
            for bit in [0, 3, 7] {
                let mut bytes = good.clone();
                bytes[at] ^= 1 << bit;
                check(&bytes, &format!("bit {bit} of byte {at}"));
            }
            if at % 16 == 0 {
                assert!(snapshot(&state)? == before, "a refused snapshot changes nothing, at {at}");
            }
        }
        check(&[&good[..], b"\0"].concat(), "one byte more");
        check(&[&good[..], &good[..]].concat(), "twice");
        check(&vec![0; 4_096], "zeros");
        check(b"{\"a\": 1}", "text");
        assert!(snapshot(&state)? == before);
        state.put(b"b", b"works")?;
        state.restore(&good[..])?;
        assert_eq!(text(&state)?, ["=2", "a=1", "key=value"]);
        state.close()
    });
}

pub fn a_snapshot_of_several_parts_is_held_together(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        let value = vec![b'v'; 1 << 20];
        state.batch_put((0..10_u8).map(|n| ([n], &value)))?;
        let good = snapshot(&state)?;
        let (header, parts, end) = parts(&good);
        assert!(parts.len() > 1, "10 MiB are several parts");
        state.delete_range(super::place::ALL)?;
        state.put(b"since", b"1")?;
        let (first, rest) = (parts[0], &parts[1..]);
        let wrong = [
            [header, &rest.concat(), first, end].concat(),
            [header, &rest.concat(), end].concat(),
            [header, first, &parts.concat(), end].concat(),
            [header, &parts.concat(), &parts.concat(), end].concat(),
            [header, end].concat(),
            [header, &parts.concat()].concat(),
            good[..good.len() - end.len() - 1].to_vec(),
        ];
        for (nth, bytes) in wrong.iter().enumerate() {
            refused(state.restore(&bytes[..]), ErrorKind::Damaged);
            assert_eq!(text(&state)?, ["since=1"], "stream {nth}");
            // Also where all checksums fit.
            refused(state.restore(&sealed(bytes)[..]), ErrorKind::Damaged);
            assert_eq!(text(&state)?, ["since=1"], "stream {nth}, sealed");
        }
        state.restore(&good[..])?;
        assert_eq!(all(&state)?.len(), 10);
        state.close()
    });
}

const HEADER: usize = 20;
const END: usize = 48;

/// Header, parts with their lengths, and end.
fn parts(stream: &[u8]) -> (&[u8], Vec<&[u8]>, &[u8]) {
    let (header, mut rest) = stream.split_at(HEADER);
    let mut parts = Vec::new();
    while rest.len() > END {
        let length = rest.first_chunk().expect("a length");
        let (part, after) = rest.split_at(8 + u64::from_le_bytes(*length) as usize);
        parts.push(part);
        rest = after;
    }
    (header, parts, rest)
}

/// The stream with a checksum at its end that fits.
fn sealed(stream: &[u8]) -> Vec<u8> {
    let mut bytes = stream.to_vec();
    let at = bytes.len() - 24;
    let digest = xxh3_128(&bytes[..at]).to_le_bytes();
    bytes[at..at + 16].copy_from_slice(&digest);
    bytes
}

pub fn a_snapshot_of_a_newer_format_is_refused(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.put(b"a", b"1")?;
        let good = snapshot(&state)?;
        for at in [8, 10] {
            let mut newer = good.clone();
            newer[at] += 1;
            let digest = xxh3_64(&newer[..12]).to_le_bytes();
            newer[12..20].copy_from_slice(&digest);
            let told = refused(state.restore(&sealed(&newer)[..]), ErrorKind::Refused);
            assert!(told.contains('2'), "{told}");
        }
        assert_eq!(text(&state)?, ["a=1"]);
        state.close()
    });
}

/// A pipe that breaks.
struct Breaking<'b>(&'b [u8]);

impl Read for Breaking<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::Error::other("the wire is cut")),
            read => Ok(read),
        }
    }
}

/// A disk that is full.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(io::Error::other("no space is left")) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn a_stream_that_fails_leaves_a_state_that_works(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        state.batch_put((0..20_000_u32).map(|n| (n.to_be_bytes(), "v")))?;
        let stream = snapshot(&state)?;
        for length in [0, 10, 30, stream.len() / 2, stream.len()] {
            let told = refused(state.restore(Breaking(&stream[..length])), ErrorKind::Storage);
            assert!(told.contains("the wire is cut"), "{told}");
            // Nothing was written, so there is no reason to refuse what comes.
            state.put(b"after", &length.to_be_bytes())?;
            assert_eq!(all(&state)?.len(), 20_001);
        }
        for room in [0, 10, 1_000] {
            let told = refused(state.snapshot(Full(room)), ErrorKind::Storage);
            assert!(told.contains("no space is left"), "{told}");
        }
        state.restore(&stream[..])?;
        assert_eq!(all(&state)?.len(), 20_000);
        state.close()
    });
}
