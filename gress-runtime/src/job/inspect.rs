//! What a starting job finds: checkpoints and outputs, looked at without changing anything, and refused where they do not
//! fit the job.

use super::{
    graph::Plan,
    output::{OutputPlan, plan_fresh, plan_restored},
};
use crate::sink::Committer;
use gress_core::{CheckpointId, Error, Result, TaskId};
use gress_state::checkpoint::{CheckpointStorage, Manifest, Recovered, recover};
use std::{path::Path, sync::Arc};

/// What the read-only look at a job's directories has found.
pub(super) struct Found {
    pub recovered: Recovered,
    pub outputs: Vec<(String, Arc<dyn Committer>, OutputPlan)>,
    /// The checkpoint and the start that come next: their numbers are above all that storage or output has seen.
    pub next: (CheckpointId, u64),
}

/// Looks at checkpoints and outputs, and refuses what does not fit the job. Changes nothing.
pub(super) fn look(storage: &dyn CheckpointStorage, plan: &Plan, fresh: &Manifest, directory: &Path) -> Result<Found> {
    let recovered = recover(storage)?;
    if let Some(restored) = &recovered.newest_whole {
        restored.check_formats()?;
        check_job(restored, plan, fresh, directory)?;
    }
    let mut outputs = Vec::new();
    let mut highest_output = None;
    for (name, committer) in plan.sinks.iter().filter_map(|(name, c)| Some((name, c.as_ref()?))) {
        let listing = committer.inspect().map_err(|e| e.at(format!("sink `{name}`")))?;
        let location = committer.location();
        let restored = recovered.newest_whole.as_ref();
        let plan = match restored.and_then(|m| Some((m, m.sinks.get(name)?))) {
            None => plan_fresh(&listing, &location, &directory.display().to_string()),
            Some((manifest, snapshot)) => {
                highest_output = highest_output.max(listing.visible.iter().map(|t| t.checkpoint).max());
                plan_restored(&listing, &location, snapshot, manifest.job, manifest.id)
            }
        };
        outputs.push((name.clone(), committer.clone(), plan?));
    }
    let highest = recovered.highest.max(highest_output).map_or(0, |id| id.0);
    let next = CheckpointId(after(highest, "a checkpoint", directory)?);
    let next = (next, after(recovered.highest_epoch, "a start", directory)?);
    Ok(Found { recovered, outputs, next })
}

/// The number after the highest one that a file name or manifest tells of.
fn after(highest: u64, of: &str, directory: &Path) -> Result<u64> {
    // No job counts so far, and what counts on from there comes to an end.
    const HIGHEST_MAX: u64 = 1 << 62;
    match highest {
        ..HIGHEST_MAX => Ok(highest + 1),
        _ => Err(Error::damaged(format!(
            "the files in `{}`, or the output, tell of {of} with the number {highest}, which no job reaches",
            directory.display()
        ))),
    }
}

/// Whether a checkpoint can be restored into this job.
fn check_job(restored: &Manifest, plan: &Plan, fresh: &Manifest, directory: &Path) -> Result<()> {
    let refused = |what: String| Err(Error::refused(format!("the state in `{}` {what}", directory.display())));
    if restored.backend != fresh.backend {
        return refused(format!(
            "was made on the backend `{}`, the job runs on `{}`: use another state directory",
            restored.backend, fresh.backend
        ));
    }
    if restored.parallelism != fresh.parallelism {
        return refused(format!(
            "was made with parallelism {}, the job has {}: use another state directory",
            restored.parallelism, fresh.parallelism
        ));
    }
    for (name, source) in &restored.sources {
        match fresh.sources.get(name) {
            None => return refused(format!("has the source `{name}`, the job has none of this name")),
            Some(ours) if ours != source => {
                return refused(format!(
                    "was made from another input of the source `{name}`: {} then, {} now",
                    source.fingerprint, ours.fingerprint
                ));
            }
            Some(_) => {}
        }
    }
    if let Some(new) = fresh.sources.keys().find(|name| !restored.sources.contains_key(*name)) {
        return refused(format!("knows nothing of the source `{new}`"));
    }
    for snapshot in &restored.tasks {
        let TaskId { chain, subtask } = &snapshot.task;
        if !plan.groups.iter().any(|group| group.name == *chain && subtask.0 < group.subtasks) {
            return refused(format!("has a task `{}`, the job has none of this name", snapshot.task));
        }
    }
    let sinks: Vec<_> = plan.sinks.iter().filter(|(_, committer)| committer.is_some()).map(|(name, _)| name).collect();
    match restored.sinks.keys().find(|name| !sinks.contains(name)) {
        Some(gone) => refused(format!("has the sink `{gone}`, the job has none of this name")),
        None => Ok(()),
    }
}
