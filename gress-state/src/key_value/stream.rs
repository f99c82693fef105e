//! A snapshot as a stream of any size: runs of a few megabytes, one after another.
//!
//! ```text
//!  header   "GRESSNAP" ‖ version u16 = 1 ‖ content u16 = 1 ‖ checksum u64 of these                      20 bytes
//!  part*    length u64 ‖ a run file of that length
//!  end      0 u64 ‖ parts u64 ‖ entries u64 ‖ xxh3-128 u128 of all bytes before ‖ "GRESSEND"             48 bytes
//! ```
//!
//! Integers are little-endian. Content 1 is puts of a key-value state, keys ascending over all parts, each value behind
//! its [`crate::ttl::Stamp`].

use super::limits::{check_key, check_value};
use crate::{
    run::{RunCursor, RunEntry, RunReader, RunWriter},
    ttl::Stamp,
};
use gress_core::{Error, Result};
use std::io::{ErrorKind as Io, Read, Write};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

const MAGIC: &[u8; 8] = b"GRESSNAP";
const END: &[u8; 8] = b"GRESSEND";
const VERSION: u16 = 1;
const CONTENT: u16 = 1;
const HEADER_LEN: usize = 20;
/// A part ends when it has at least this many bytes of entries.
const PART_BYTES: usize = 4 << 20;
/// A part is no longer: one entry of the greatest size, and what was there before it.
const PART_BYTES_MAX: u64 = (1 << 30) + (64 << 20);

/// What a snapshot has written, or a restore has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// Entries.
    pub entries: u64,
    /// Length of the stream.
    pub bytes: u64,
}

/// Writes a snapshot; memory is one part.
pub(super) struct SnapshotWriter<W> {
    into: Digested<W>,
    part: RunWriter<Vec<u8>>,
    part_bytes: usize,
    parts: u64,
    entries: u64,
}

impl<W: Write> SnapshotWriter<W> {
    pub(super) fn new(into: W) -> Result<Self> {
        let mut into = Digested { inner: into, hasher: Xxh3Default::new(), bytes: 0 };
        into.write(&header())?;
        Ok(SnapshotWriter { into, part: new_part()?, part_bytes: 0, parts: 0, entries: 0 })
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.part.append(RunEntry::Put { key, value })?;
        self.part_bytes += key.len() + value.len();
        if self.part_bytes >= PART_BYTES { self.end_part() } else { Ok(()) }
    }

    fn end_part(&mut self) -> Result<()> {
        let part = std::mem::replace(&mut self.part, new_part()?);
        self.part_bytes = 0;
        if part.entries() == 0 {
            return Ok(());
        }
        self.entries += part.entries();
        self.parts += 1;
        let (run, _) = part.finish()?;
        self.into.write(&(run.len() as u64).to_le_bytes())?;
        self.into.write(&run)
    }

    pub(super) fn finish(mut self) -> Result<SnapshotSummary> {
        self.end_part()?;
        for number in [0, self.parts, self.entries] {
            self.into.write(&number.to_le_bytes())?;
        }
        let digest = self.into.hasher.digest128();
        self.into.write(&digest.to_le_bytes())?;
        self.into.write(END)?;
        self.into.inner.flush().map_err(cannot_write)?;
        Ok(SnapshotSummary { entries: self.entries, bytes: self.into.bytes })
    }
}

fn new_part() -> Result<RunWriter<Vec<u8>>> {
    RunWriter::new(Vec::new())
}

fn header() -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&CONTENT.to_le_bytes());
    header.extend_from_slice(&xxh3_64(&header).to_le_bytes());
    header
}

/// Counts and digests what goes through.
struct Digested<T> {
    inner: T,
    hasher: Xxh3Default,
    bytes: u64,
}

impl<T> Digested<T> {
    fn passed(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<W: Write> Digested<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.inner.write_all(bytes).map_err(cannot_write)?;
        self.passed(bytes);
        Ok(())
    }
}

impl<R: Read> Digested<R> {
    fn read<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).map_err(|e| self.cannot_read(e))?;
        self.passed(&bytes);
        Ok(bytes)
    }

    fn read_u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.read()?))
    }

    /// Memory grows with what arrives, not with what was announced.
    fn read_part(&mut self, len: u64) -> Result<Vec<u8>> {
        let mut part = Vec::new();
        self.inner.by_ref().take(len).read_to_end(&mut part).map_err(|e| self.cannot_read(e))?;
        if part.len() as u64 != len {
            return Err(self.cannot_read(Io::UnexpectedEof.into()));
        }
        self.passed(&part);
        Ok(part)
    }

    /// Whether nothing follows.
    fn is_at_end(&mut self) -> Result<bool> {
        let mut next = [0];
        loop {
            match self.inner.read(&mut next) {
                Ok(read) => return Ok(read == 0),
                Err(error) if error.kind() == Io::Interrupted => {}
                Err(error) => return Err(self.cannot_read(error)),
            }
        }
    }

    fn cannot_read(&self, error: std::io::Error) -> Error {
        match error.kind() {
            Io::UnexpectedEof => damaged(format!("is cut short after {} bytes", self.bytes)),
            _ => Error::storage(format!("cannot read the snapshot: {error}")).because(error),
        }
    }
}

fn cannot_write(error: std::io::Error) -> Error {
    Error::storage(format!("cannot write the snapshot: {error}")).because(error)
}

fn damaged(what: String) -> Error {
    Error::damaged(format!("the snapshot {what}"))
}

/// Refuses what no state has written: the next restore would leave an entry with a longer key behind, and a value without
/// a stamp could not be read.
fn check_entry(key: &[u8], stored: &[u8]) -> Result<()> {
    let check = || check_key(key).and_then(|()| check_value(Stamp::split(stored)?.1));
    check().map_err(|reason| damaged(format!("holds an entry that no state can have: {reason}")))
}

fn in_part(number: u64, error: Error) -> Error {
    error.at(format!("part {number} of the snapshot"))
}

/// Reads a snapshot as one run. Whoever has seen its end has read the whole stream, as it was written.
pub(super) struct SnapshotReader<R> {
    from: Digested<R>,
    part: Option<RunReader>,
    parts: u64,
    entries: u64,
    last_key: Option<Vec<u8>>,
    ended: bool,
}

impl<R: Read> SnapshotReader<R> {
    pub(super) fn new(from: R) -> Result<Self> {
        let mut from = Digested { inner: from, hasher: Xxh3Default::new(), bytes: 0 };
        let found: [u8; HEADER_LEN] = from.read()?;
        let wanted = header();
        if &found[..8] != MAGIC {
            return Err(Error::damaged("not a snapshot: it does not begin with `GRESSNAP`"));
        }
        if xxh3_64(&found[..12]).to_le_bytes() != found[12..] {
            return Err(damaged("has a damaged header".into()));
        }
        if found[..12] != wanted[..12] {
            let version = u16::from_le_bytes([found[8], found[9]]);
            let content = u16::from_le_bytes([found[10], found[11]]);
            return Err(Error::refused(format!(
                "the snapshot has format {version} and content {content}; this release reads format {VERSION} and \
                 content {CONTENT}"
            )));
        }
        Ok(SnapshotReader { from, part: None, parts: 0, entries: 0, last_key: None, ended: false })
    }

    pub(super) fn summary(&self) -> SnapshotSummary {
        SnapshotSummary { entries: self.entries, bytes: self.from.bytes }
    }

    /// Opens the next part; `false` at the end of the stream.
    fn next_part(&mut self) -> Result<bool> {
        match self.from.read_u64()? {
            0 => self.check_end().map(|()| false),
            len if len > PART_BYTES_MAX => Err(damaged(format!("has a part of {len} bytes"))),
            len => {
                let part = self.from.read_part(len)?;
                self.parts += 1;
                let number = self.parts;
                self.part = Some(RunReader::from_bytes(part).map_err(|e| in_part(number, e))?);
                Ok(true)
            }
        }
    }

    fn check_end(&mut self) -> Result<()> {
        let (parts, entries) = (self.from.read_u64()?, self.from.read_u64()?);
        let digest = self.from.hasher.digest128();
        let written = u128::from_le_bytes(self.from.read()?);
        if digest != written {
            return Err(damaged(format!("has checksum {digest:032x}, expected {written:032x}")));
        }
        if (parts, entries) != (self.parts, self.entries) || &self.from.read::<8>()? != END {
            return Err(damaged("does not end as it should".into()));
        }
        match self.from.is_at_end()? {
            true => Ok(()),
            false => Err(damaged(format!("goes on after its end, at byte {}", self.from.bytes))),
        }
    }

    /// Reads entries until one is there. `None` at the end.
    fn advance(&mut self) -> Result<bool> {
        while !self.ended {
            if self.part.is_none() && !self.next_part()? {
                self.ended = true;
                return Ok(false);
            }
            let number = self.parts;
            match self.part.as_mut().map(RunReader::peek).transpose().map_err(|e| in_part(number, e))?.flatten() {
                Some(RunEntry::Put { key, value }) => {
                    check_entry(key, value)?;
                    if self.last_key.as_deref().is_some_and(|last| key <= last) {
                        return Err(damaged("has keys that do not ascend".into()));
                    }
                    let last = self.last_key.get_or_insert_default();
                    last.clear();
                    last.extend_from_slice(key);
                    self.entries += 1;
                    return Ok(true);
                }
                Some(_) => return Err(damaged("holds a delete".into())),
                None => self.part = None,
            }
        }
        Ok(false)
    }
}

impl<R: Read> RunCursor for SnapshotReader<R> {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        match self.advance()? {
            true => self.part.as_mut().map_or(Ok(None), RunReader::next),
            false => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{key_value::KEY_BYTES_MAX, memory::MemoryBackend};
    use gress_core::ErrorKind;

    fn refused(key: &[u8], stored: &[u8]) -> String {
        let mut stream = Vec::new();
        let mut writer = SnapshotWriter::new(&mut stream).unwrap();
        writer.put(b"", b"\x00whole").unwrap();
        writer.put(key, stored).unwrap();
        writer.finish().unwrap();
        let state = MemoryBackend::open().unwrap();
        state.put(b"before", b"value").unwrap();
        let error = state.restore(&*stream).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert_eq!(state.get(b"before").unwrap(), Some(b"value".to_vec()), "nothing has changed");
        assert!(!state.contains_key(b"").unwrap(), "nothing has changed");
        error.to_string()
    }

    #[test]
    fn a_snapshot_with_a_value_without_a_stamp_is_refused_as_a_whole() {
        for stored in [&b""[..], b"\x03value", b"\x01\x00"] {
            assert!(refused(b"key", stored).contains("does not begin with a stamp"), "{stored:?}");
        }
    }

    #[test]
    fn a_snapshot_with_a_key_beyond_the_limit_is_refused_as_a_whole() {
        let text = refused(&[0xff; KEY_BYTES_MAX + 1], b"\x00value");
        assert!(text.contains("a key has 65537 bytes; valid are 0 to 65536"), "{text}");
    }
}
