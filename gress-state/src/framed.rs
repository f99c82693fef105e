//! Text with its length and checksum in front: manifests.
//!
//! ```text
//!  gress-manifest 1 1234 0f3c…        what it is, format, bytes of the body, xxh3-128 of the body
//!  { "job": "3fa9c1d2", "id": 12, … }
//! ```

use crate::run::FileDigest;
use gress_core::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};

/// A kind of framed text.
pub(crate) struct Frame {
    /// Its first word.
    pub(crate) magic: &'static str,
    pub(crate) format: u32,
}

impl Frame {
    /// The bytes of a file that holds `body`.
    pub(crate) fn write(&self, body: &impl Serialize) -> Result<Vec<u8>> {
        let mut body = serde_json::to_vec_pretty(body).map_err(|e| Error::damaged(e.to_string()))?;
        body.push(b'\n');
        let digest = FileDigest(xxhash_rust::xxh3::xxh3_128(&body));
        let mut bytes = format!("{} {} {} {digest}\n", self.magic, self.format, body.len()).into_bytes();
        bytes.append(&mut body);
        Ok(bytes)
    }

    /// What a file with these bytes holds.
    ///
    /// # Errors
    /// Bytes of another kind, of a newer format, cut short or changed.
    pub(crate) fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T> {
        let no_manifest = || Error::damaged("it does not begin like a manifest");
        let line_end = bytes.iter().take(128).position(|&b| b == b'\n').ok_or_else(no_manifest)?;
        let header = std::str::from_utf8(&bytes[..line_end]).map_err(|_| no_manifest())?;
        let mut words = header.split(' ');
        let (magic, format, len, digest) = (words.next(), words.next(), words.next(), words.next());
        if magic != Some(self.magic) {
            return Err(no_manifest());
        }
        if format != Some(self.format.to_string().as_str()) {
            let (found, ours) = (format.unwrap_or("?"), self.format);
            return Err(Error::damaged(format!("it has format {found}; this release reads format {ours}")));
        }
        let body = &bytes[line_end + 1..];
        if len != Some(body.len().to_string().as_str()) {
            let expected = len.unwrap_or("?");
            return Err(Error::damaged(format!("it has length {}, expected {expected}", body.len())));
        }
        let found = FileDigest(xxhash_rust::xxh3::xxh3_128(body)).to_string();
        if digest != Some(found.as_str()) {
            return Err(Error::damaged(format!("it has checksum {found}, expected {}", digest.unwrap_or("?"))));
        }
        serde_json::from_slice(body).map_err(|e| Error::damaged(e.to_string()))
    }
}
