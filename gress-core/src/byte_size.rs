//! Sizes in bytes, as people write them: `128MB`, `64 MiB`, or plain bytes.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// `n` × 1,024 bytes.
    pub const fn kib(n: u64) -> Self {
        ByteSize(n << 10)
    }

    /// `n` × 1,024² bytes.
    pub const fn mib(n: u64) -> Self {
        ByteSize(n << 20)
    }

    /// `n` × 1,024³ bytes.
    pub const fn gib(n: u64) -> Self {
        ByteSize(n << 30)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Without rounding, as it reads back: in the largest unit that needs no fraction (`96KiB`, `512MB`), else in bytes.
    pub fn exact(self) -> String {
        let units = [
            ("GiB", 1 << 30),
            ("GB", 1_000_000_000),
            ("MiB", 1 << 20),
            ("MB", 1_000_000),
            ("KiB", 1 << 10),
            ("KB", 1_000),
        ];
        match units.iter().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit)) {
            Some((name, unit)) => format!("{}{name}", self.0 / unit),
            None => self.0.to_string(),
        }
    }
}

/// `KB`, `MB`, … count in thousands, `KiB`, `MiB`, … in 1,024s; a plain number is bytes.
impl FromStr for ByteSize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.trim().parse::<bytesize::ByteSize>();
        parsed
            .map(|size| ByteSize(size.as_u64()))
            .map_err(|_| format!("`{text}` is not a size: valid are bytes (`134217728`) or a unit (`128MB`, `128MiB`)"))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bytesize::ByteSize(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSize;

    #[test]
    fn an_exact_size_reads_back() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1"),
            (1 << 30, "1GiB"),
            (2_000_000_000, "2GB"),
            (96 << 10, "96KiB"),
            (512_000_000, "512MB"),
            (170_666_666, "170666666"),
        ] {
            assert_eq!(ByteSize(bytes).exact(), text);
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
        }
    }

    #[test]
    fn sizes_take_units_or_plain_bytes() {
        assert_eq!("134217728".parse(), Ok(ByteSize::mib(128)));
        assert_eq!("128MiB".parse(), Ok(ByteSize::mib(128)));
        assert_eq!("128MB".parse(), Ok(ByteSize(128_000_000)));
        assert_eq!("0".parse(), Ok(ByteSize(0)));
        for bad in ["", "x", "12 parsecs", "-1"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }
}
