//! How the values of single settings are written.

use crate::nearest::nearest;
use gress_core::ByteSize;
use std::{fmt, str::FromStr};

/// A value of a setting, read from text.
pub(crate) trait Setting: Sized {
    /// Reads the value; `Err` says what would be valid.
    fn parse(text: &str) -> Result<Self, String>;

    /// The value as `parse` reads it back.
    fn to_text(&self) -> String;
}

impl Setting for ByteSize {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn to_text(&self) -> String {
        self.exact()
    }
}

impl Setting for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.trim().parse().map_err(|_| format!("`{text}` is neither `true` nor `false`"))
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

impl Setting for u32 {
    fn parse(text: &str) -> Result<Self, String> {
        text.trim().parse().map_err(|_| format!("`{text}` is not a whole number from 0 to {}", u32::MAX))
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

impl Setting for i32 {
    fn parse(text: &str) -> Result<Self, String> {
        text.trim().parse().map_err(|_| format!("`{text}` is not a whole number from -1 to {}", i32::MAX))
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// How blocks are compressed on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Fast, light.
    Snappy,
    /// Fast, a little denser.
    Lz4,
    /// Slower, densest: for state that waits on its disk.
    Zstd,
}

impl Compression {
    const NAMES: [&'static str; 4] = ["none", "snappy", "lz4", "zstd"];

    pub(crate) fn to_rocksdb(self) -> rocksdb::DBCompressionType {
        match self {
            Compression::None => rocksdb::DBCompressionType::None,
            Compression::Snappy => rocksdb::DBCompressionType::Snappy,
            Compression::Lz4 => rocksdb::DBCompressionType::Lz4,
            Compression::Zstd => rocksdb::DBCompressionType::Zstd,
        }
    }
}

impl FromStr for Compression {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Compression::None),
            "snappy" => Ok(Compression::Snappy),
            "lz4" => Ok(Compression::Lz4),
            "zstd" => Ok(Compression::Zstd),
            _ => Err(format!(
                "`{text}` is not a compression: valid are `none`, `snappy`, `lz4` and `zstd`; did you mean `{}`?",
                nearest(text, &Compression::NAMES)
            )),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Compression::NAMES[*self as usize])
    }
}

impl Setting for Compression {
    fn parse(text: &str) -> Result<Self, String> {
        text.trim().to_ascii_lowercase().parse()
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}
