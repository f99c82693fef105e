//! The file format of a run, to the byte. `docs/formats.md` draws it.
//!
//! ```text
//!  header  "GRESSRUN" ‖ version u16 ‖ 0 u16 ‖ 0 u32                                     16 bytes
//!  block*  entry* ‖ checksum u64 of the entries
//!  index   per block: offset u64 ‖ length u32 ‖ entries u32 ‖ key length u32 ‖ first key
//!  footer  index offset u64 ‖ index length u64 ‖ entries u64 ‖ index checksum u64 ‖ "GRESSEND"   40 bytes
//!
//!  entry   kind u8 ‖ key length varint ‖ key ‖ (put: value length varint ‖ value; range: end length varint ‖ end)
//! ```
//!
//! Integers are little-endian, checksums xxh3-64. A reader checks each block before it looks at its entries.

use super::RunEntry;
use gress_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, fs::File, io::Read, path::Path};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

pub(super) const MAGIC: &[u8; 8] = b"GRESSRUN";
pub(super) const END: &[u8; 8] = b"GRESSEND";
pub(super) const VERSION: u16 = 1;
pub(super) const HEADER_LEN: usize = 16;
pub(super) const FOOTER_LEN: usize = 40;
/// A block is closed when it has at least this many bytes of entries.
pub(super) const BLOCK_BYTES: usize = 32 << 10;

const PUT: u8 = 0;
const DELETE: u8 = 1;
const DELETE_RANGE: u8 = 2;

/// The checksum of a whole file: xxh3-128, printed as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileDigest(pub u128);

impl fmt::Display for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for FileDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = u128::from_str_radix(&text, 16).ok().filter(|_| text.len() == 32);
        parsed.map(FileDigest).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not 32 hexadecimal digits")))
    }
}

/// Length and checksum of a written file: what a manifest says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileSummary {
    /// Length in bytes.
    pub bytes: u64,
    /// Checksum of all bytes.
    pub digest: FileDigest,
}

impl FileSummary {
    /// The summary of a file that exists, read from its beginning to its end.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of_file(path: &Path) -> Result<Self> {
        FileSummary::of(File::open(path)).map_err(|e| Error::io("read", path, e))
    }

    fn of(file: std::io::Result<File>) -> std::io::Result<Self> {
        let mut file = file?;
        let (mut hasher, mut bytes, mut buffer) = (Xxh3Default::new(), 0, vec![0; 1 << 18]);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(FileSummary { bytes, digest: FileDigest(hasher.digest128()) }),
                Ok(read) => {
                    hasher.update(&buffer[..read]);
                    bytes += read as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Where a block lies, and what it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockHandle {
    pub offset: u64,
    pub len: u32,
    pub entries: u32,
    pub first_key: Vec<u8>,
}

pub(super) fn header() -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header
}

pub(super) fn check_header(header: &[u8]) -> Result<()> {
    if header.len() < HEADER_LEN || &header[..8] != MAGIC {
        return Err(Error::damaged("not a run: the file does not begin with `GRESSRUN`"));
    }
    match u16::from_le_bytes([header[8], header[9]]) {
        VERSION => Ok(()),
        newer => Err(Error::damaged(format!("a run of format {newer}; this release reads format {VERSION}"))),
    }
}

pub(super) fn encode_index(blocks: &[BlockHandle]) -> Vec<u8> {
    let mut index = Vec::new();
    for block in blocks {
        index.extend_from_slice(&block.offset.to_le_bytes());
        index.extend_from_slice(&block.len.to_le_bytes());
        index.extend_from_slice(&block.entries.to_le_bytes());
        index.extend_from_slice(&(block.first_key.len() as u32).to_le_bytes());
        index.extend_from_slice(&block.first_key);
    }
    index
}

pub(super) fn decode_index(mut bytes: &[u8], index_offset: u64) -> Result<Vec<BlockHandle>> {
    let mut blocks = Vec::new();
    let mut end = HEADER_LEN as u64;
    while !bytes.is_empty() {
        let offset = u64::from_le_bytes(take(&mut bytes)?);
        let len = u32::from_le_bytes(take(&mut bytes)?);
        let entries = u32::from_le_bytes(take(&mut bytes)?);
        let key_len = u32::from_le_bytes(take(&mut bytes)?) as usize;
        let first_key = bytes.split_off(..key_len).ok_or_else(|| Error::damaged("the index of a run is cut short"))?;
        if offset != end || len < 8 {
            return Err(Error::damaged("the index of a run has blocks that do not follow each other"));
        }
        end = offset.saturating_add(len.into());
        blocks.push(BlockHandle { offset, len, entries, first_key: first_key.to_vec() });
    }
    match end == index_offset {
        true => Ok(blocks),
        false => Err(Error::damaged("the blocks of a run do not end where its index begins")),
    }
}

pub(super) fn encode_footer(index_offset: u64, index: &[u8], entries: u64) -> [u8; FOOTER_LEN] {
    let mut footer = [0; FOOTER_LEN];
    footer[..8].copy_from_slice(&index_offset.to_le_bytes());
    footer[8..16].copy_from_slice(&(index.len() as u64).to_le_bytes());
    footer[16..24].copy_from_slice(&entries.to_le_bytes());
    footer[24..32].copy_from_slice(&xxh3_64(index).to_le_bytes());
    footer[32..].copy_from_slice(END);
    footer
}

/// What the footer says: where the index lies, its checksum, and how many entries the run has.
pub(super) struct Footer {
    pub index_offset: u64,
    pub index_len: u64,
    pub entries: u64,
    pub index_checksum: u64,
}

pub(super) fn decode_footer(mut bytes: &[u8]) -> Result<Footer> {
    if bytes.len() != FOOTER_LEN || &bytes[32..] != END {
        return Err(Error::damaged("a run does not end with its footer: it is cut short"));
    }
    Ok(Footer {
        index_offset: u64::from_le_bytes(take(&mut bytes)?),
        index_len: u64::from_le_bytes(take(&mut bytes)?),
        entries: u64::from_le_bytes(take(&mut bytes)?),
        index_checksum: u64::from_le_bytes(take(&mut bytes)?),
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>().ok_or_else(|| Error::damaged("a run is cut short"))?;
    *bytes = rest;
    Ok(*first)
}

/// Appends an entry to a block.
pub(super) fn encode_entry(entry: RunEntry<'_>, into: &mut Vec<u8>) {
    let (kind, key, rest) = match entry {
        RunEntry::Put { key, value } => (PUT, key, Some(value)),
        RunEntry::Delete { key } => (DELETE, key, None),
        RunEntry::DeleteRange { start, end } => (DELETE_RANGE, start, Some(end)),
    };
    into.push(kind);
    push_bytes(key, into);
    if let Some(rest) = rest {
        push_bytes(rest, into);
    }
}

/// The entry at `at` of a block whose checksum was right, and where the next one begins.
pub(super) fn decode_entry(block: &[u8], mut at: usize) -> Result<(RunEntry<'_>, usize)> {
    let kind = *block.get(at).ok_or_else(cut_short)?;
    at += 1;
    let key = take_bytes(block, &mut at)?;
    let entry = match kind {
        PUT => RunEntry::Put { key, value: take_bytes(block, &mut at)? },
        DELETE => RunEntry::Delete { key },
        DELETE_RANGE => RunEntry::DeleteRange { start: key, end: take_bytes(block, &mut at)? },
        other => return Err(Error::damaged(format!("a run has an entry of unknown kind {other}"))),
    };
    Ok((entry, at))
}

fn push_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    let mut len = bytes.len() as u64;
    while len >= 0x80 {
        into.push(len as u8 | 0x80);
        len >>= 7;
    }
    into.push(len as u8);
    into.extend_from_slice(bytes);
}

fn take_bytes<'a>(block: &'a [u8], at: &mut usize) -> Result<&'a [u8]> {
    let mut len = 0_u64;
    for shift in (0..).step_by(7).take(5) {
        let byte = *block.get(*at).ok_or_else(cut_short)?;
        *at += 1;
        len |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let end = at.checked_add(len as usize).ok_or_else(cut_short)?;
            let bytes = block.get(*at..end).ok_or_else(cut_short)?;
            *at = end;
            return Ok(bytes);
        }
    }
    Err(Error::damaged("a run has an entry longer than 32 GiB"))
}

fn cut_short() -> Error {
    Error::damaged("a block of a run ends within an entry")
}
