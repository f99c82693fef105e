//! Makes the checksums and lengths of hostile bytes fit, so that what lies behind them is reached.

use base64::{Engine, engine::general_purpose::STANDARD};
use gress_state::run::FileDigest;
use serde_json::Value;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

const HEADER_LEN: usize = 16;
const FOOTER_LEN: usize = 40;

/// Mends header, footer, and the checksums of blocks and index of what looks like a run. The rest stays hostile.
pub(crate) fn run(bytes: &mut [u8]) {
    let Some(footer) = bytes.len().checked_sub(FOOTER_LEN).filter(|at| *at >= HEADER_LEN) else { return };
    bytes[..10].copy_from_slice(b"GRESSRUN\x01\x00");
    bytes[footer + 32..].copy_from_slice(b"GRESSEND");
    let index = number(bytes, footer).min(footer as u64) as usize;
    bytes[footer..footer + 8].copy_from_slice(&(index as u64).to_le_bytes());
    bytes[footer + 8..footer + 16].copy_from_slice(&((footer - index) as u64).to_le_bytes());
    let (mut at, mut block, mut entries) = (index, HEADER_LEN, 0_u64);
    while at + 20 <= footer {
        let fields = number(bytes, at + 8);
        let (len, count) = (fields as u32 as usize, fields >> 32);
        let key_len = number(bytes, at + 12) >> 32;
        bytes[at..at + 8].copy_from_slice(&(block as u64).to_le_bytes());
        if len >= 8 && block.checked_add(len).is_some_and(|end| end <= index) {
            checksum(&mut bytes[block..block + len]);
        }
        (block, entries) = (block.saturating_add(len), entries.saturating_add(count));
        at = at.saturating_add(20).saturating_add(key_len as usize);
    }
    bytes[footer + 16..footer + 24].copy_from_slice(&entries.to_le_bytes());
    let digest = xxh3_64(&bytes[index..footer]);
    bytes[footer + 24..footer + 32].copy_from_slice(&digest.to_le_bytes());
}

/// A run of one block with these bytes as its entries.
pub(crate) fn run_of(entries: &[u8]) -> Vec<u8> {
    let mut bytes = [b"GRESSRUN\x01\x00\0\0\0\0\0\0", entries, &[0; 8]].concat();
    let index = bytes.len();
    let (count, first_key) = parse(entries);
    bytes.extend_from_slice(&(HEADER_LEN as u64).to_le_bytes());
    bytes.extend_from_slice(&((entries.len() + 8) as u32).to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(&(first_key.len() as u32).to_le_bytes());
    bytes.extend_from_slice(first_key);
    bytes.extend_from_slice(&(index as u64).to_le_bytes());
    bytes.extend_from_slice(&[0; FOOTER_LEN - 8]);
    run(&mut bytes);
    bytes
}

/// How many entries a block has, and its first key. The same format as in gress-state, read by other code.
fn parse(entries: &[u8]) -> (u32, &[u8]) {
    let (mut rest, mut count, mut first) = (entries, 0, None);
    while let Some((&kind, after)) = rest.split_first() {
        let key;
        (key, rest) = bytes_of(after);
        first = first.or(Some(key));
        if kind != 1 {
            (_, rest) = bytes_of(rest);
        }
        count += 1;
    }
    (count, first.unwrap_or_default())
}

fn bytes_of(bytes: &[u8]) -> (&[u8], &[u8]) {
    let varint = bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let (varint, rest) = bytes.split_at(varint.min(bytes.len()));
    let digits = varint.iter().take(5).enumerate();
    let len: u64 = digits.map(|(at, byte)| u64::from(byte & 0x7f) << (7 * at)).sum();
    rest.split_at(rest.len().min(len as usize))
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes are 8 bytes"))
}

fn checksum(block: &mut [u8]) {
    let (entries, digest) = block.split_at_mut(block.len() - 8);
    digest.copy_from_slice(&xxh3_64(entries).to_le_bytes());
}

/// A manifest with this body.
pub(crate) fn manifest(body: &[u8]) -> Vec<u8> {
    framed("gress-manifest", body)
}

/// The manifest of a key-value checkpoint with this body.
pub(crate) fn key_value_manifest(body: &[u8]) -> Vec<u8> {
    framed("gress-key-value-checkpoint", body)
}

fn framed(magic: &str, body: &[u8]) -> Vec<u8> {
    let digest = FileDigest(xxh3_128(body));
    [format!("{magic} 1 {} {digest}\n", body.len()).as_bytes(), body].concat()
}

/// Length and checksum of a file, as a manifest has them.
pub(crate) fn summary(file: &[u8]) -> Value {
    serde_json::json!({ "bytes": file.len(), "digest": FileDigest(xxh3_128(file)).to_string() })
}

const SNAPSHOT_HEADER_LEN: usize = 20;

/// What looks like a snapshot, with a header and an end that fit and parts that are runs. The rest stays hostile.
pub(crate) fn snapshot(bytes: &[u8]) -> Vec<u8> {
    let mut rest = bytes.get(SNAPSHOT_HEADER_LEN..).unwrap_or_default();
    let mut parts = Vec::new();
    while let Some((len, after)) = rest.split_first_chunk() {
        let len = u64::from_le_bytes(*len) as usize;
        if len == 0 || len > after.len() {
            break;
        }
        let (part, after) = after.split_at(len);
        parts.push(part.to_vec());
        run(parts.last_mut().expect("it was just pushed"));
        rest = after;
    }
    snapshot_of(&parts)
}

/// A snapshot of these runs.
pub(crate) fn snapshot_of(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"GRESSNAP\x01\x00\x01\x00".to_vec();
    bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
    let mut entries = 0_u64;
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
        let footer = part.len().checked_sub(FOOTER_LEN);
        entries = entries.saturating_add(footer.map_or(0, |footer| number(part, footer + 16)));
    }
    for word in [0, parts.len() as u64, entries] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    let digest = xxh3_128(&bytes);
    bytes.extend_from_slice(&digest.to_le_bytes());
    bytes.extend_from_slice(b"GRESSEND");
    bytes
}

/// The body of a manifest in which the lengths, digests and checksums of all runs fit: inline ones that are no base 64 stay as
/// they are.
pub(crate) fn inline_runs(body: &mut Value) {
    if let Some(text) = body.pointer("/content/inline").and_then(Value::as_str)
        && let Ok(mut bytes) = STANDARD.decode(text)
    {
        run(&mut bytes);
        body["content"]["inline"] = STANDARD.encode(&bytes).into();
        body["bytes"] = bytes.len().into();
        body["digest"] = FileDigest(xxh3_128(&bytes)).to_string().into();
    }
    match body {
        Value::Array(values) => values.iter_mut().for_each(inline_runs),
        Value::Object(fields) => fields.values_mut().for_each(inline_runs),
        _ => {}
    }
}
