//! The manifest: the file whose existence makes a checkpoint exist.
//!
//! One header line with length and checksum, then JSON that people and tools can read.

use super::{chain::Chain, paths::check_file_name};
use crate::{framed::Frame, run::FileDigest, table::StateDescription};
use gress_core::{CheckpointId, Error, JobId, Result, StateName, TaskId, codec, key_group};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FRAME: Frame = Frame { magic: "gress-manifest", format: 1 };

/// What a checkpoint consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The job it belongs to.
    pub job: JobId,
    /// The checkpoint's number.
    pub id: CheckpointId,
    /// Which start of the job wrote it, counted from 1.
    pub epoch: u64,
    /// For a claim, with which a starting job takes the next id: the checkpoint whose content it repeats (0 for none).
    /// For a checkpoint, its own id.
    pub origin: CheckpointId,
    /// Whether events may follow.
    pub ending: Ending,
    /// The job's name in its config.
    pub job_name: String,
    /// The state backend of the job.
    pub backend: String,
    /// Tasks of each keyed chain.
    pub parallelism: usize,
    /// Key groups of the job.
    pub key_groups: u16,
    /// The hash that deals keys out over key groups.
    pub key_hash: String,
    /// The codec of values.
    pub codec: String,
    /// Sources by operator name.
    pub sources: BTreeMap<String, SourceSnapshot>,
    /// Sinks by operator name.
    pub sinks: BTreeMap<String, SinkSnapshot>,
    /// Tasks that had something to say.
    pub tasks: Vec<TaskSnapshot>,
}

/// How the job stood when the checkpoint was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It went on.
    Running,
    /// It was told to stop.
    Stopped,
    /// Its input had ended: nothing is left to do.
    Finished,
}

/// What identifies the input of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSnapshot {
    /// A digest of the input.
    pub fingerprint: String,
    /// Partitions of the input.
    pub partitions: usize,
}

/// The output of a sink up to a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkSnapshot {
    /// Transactions of all checkpoints up to this one, the pending ones included.
    pub transactions: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What this checkpoint commits: to be committed again, harmlessly, by whoever restores it.
    pub pending: Vec<PendingTransaction>,
    /// After going back behind committed output: what of it was not emitted again yet, as digest of a record to count.
    #[serde(default, skip_serializing_if = "chain_is_empty")]
    pub to_replay: Chain,
}

fn chain_is_empty(chain: &Chain) -> bool {
    chain.runs.is_empty()
}

/// Output that becomes visible once its checkpoint is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingTransaction {
    /// Name under which it waits.
    pub staged: String,
    /// Name under which it becomes visible.
    pub visible: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
    /// Checksum of its bytes.
    pub digest: FileDigest,
}

/// What one task contributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// The task.
    pub task: TaskId,
    /// State of operators that is not keyed: positions of sources, watermarks.
    pub operators: Vec<OperatorState>,
    /// Keyed states.
    pub states: Vec<StateSnapshot>,
}

/// The state of an operator that is not keyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorState {
    /// Which operator, and what of it.
    pub name: String,
    /// A number for each source partition of the task: a position, or a time in milliseconds.
    pub values: BTreeMap<usize, i64>,
}

/// One keyed state of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSnapshot {
    /// Its name.
    pub name: StateName,
    /// What tools need to know to read it.
    #[serde(flatten)]
    pub description: StateDescription,
    /// Its content.
    pub chain: Chain,
}

impl Manifest {
    /// The bytes of the manifest's file.
    ///
    /// # Errors
    /// None in practice: a manifest is plain data.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        FRAME.write(self)
    }

    /// The manifest whose file has these bytes.
    ///
    /// # Errors
    /// Bytes that are no manifest, of a newer format, cut short or changed; names that are no file names.
    pub fn from_bytes(bytes: &[u8]) -> Result<Manifest> {
        let manifest: Manifest = FRAME.read(bytes)?;
        manifest.chains().flat_map(|c| &c.runs).filter_map(|r| r.file()).try_for_each(check_file_name)?;
        Ok(manifest)
    }

    /// Whether the manifest only claims an id, repeating the content of another.
    pub fn is_claim(&self) -> bool {
        self.origin != self.id
    }

    /// All chains of runs.
    pub fn chains(&self) -> impl Iterator<Item = &Chain> {
        let states = self.tasks.iter().flat_map(|t| &t.states).map(|s| &s.chain);
        states.chain(self.sinks.values().map(|s| &s.to_replay))
    }

    /// Bytes of keyed state: the runs of all states.
    pub fn state_bytes(&self) -> u64 {
        let states = self.tasks.iter().flat_map(|t| &t.states);
        states.flat_map(|state| &state.chain.runs).fold(0, |sum, run| sum.saturating_add(run.summary.bytes))
    }

    /// All files that the checkpoint consists of, its manifest aside.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.chains().flat_map(|chain| &chain.runs).filter_map(|run| run.file())
    }

    /// What of formats the checkpoint was written with that this release does not read.
    ///
    /// # Errors
    /// Another number of key groups, hash or codec, with both names.
    pub fn check_formats(&self) -> Result<()> {
        let facts = [
            ("key groups", self.key_groups.to_string(), key_group::KEY_GROUPS.to_string()),
            ("the key hash", self.key_hash.clone(), key_group::KEY_HASH.to_owned()),
            ("the codec", self.codec.clone(), codec::NAME.to_owned()),
        ];
        match facts.iter().find(|(_, stored, ours)| stored != ours) {
            None => Ok(()),
            Some((what, stored, ours)) => {
                Err(Error::refused(format!("checkpoint {} has {what} {stored}, this release has {ours}", self.id)))
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn manifest(id: u64, origin: u64) -> Manifest {
        Manifest {
            job: JobId(7),
            id: CheckpointId(id),
            epoch: 1,
            origin: CheckpointId(origin),
            ending: Ending::Running,
            job_name: "test".into(),
            backend: "memory".into(),
            parallelism: 2,
            key_groups: key_group::KEY_GROUPS,
            key_hash: key_group::KEY_HASH.into(),
            codec: codec::NAME.into(),
            sources: BTreeMap::new(),
            sinks: BTreeMap::from([("out".to_owned(), SinkSnapshot::default())]),
            tasks: Vec::new(),
        }
    }

    #[test]
    fn a_manifest_comes_back() {
        let manifest = manifest(3, 3);
        assert_eq!(Manifest::from_bytes(&manifest.to_bytes().unwrap()).unwrap(), manifest);
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_noticed(at in 0..10_000_usize, bit in 0..8_u32) {
            let mut bytes = manifest(3, 3).to_bytes().unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(Manifest::from_bytes(&bytes).is_err());
        }

        #[test]
        fn any_truncation_is_noticed(len in 0..10_000_usize) {
            let bytes = manifest(3, 3).to_bytes().unwrap();
            prop_assert!(Manifest::from_bytes(&bytes[..len % bytes.len()]).is_err());
        }
    }

    #[test]
    fn other_formats_are_refused_with_both_names() {
        let other = Manifest { key_groups: 256, ..manifest(3, 3) };
        let text = other.check_formats().unwrap_err().to_string();
        assert_eq!(text, "checkpoint 3 has key groups 256, this release has 128");
    }
}
