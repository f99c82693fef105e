//! The claim: a starting job takes the next id of the manifest sequence with a copy of what it goes on from, so that a
//! process that should be gone can put no checkpoint any more.

use super::{Job, output::OutputPlan};
use crate::sink::{Committer, ReplayFilter};
use gress_core::{CheckpointId, Error, JobId, Result, TaskId, codec, key_group};
use gress_state::{
    checkpoint::{Chain, CheckpointStorage, Ending, FileNames, Manifest, RunRef, SinkSnapshot, SourceSnapshot},
    run::{RunCursor, RunEntry, UnsortedRun},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Stands for the start of a job in the names of files; no operator can be called so.
const CLAIM: &str = ".claim";

/// Most occurrences of one record: so many that all of them can be added up.
const REPLAYED_MAX: u64 = 1 << 40;

/// By sink and subtask: digests and counts of committed records that will be emitted again.
pub(super) type ToReplay = HashMap<String, BTreeMap<usize, Vec<(u128, u64)>>>;

/// The manifest from which a job without state starts.
pub(super) fn first_claim(job: &Job, sources: BTreeMap<String, SourceSnapshot>, backend: &str) -> Manifest {
    use std::hash::{BuildHasher, Hasher};
    let config = &job.graph.config;
    // The standard library's hasher is seeded by the operating system's random numbers.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    Manifest {
        job: JobId(random as u32),
        id: CheckpointId(0),
        epoch: 0,
        origin: CheckpointId(0),
        ending: Ending::Running,
        job_name: config.name.clone(),
        backend: backend.to_owned(),
        parallelism: config.parallelism,
        key_groups: key_group::KEY_GROUPS,
        key_hash: key_group::KEY_HASH.to_owned(),
        codec: codec::NAME.to_owned(),
        sources,
        sinks: BTreeMap::new(),
        tasks: Vec::new(),
    }
}

/// The manifest with which this start takes the next id and epoch: what it goes on from, with its outputs settled.
pub(super) fn claim(
    base: Manifest,
    restored: Option<CheckpointId>,
    (id, epoch): (CheckpointId, u64),
    outputs: &[(String, Arc<dyn Committer>, OutputPlan)],
    storage: &dyn CheckpointStorage,
) -> Result<(Manifest, ToReplay)> {
    let mut names = FileNames::new(epoch, &TaskId::new(CLAIM, 0));
    let mut to_replay = ToReplay::new();
    let mut sinks = BTreeMap::new();
    for (name, committer, plan) in outputs {
        let before = base.sinks.get(name).map(|sink| sink.to_replay.clone()).unwrap_or_default();
        let records = records_to_replay(&before, committer.as_ref(), plan, storage)
            .map_err(|e| e.at(format!("sink `{name}`")))?;
        let stored = RunRef::store(&mut replay_run(&records)?, names.next_run(), storage)?;
        if !records.is_empty() {
            to_replay.insert(name.clone(), by_subtask(records));
        }
        let snapshot = SinkSnapshot {
            transactions: plan.transactions,
            bytes: plan.bytes,
            pending: Vec::new(),
            to_replay: Chain { runs: stored.into_iter().collect() },
        };
        sinks.insert(name.clone(), snapshot);
    }
    let origin = restored.map_or(CheckpointId(0), |_| base.origin);
    Ok((Manifest { id, epoch, origin, ending: Ending::Running, sinks, ..base }, to_replay))
}

type Records = BTreeMap<(usize, u128), u64>;

/// Committed records of a sink that will be emitted again: those of the checkpoint, and those beyond it.
fn records_to_replay(
    before: &Chain,
    committer: &dyn Committer,
    plan: &OutputPlan,
    storage: &dyn CheckpointStorage,
) -> Result<Records> {
    let mut records = Records::new();
    let mut content = before.content(storage)?;
    while let Some(entry) = content.next()? {
        let damaged = || Error::damaged("the records to replay are not as they were written");
        let RunEntry::Put { key, value } = entry else { return Err(damaged()) };
        let (subtask, digest) = key.split_first_chunk::<2>().ok_or_else(damaged)?;
        let digest: [u8; 16] = digest.try_into().map_err(|_| damaged())?;
        let count: [u8; 8] = value.try_into().map_err(|_| damaged())?;
        let key = (u16::from_be_bytes(*subtask).into(), u128::from_be_bytes(digest));
        let count = u64::from_be_bytes(count);
        // More than can be counted on were never written.
        if !(1..=REPLAYED_MAX).contains(&count) {
            return Err(damaged());
        }
        *records.entry(key).or_default() += count;
    }
    for (name, subtask) in &plan.replayed {
        committer.records(name, &mut |digest| *records.entry((*subtask, digest)).or_default() += 1)?;
    }
    Ok(records)
}

fn replay_run(records: &Records) -> Result<UnsortedRun> {
    let mut run = UnsortedRun::default();
    for ((subtask, digest), count) in records {
        ReplayFilter::entry(*subtask, *digest, *count, &mut run)?;
    }
    Ok(run)
}

fn by_subtask(records: Records) -> BTreeMap<usize, Vec<(u128, u64)>> {
    let mut by_subtask = BTreeMap::<_, Vec<_>>::new();
    for ((subtask, digest), count) in records {
        by_subtask.entry(subtask).or_default().push((digest, count));
    }
    by_subtask
}
