//! Checkpoints of a task with every kind of state, over several barriers: large and small runs, a fold, operators.

use super::{Corruptible, Opened, Version};
use crate::{
    KeyMaker, ListState, MapState, TaskBackend, TaskState, Timers, TimersOfTask, ValueState, WindowState,
    checkpoint::{
        Chain, CheckpointStorage, Ending, FileNames, LocalStorage, Manifest, OperatorState, RunRef, StateSnapshot,
        TaskSnapshot, manifest_name, recover,
    },
    memory::MemoryFactory,
    run::{RunCursor, RunEntry, UnsortedRun},
    testing::Scratch,
};
use gress_core::{CheckpointId, Error, JobId, Result, TaskId, Timestamp, codec, key_group};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Checkpoints each of which names files of those before.
const CHECKPOINTS: u64 = 5;

/// Five checkpoints of a task, as a job leaves them in [`LocalStorage`].
#[derive(Debug)]
pub struct CheckpointsOfATask;

impl Corruptible for CheckpointsOfATask {
    fn write(&self, directory: &Path) -> Result<Vec<Version>> {
        let storage = LocalStorage::new(directory);
        storage.prepare()?;
        let mut task = Task::new(usize::MAX);
        let (id, mut names) = (TaskId::new("op", 0), FileNames::new(1, &TaskId::new("op", 0)));
        let mut chains = vec![Chain::default(); task.state.describe().len()];
        let mut versions = Vec::new();
        for number in 1..=CHECKPOINTS {
            task.work(number)?;
            for (chain, mut sealed) in chains.iter_mut().zip(task.seal()?) {
                chain.runs.extend(RunRef::store(&mut sealed, names.next_run(), &storage)?);
            }
            if number == 3 {
                for chain in &mut chains {
                    let folded = chain.fold(0..chain.runs.len(), &names.next_run(), &storage, None)?;
                    chain.replace(0..chain.runs.len(), folded);
                }
            }
            let states = task.state.describe().into_iter().zip(&chains);
            let states =
                states.map(|((name, description), chain)| StateSnapshot { name, description, chain: chain.clone() });
            let operators = vec![OperatorState { name: "numbers".into(), values: [(0, number as i64)].into() }];
            let task = TaskSnapshot { task: id.clone(), operators, states: states.collect() };
            let manifest = manifest(number, task);
            storage.put_if_absent(&manifest_name(manifest.id), &manifest.to_bytes()?)?;
            versions.insert(0, version(&manifest, &storage)?);
        }
        Ok(versions)
    }

    fn open(&self, directory: &Path) -> Result<Opened> {
        let storage = LocalStorage::new(directory);
        let recovered = recover(&storage)?;
        let newest = recovered.newest_whole.ok_or_else(|| Error::damaged("there is no checkpoint"))?;
        // Half of the state has to go to the store of the backend.
        Task::new(200_000).restore(&newest, &storage)?;
        let complaints = recovered.refused.iter().map(|refusal| refusal.reason.to_string()).collect();
        Ok(Opened { content: content(&newest, &storage)?, complaints })
    }
}

fn version(manifest: &Manifest, storage: &LocalStorage) -> Result<Version> {
    let mark = manifest_name(manifest.id);
    let files = manifest.files().map(str::to_owned).chain([mark.clone()]).collect();
    Ok(Version { mark: Some(mark), files, content: content(manifest, storage)? })
}

/// Positions, and every key and value in order.
fn content(manifest: &Manifest, storage: &LocalStorage) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for task in &manifest.tasks {
        for operator in &task.operators {
            codec::encode(&(&operator.name, &operator.values), &mut all)?;
        }
        for state in &task.states {
            codec::encode(&state.name, &mut all)?;
            let mut content = state.chain.content(storage)?;
            while let Some(entry) = content.next()? {
                let RunEntry::Put { key, value } = entry else {
                    return Err(Error::damaged("the content of a chain is puts"));
                };
                codec::encode(&(key, value), &mut all)?;
            }
        }
    }
    Ok(all)
}

fn manifest(id: u64, task: TaskSnapshot) -> Manifest {
    Manifest {
        job: JobId(7),
        id: CheckpointId(id),
        epoch: 1,
        origin: CheckpointId(id),
        ending: Ending::Running,
        job_name: "corrupted".into(),
        backend: "memory".into(),
        parallelism: 1,
        key_groups: key_group::KEY_GROUPS,
        key_hash: key_group::KEY_HASH.into(),
        codec: codec::NAME.into(),
        sources: BTreeMap::new(),
        sinks: BTreeMap::new(),
        tasks: vec![task],
    }
}

/// A task with states of most kinds.
struct Task {
    state: TaskState,
    values: ValueState<u64, (String, Vec<u32>)>,
    maps: MapState<u64, String, u32>,
    lists: ListState<u64, String>,
    windows: WindowState<String, u64>,
    timers: Timers<u64>,
    _scratch: Scratch,
}

impl Task {
    fn new(budget_bytes: usize) -> Self {
        let scratch = Scratch::new();
        let backend = TaskBackend::new(Arc::new(MemoryFactory), scratch.path().join("task"));
        let mut state = TaskState::new("op", backend, budget_bytes);
        let (values, windows) = (state.value("values"), state.windows("windows"));
        let (maps, lists) = (state.map("maps"), state.list("lists"));
        let timers = state.timers("timers", &mut TimersOfTask::default());
        Task { state, values, maps, lists, windows, timers, _scratch: scratch }
    }

    /// What happens between two barriers: the first time much, then a little, so that there are runs of many sizes.
    fn work(&mut self, round: u64) -> Result<()> {
        let mut maker = KeyMaker::default();
        let keys = if round == 1 { 3_000 } else { 40 * round };
        for n in 0..keys {
            let key = maker.key(n * round)?;
            self.values.set(&key, (format!("{round}:{n}"), vec![n as u32; (n % 7) as usize]))?;
            if n % 5 == 4 {
                self.values.remove(&maker.key(n)?)?;
            }
            let few = maker.key(n % 9)?;
            self.maps.put(&few, &format!("{n}"), n as u32)?;
            self.lists.add(&few, &format!("{round}:{n}"))?;
            let start = (n % 4 * 1_000) as i64;
            let (start, end) = (Timestamp::from_millis(start), Timestamp::from_millis(start + 1_000));
            self.windows.update(start, end, &maker.key(format!("key {}", n % 300))?, || 0, |sum| *sum += n)?;
            self.timers.set(&key, Timestamp::from_millis((n * 7) as i64))?;
        }
        if round == 4 {
            self.maps.clear(&maker.key(1)?)?;
            self.lists.clear(&maker.key(1)?)?;
            while let Some(mut firing) = self.windows.fire_next()? {
                while firing.next_group()?.is_some() {}
                if self.windows.next_end() >= Some(Timestamp::from_millis(3_000)) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn seal(&mut self) -> Result<Vec<UnsortedRun>> {
        self.state.begin_seal()?;
        while !self.state.seal_slice(1_000)? {}
        Ok(self.state.take_sealed())
    }

    fn restore(&mut self, manifest: &Manifest, storage: &LocalStorage) -> Result<()> {
        let states = manifest.tasks.iter().flat_map(|task| &task.states);
        states.into_iter().try_for_each(|state| self.state.restore(&state.name, &mut state.chain.content(storage)?))
    }
}
