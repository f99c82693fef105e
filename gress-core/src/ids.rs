//! Identities: of jobs, tasks and checkpoints.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Number of a checkpoint. Manifest ids are one dense sequence over all runs of a job: never reused, never skipped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CheckpointId(pub u64);

impl CheckpointId {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        CheckpointId(self.0 + 1)
    }
}

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job's identity, drawn at random when it first starts and kept in every manifest and committed file name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(pub u32);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl std::str::FromStr for JobId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let valid = text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !valid {
            return Err(format!("`{text}` is not a job id: valid are 8 lower-case hexadecimal digits"));
        }
        u32::from_str_radix(text, 16).map(JobId).map_err(|e| e.to_string())
    }
}

impl Serialize for JobId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Which of the parallel instances of a chain, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubtaskIndex(pub usize);

impl fmt::Display for SubtaskIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A task: one parallel instance of a chain. Prints as `chain#subtask`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TaskId {
    /// Name of the operator at the head of the chain.
    pub chain: String,
    /// Which instance.
    pub subtask: SubtaskIndex,
}

impl TaskId {
    /// Subtask `subtask` of the chain that operator `chain` heads.
    pub fn new(chain: impl Into<String>, subtask: usize) -> Self {
        TaskId { chain: chain.into(), subtask: SubtaskIndex(subtask) }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.chain, self.subtask)
    }
}
