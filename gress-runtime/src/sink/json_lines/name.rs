//! Names of the sink's files: they tell whose a file is and how far it came, without opening it.

use gress_core::{CheckpointId, JobId};
use std::fmt;

/// What one subtask writes for one checkpoint. Prints without its state: `c0000000009-t0-3fa9c1d2`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Transaction {
    pub(super) checkpoint: CheckpointId,
    pub(super) subtask: usize,
    pub(super) job: JobId,
}

/// The name of a file, which is the state of its content. Exactly the names that it prints are parsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FileName {
    /// Committed: `c0000000009-t0-3fa9c1d2.jsonl`.
    Visible(Transaction),
    /// Durable, waiting for its checkpoint: `.c0000000009-t0-3fa9c1d2.e1.staged`.
    Staged(Transaction, u64),
    /// Being written, for a checkpoint that has no number yet: `.t0-3fa9c1d2.e1.7.open`.
    Open { subtask: usize, job: JobId, epoch: u64, counter: u64 },
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{:010}-t{}-{}", self.checkpoint.0, self.subtask, self.job)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileName::Visible(transaction) => write!(f, "{transaction}.jsonl"),
            FileName::Staged(transaction, epoch) => write!(f, ".{transaction}.e{epoch}.staged"),
            FileName::Open { subtask, job, epoch, counter } => write!(f, ".t{subtask}-{job}.e{epoch}.{counter}.open"),
        }
    }
}

impl FileName {
    /// `None` for a name that the sink never gives.
    pub(super) fn parse(name: &str) -> Option<FileName> {
        // The way back decides: no other spelling of the same numbers passes.
        FileName::parse_loosely(name).filter(|parsed| parsed.to_string() == name)
    }

    fn parse_loosely(name: &str) -> Option<FileName> {
        if let Some(stem) = name.strip_suffix(".jsonl") {
            return Some(FileName::Visible(Transaction::parse(stem)?));
        }
        let hidden = name.strip_prefix('.')?;
        if let Some(stem) = hidden.strip_suffix(".staged") {
            let (transaction, epoch) = stem.split_once(".e")?;
            return Some(FileName::Staged(Transaction::parse(transaction)?, epoch.parse().ok()?));
        }
        let (writer, rest) = hidden.strip_suffix(".open")?.split_once(".e")?;
        let (epoch, counter) = rest.split_once('.')?;
        let (subtask, job) = writer.strip_prefix('t')?.split_once('-')?;
        Some(FileName::Open {
            subtask: subtask.parse().ok()?,
            job: job.parse().ok()?,
            epoch: epoch.parse().ok()?,
            counter: counter.parse().ok()?,
        })
    }
}

impl Transaction {
    fn parse(stem: &str) -> Option<Transaction> {
        let mut parts = stem.split('-');
        let transaction = Transaction {
            checkpoint: CheckpointId(parts.next()?.strip_prefix('c')?.parse().ok()?),
            subtask: parts.next()?.strip_prefix('t')?.parse().ok()?,
            job: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_what_people_are_told() {
        let transaction = Transaction { checkpoint: CheckpointId(9), subtask: 0, job: JobId(0x3fa9_c1d2) };
        assert_eq!(FileName::Visible(transaction).to_string(), "c0000000009-t0-3fa9c1d2.jsonl");
        assert_eq!(FileName::Staged(transaction, 2).to_string(), ".c0000000009-t0-3fa9c1d2.e2.staged");
        let open = FileName::Open { subtask: 3, job: transaction.job, epoch: 2, counter: 7 };
        assert_eq!(open.to_string(), ".t3-3fa9c1d2.e2.7.open");
    }

    #[test]
    fn no_other_spelling_is_taken_for_ours() {
        for name in [
            "",
            ".",
            ".jsonl",
            "c9-t0-3fa9c1d2.jsonl",
            "c00000000009-t0-3fa9c1d2.jsonl",
            "c+000000009-t0-3fa9c1d2.jsonl",
            "c0000000009-t+0-3fa9c1d2.jsonl",
            "c0000000009-t00-3fa9c1d2.jsonl",
            "c0000000009-t0-3FA9C1D2.jsonl",
            "c0000000009-t0-3fa9c1d.jsonl",
            "c0000000009-t0-3fa9c1d2-1.jsonl",
            "c0000000009-t0-3fa9c1d2.jsonl.jsonl",
            "../c0000000009-t0-3fa9c1d2.jsonl",
            "c99999999999999999999-t0-3fa9c1d2.jsonl",
            ".c0000000009-t0-3fa9c1d2.staged",
            ".c0000000009-t0-3fa9c1d2.e01.staged",
            ".c0000000009-t0-3fa9c1d2.e1.jsonl",
            ".t0-3fa9c1d2.e1.open",
            ".t0-3fa9c1d2.e1.-1.open",
            "t0-3fa9c1d2.e1.1.open",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }

    fn any_name() -> impl Strategy<Value = FileName> {
        (0..3, any::<u64>(), any::<usize>(), any::<u32>(), any::<u64>(), any::<u64>()).prop_map(
            |(state, checkpoint, subtask, job, epoch, counter)| {
                let job = JobId(job);
                let transaction = Transaction { checkpoint: CheckpointId(checkpoint), subtask, job };
                match state {
                    0 => FileName::Visible(transaction),
                    1 => FileName::Staged(transaction, epoch),
                    _ => FileName::Open { subtask, job, epoch, counter },
                }
            },
        )
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in any_name()) {
            prop_assert_eq!(FileName::parse(&name.to_string()), Some(name));
        }

        #[test]
        fn any_text_is_parsed_without_panic_and_only_to_itself(text in "\\.?[ct]?[0-9a-f.+-]{0,30}(\\.jsonl|\\.staged|\\.open)?") {
            if let Some(name) = FileName::parse(&text) {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
