//! Store keys: `key group ‖ window ‖ key ‖ element`, and for timers `key group ‖ time ‖ key`.
//!
//! ```text
//!  value    group u16 ‖ key
//!  window   group u16 ‖ start i64 ‖ end i64 ‖ key        a window is one range per key group
//!  map      group u16 ‖ key ‖ map key                    a key's map is one range
//!  list     group u16 ‖ key ‖ chunk u64                  so is its list; its open end is chunk 2^64 - 1
//!  timer    group u16 ‖ time i64 ‖ key                   due timers are one range per key group
//! ```
//!
//! Big-endian, signs flipped, keys and map keys in their order-preserving encoding: bytes sort as the parts do, no store
//! key is a prefix of another, and no other key's elements lie between those of a key.

use crate::key::{MapKey, StateKey, encode_key};
use gress_core::{Error, KeyGroup, Result, Timestamp, key_group::key_hash, ordered};

/// The window part of a store key: two times, or nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum WindowPart {
    /// State that belongs to no window.
    #[default]
    None,
    /// State of the window `start..end`.
    Window(Timestamp, Timestamp),
}

const GROUP_LEN: usize = 2;
const TIME_LEN: usize = 8;

fn push_group(group: KeyGroup, into: &mut Vec<u8>) {
    into.extend_from_slice(&group.0.to_be_bytes());
}

fn push_time(time: Timestamp, into: &mut Vec<u8>) {
    into.extend_from_slice(&((time.as_millis() as u64) ^ (1 << 63)).to_be_bytes());
}

fn read_time(bytes: [u8; TIME_LEN]) -> Timestamp {
    Timestamp::from_millis((u64::from_be_bytes(bytes) ^ (1 << 63)) as i64)
}

/// Appends what all keys of one group and window begin with.
pub(crate) fn push_prefix(group: KeyGroup, window: WindowPart, into: &mut Vec<u8>) {
    push_group(group, into);
    if let WindowPart::Window(start, end) = window {
        push_time(start, into);
        push_time(end, into);
    }
}

/// Appends a timer's store key.
pub(crate) fn push_timer_key(group: KeyGroup, time: Timestamp, encoded_key: &[u8], into: &mut Vec<u8>) {
    push_group(group, into);
    push_time(time, into);
    into.extend_from_slice(encoded_key);
}

/// A store key's parts, with the hash of the key.
pub(crate) struct Parts<'a> {
    pub group: KeyGroup,
    pub times: [Timestamp; 2],
    pub encoded_key: &'a [u8],
    pub hash: u64,
}

/// Takes a store key with `times` times (0, 1 or 2) between group and key apart, and checks that the key belongs to the
/// group.
pub(crate) fn split(store_key: &[u8], times: usize) -> Result<Parts<'_>> {
    let short = || Error::damaged(format!("a store key is cut short: {}", hex(store_key)));
    let (group, mut rest) = store_key.split_first_chunk::<GROUP_LEN>().ok_or_else(short)?;
    let mut found = [Timestamp::MIN; 2];
    for time in found.iter_mut().take(times) {
        let (bytes, after) = rest.split_first_chunk::<TIME_LEN>().ok_or_else(short)?;
        (*time, rest) = (read_time(*bytes), after);
    }
    let (group, encoded_key) = (KeyGroup(u16::from_be_bytes(*group)), rest);
    Ok(Parts { group, times: found, encoded_key, hash: hash_in(group, encoded_key)? })
}

/// The hash of a key that is said to stand in `group`.
fn hash_in(group: KeyGroup, encoded_key: &[u8]) -> Result<u64> {
    let hash = key_hash(encoded_key);
    match KeyGroup::of_hash(hash) {
        of_key if of_key == group => Ok(hash),
        of_key => Err(Error::damaged(format!(
            "the key {} stands in key group {}, it belongs to {}",
            hex(encoded_key),
            group.0,
            of_key.0
        ))),
    }
}

/// An element's store key, taken apart.
pub(crate) struct ElementParts<'a, K> {
    pub key: K,
    pub hash: u64,
    /// Key group and key.
    pub prefix: &'a [u8],
    pub element: &'a [u8],
}

/// Takes the store key of an element of a collection apart.
pub(crate) fn split_element<'a, K: StateKey>(
    store_key: &'a [u8],
    scratch: &mut Vec<u8>,
) -> Result<ElementParts<'a, K>> {
    let short = || Error::damaged(format!("a store key is cut short: {}", hex(store_key)));
    let (group, rest) = store_key.split_first_chunk::<GROUP_LEN>().ok_or_else(short)?;
    let (_, element) = ordered::decode_first::<K>(rest).map_err(|e| no_key::<K>(rest, &e.to_string()))?;
    let encoded_key = &rest[..rest.len() - element.len()];
    let hash = hash_in(KeyGroup(u16::from_be_bytes(*group)), encoded_key)?;
    let prefix = &store_key[..GROUP_LEN + encoded_key.len()];
    Ok(ElementParts { key: decode_key(encoded_key, scratch)?, hash, prefix, element })
}

fn no_key<K>(encoded: &[u8], why: &str) -> Error {
    Error::damaged(format!("{} is no key of type `{}`: {why}", hex(encoded), std::any::type_name::<K>()))
}

/// The key behind its encoding. `scratch` is used to encode it again: a key that has other bytes than those it was read from
/// would be looked for elsewhere, and two store keys could hold one key.
pub(crate) fn decode_key<K: MapKey>(encoded: &[u8], scratch: &mut Vec<u8>) -> Result<K> {
    let key: K = ordered::decode(encoded).map_err(|e| no_key::<K>(encoded, &e.to_string()))?;
    scratch.clear();
    encode_key(&key, scratch)?;
    match scratch == encoded {
        true => Ok(key),
        false => Err(no_key::<K>(encoded, &format!("the key that it gives is encoded as {}", hex(scratch)))),
    }
}

/// Bytes as hexadecimal digits, cut after 32 bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text: String = bytes.iter().take(32).map(|b| format!("{b:02x}")).collect();
    if bytes.len() > 32 {
        text.push('…');
    }
    format!("0x{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_key_in_another_encoding_than_its_own_is_refused() {
        // Elements of a set, each behind a 1, and an end: in order, and not.
        let decode = |encoded: &[u8]| decode_key::<BTreeSet<u8>>(encoded, &mut Vec::new());
        assert_eq!(decode(&[1, 3, 1, 7, 0]).unwrap(), BTreeSet::from([3, 7]));
        for other in [&[1, 7, 1, 3, 0][..], &[1, 3, 1, 3, 1, 7, 0]] {
            let error = decode(other).unwrap_err().to_string();
            assert!(error.ends_with("the key that it gives is encoded as 0x0103010700"), "{error}");
        }
    }
}
