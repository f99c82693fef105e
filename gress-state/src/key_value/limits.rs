//! How large keys and values may be.

use gress_core::{Error, Result};

/// The longest key, in bytes: 64 KiB.
pub const KEY_BYTES_MAX: usize = 64 << 10;
/// The longest value, in bytes: 1 GiB.
pub const VALUE_BYTES_MAX: usize = 1 << 30;

/// A key after every key that there can be.
pub(super) fn after_every_key() -> Vec<u8> {
    vec![0xff; KEY_BYTES_MAX + 1]
}

#[inline]
pub(super) fn check_key(key: &[u8]) -> Result<()> {
    match key.len() <= KEY_BYTES_MAX {
        true => Ok(()),
        false => Err(too_long("key", key.len(), KEY_BYTES_MAX)),
    }
}

#[inline]
pub(super) fn check_value(value: &[u8]) -> Result<()> {
    match value.len() <= VALUE_BYTES_MAX {
        true => Ok(()),
        false => Err(too_long("value", value.len(), VALUE_BYTES_MAX)),
    }
}

#[cold]
fn too_long(what: &str, len: usize, max: usize) -> Error {
    Error::argument(format!("a {what} has {len} bytes; valid are 0 to {max}"))
}
