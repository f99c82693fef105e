//! Store keys: `key group ‖ window ‖ key`, and for timers `key group ‖ time ‖ key`.
//!
//! ```text
//!  value    group u16 ‖ key
//!  window   group u16 ‖ start i64 ‖ end i64 ‖ key        a window is one range per key group
//!  timer    group u16 ‖ time i64 ‖ key                   due timers are one range per key group
//! ```
//!
//! Big-endian, signs flipped, keys in their order-preserving encoding: bytes sort as the parts do, and no store key is a
//! prefix of another.

use crate::key::{StateKey, encode_key};
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

/// Appends a whole store key.
pub(crate) fn push_store_key<K: StateKey>(
    group: KeyGroup,
    window: WindowPart,
    key: &K,
    into: &mut Vec<u8>,
) -> Result<()> {
    push_prefix(group, window, into);
    encode_key(key, into)
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
    let (group, hash) = (KeyGroup(u16::from_be_bytes(*group)), key_hash(rest));
    match KeyGroup::of_hash(hash) {
        of_key if of_key == group => Ok(Parts { group, times: found, encoded_key: rest, hash }),
        of_key => Err(Error::damaged(format!(
            "the key {} stands in key group {}, it belongs to {}",
            hex(rest),
            group.0,
            of_key.0
        ))),
    }
}

/// The key behind its encoding. `scratch` is used to encode it again: a key that has other bytes than those it was read from
/// would be looked for elsewhere, and two store keys could hold one key.
pub(crate) fn decode_key<K: StateKey>(encoded: &[u8], scratch: &mut Vec<u8>) -> Result<K> {
    let no_key = |why: String| {
        Error::damaged(format!("{} is no key of type `{}`: {why}", hex(encoded), std::any::type_name::<K>()))
    };
    let key: K = ordered::decode(encoded).map_err(|e| no_key(e.to_string()))?;
    scratch.clear();
    encode_key(&key, scratch)?;
    match scratch == encoded {
        true => Ok(key),
        false => Err(no_key(format!("the key that it gives is encoded as {}", hex(scratch)))),
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
