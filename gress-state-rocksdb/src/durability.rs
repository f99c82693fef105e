//! What a write survives once its call has returned.

use crate::{nearest::nearest, setting::Setting};
use std::{fmt, str::FromStr};

/// What a write to a plain key-value state survives once its call has returned. A job's state is always
/// [`Durability::Checkpoint`].
///
/// | | death of the process | crash of the system, power cut |
/// |---|---|---|
/// | [`Durability::Checkpoint`] | what the last checkpoint holds | what the last checkpoint holds |
/// | [`Durability::Wal`] | every write | all writes up to some moment: a prefix of them, in their order |
/// | [`Durability::WalSync`] | every write | every write |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// No log is written. What survives is what `create_checkpoint` has written, or what `close` has left behind; the
    /// files of a process that ended without `close` are refused.
    Checkpoint,
    /// Each write is in the log, and the system's to write to the disk.
    #[default]
    Wal,
    /// Each write is in the log and on the disk.
    WalSync,
}

impl Durability {
    const NAMES: [&'static str; 3] = ["checkpoint", "wal", "wal_sync"];

    /// The name in `durability`.
    pub fn name(self) -> &'static str {
        Durability::NAMES[self as usize]
    }

    /// RocksDB's options for a write.
    pub(crate) fn write_options(self) -> rocksdb::WriteOptions {
        let mut options = rocksdb::WriteOptions::default();
        options.disable_wal(self == Durability::Checkpoint);
        options.set_sync(self == Durability::WalSync);
        options
    }
}

impl FromStr for Durability {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "checkpoint" => Ok(Durability::Checkpoint),
            "wal" => Ok(Durability::Wal),
            "wal_sync" => Ok(Durability::WalSync),
            _ => Err(format!(
                "`{text}` is not a durability: valid are `checkpoint`, `wal` and `wal_sync`; did you mean `{}`?",
                nearest(text, &Durability::NAMES)
            )),
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Setting for Durability {
    fn parse(text: &str) -> Result<Self, String> {
        text.trim().to_ascii_lowercase().parse()
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}
