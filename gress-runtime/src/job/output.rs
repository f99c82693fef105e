//! What is done about a sink's output when a job starts: decided from what the checkpoint says and what is there, before
//! anything is changed.

use crate::sink::OutputListing;
use gress_core::{CheckpointId, Error, JobId, Result};
use gress_state::checkpoint::{PendingTransaction, SinkSnapshot};

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OutputPlan {
    /// To be committed, for the second time perhaps.
    pub commit: Vec<PendingTransaction>,
    /// Visible transactions of checkpoints behind which the job goes back: their records will be emitted again and must
    /// not become visible a second time. With the subtask that wrote them.
    pub replayed: Vec<(String, usize)>,
    /// All visible transactions once `commit` is done.
    pub transactions: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Checks the output of a sink without state: it must be empty.
pub(crate) fn plan_fresh(listing: &OutputListing, location: &str, state: &str) -> Result<OutputPlan> {
    match listing.visible.len() + listing.foreign.len() {
        0 => Ok(OutputPlan::default()),
        files => Err(Error::refused(format!(
            "`{location}` holds {files} files, but `{state}` has no state that they belong to: \
             use an empty output directory, or the state directory of the job that wrote them"
        ))),
    }
}

/// Checks the output of a sink against the checkpoint `restored` of job `job`.
pub(crate) fn plan_restored(
    listing: &OutputListing,
    location: &str,
    snapshot: &SinkSnapshot,
    job: JobId,
    restored: CheckpointId,
) -> Result<OutputPlan> {
    if let Some(other) = listing.visible.iter().find(|t| t.job != job) {
        return Err(Error::refused(format!(
            "`{location}` holds `{}`, which job {} wrote; the state belongs to job {job}",
            other.name, other.job
        )));
    }
    let (before, beyond): (Vec<_>, Vec<_>) = listing.visible.iter().partition(|t| t.checkpoint <= restored);
    let visible = |pending: &&PendingTransaction| before.iter().any(|t| t.name == pending.visible);
    let (committed, waiting): (Vec<_>, Vec<_>) = snapshot.pending.iter().partition(visible);
    if let Some(lost) = waiting.iter().find(|p| !listing.staged.contains(&p.staged)) {
        return Err(Error::refused(format!(
            "checkpoint {restored} has the output `{}`, which is neither committed nor waiting in `{location}`",
            lost.visible
        )));
    }
    // In 128 bits: what a checkpoint says may be anything.
    let sum = |bytes: &mut dyn Iterator<Item = u64>| bytes.map(u128::from).sum::<u128>();
    let found = (before.len() + waiting.len()) as u64;
    let found_bytes = sum(&mut before.iter().map(|t| t.bytes)) + sum(&mut waiting.iter().map(|p| p.bytes));
    if (found, found_bytes) != (snapshot.transactions, snapshot.bytes.into()) {
        return Err(Error::refused(format!(
            "`{location}` holds {found} committed files of {found_bytes} bytes up to checkpoint {restored}, \
             the checkpoint says {} of {} bytes: output that was committed is missing, changed, or of another job",
            snapshot.transactions, snapshot.bytes
        )));
    }
    Ok(OutputPlan {
        commit: committed.into_iter().chain(waiting).cloned().collect(),
        replayed: beyond.iter().map(|t| (t.name.clone(), t.subtask)).collect(),
        transactions: found + beyond.len() as u64,
        bytes: u64::try_from(found_bytes + sum(&mut beyond.iter().map(|t| t.bytes))).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::VisibleTransaction;
    use gress_state::{checkpoint::Chain, run::FileDigest};

    const JOB: JobId = JobId(7);

    fn visible(checkpoint: u64, job: JobId) -> VisibleTransaction {
        VisibleTransaction {
            name: format!("c{checkpoint}"),
            job,
            checkpoint: CheckpointId(checkpoint),
            subtask: 0,
            bytes: 10,
        }
    }

    fn pending(checkpoint: u64) -> PendingTransaction {
        PendingTransaction {
            staged: format!(".c{checkpoint}"),
            visible: format!("c{checkpoint}"),
            bytes: 10,
            records: 1,
            digest: FileDigest(0),
        }
    }

    fn snapshot(transactions: u64, pending: Vec<PendingTransaction>) -> SinkSnapshot {
        SinkSnapshot { transactions, bytes: transactions * 10, pending, to_replay: Chain::default() }
    }

    fn plan(listing: &OutputListing, snapshot: &SinkSnapshot) -> Result<OutputPlan> {
        plan_restored(listing, "out", snapshot, JOB, CheckpointId(3))
    }

    #[test]
    fn a_commit_that_was_cut_short_is_finished() {
        let listing = OutputListing {
            visible: vec![visible(1, JOB), visible(3, JOB)],
            staged: vec![".c3b".into(), ".c4".into()],
            foreign: Vec::new(),
        };
        let waiting = PendingTransaction { staged: ".c3b".into(), visible: "c3b".into(), ..pending(3) };
        let plan = plan(&listing, &snapshot(3, vec![pending(3), waiting.clone()])).unwrap();
        assert_eq!(plan.commit, [pending(3), waiting]);
        assert_eq!((plan.transactions, plan.bytes), (3, 30));
        assert!(plan.replayed.is_empty());
    }

    #[test]
    fn output_beyond_the_checkpoint_is_kept_and_replayed() {
        let listing = OutputListing { visible: vec![visible(1, JOB), visible(5, JOB)], ..Default::default() };
        let plan = plan(&listing, &snapshot(1, Vec::new())).unwrap();
        assert_eq!(plan.replayed, [("c5".to_owned(), 0)]);
        assert_eq!(plan.transactions, 2, "the claim counts it: the next start finds it before its checkpoint");
    }

    #[test]
    fn output_that_does_not_belong_to_the_state_is_refused() {
        let one = |visible| OutputListing { visible, ..Default::default() };
        let forged = [3, 2].map(|checkpoint| PendingTransaction { bytes: u64::MAX, ..pending(checkpoint) });
        let waiting = OutputListing { staged: vec![".c3".into(), ".c2".into()], ..Default::default() };
        let cases = [
            (one(Vec::new()), snapshot(1, Vec::new()), "holds 0 committed files"),
            (one(vec![visible(2, JOB), visible(3, JOB)]), snapshot(1, Vec::new()), "holds 2 committed files"),
            (one(vec![visible(2, JobId(8))]), snapshot(1, Vec::new()), "which job 00000008 wrote"),
            (one(Vec::new()), snapshot(1, vec![pending(3)]), "neither committed nor waiting"),
            (waiting, snapshot(2, forged.to_vec()), "holds 2 committed files of 36893488147419103230 bytes"),
        ];
        for (listing, snapshot, text) in cases {
            let error = plan(&listing, &snapshot).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        assert!(plan_fresh(&one(vec![visible(2, JOB)]), "out", "state").is_err());
        assert_eq!(plan_fresh(&one(Vec::new()), "out", "state").unwrap(), OutputPlan::default());
    }
}
