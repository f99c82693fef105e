//! Bytes that checkpoints write for each byte of state that has changed, folds included.
//!
//! ```text
//!  change a share of all keys ─▶ seal ─▶ run ─▶ manifest ─▶ collect ─▶ fold ─┐
//!              ▲                                                             │
//!              └────────────────────────── each checkpoint ──────────────────┘
//!  at the end: recover, and compare every value
//! ```
//!
//! State, runs, chains, storage and decisions are those of a job, with one task and nothing in parallel.

use crate::{
    report::{
        Cell::{self, Count, Ratio},
        Report, Row,
    },
    shared::Shared,
};
use gress_core::{ByteSize, CheckpointId, Error, JobId, Result, StateName, TaskId, codec, key_group};
use gress_runtime::{Clock, SystemClock};
use gress_state::{
    KeyMaker, StateDescription, StateValue, TaskBackend, TaskState, ValueState,
    checkpoint::{
        Chain, CheckpointStorage, Ending, FileNames, LocalStorage, Manifest, Put, Retention, RunRef, StateSnapshot,
        TaskSnapshot, manifest_name, plan_fold, recover,
    },
    memory::MemoryFactory,
    run::{RunCursor, RunEntry},
};
use hashbrown::HashSet;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use rand_distr::{Distribution as _, Uniform};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

#[derive(clap::Args)]
pub(crate) struct Uploads {
    /// Bytes of keys and values, encoded [default: 1GiB; short: 8MiB].
    #[arg(long)]
    state: Option<ByteSize>,
    /// What the state has: `counter` (a `u64` a key) or `text`; both if none is given.
    #[arg(long, value_enum, value_delimiter = ',')]
    of: Vec<Kind>,
    /// Bytes of a text.
    #[arg(long, default_value_t = 1024)]
    value: usize,
    /// Of all keys the share that changes from one checkpoint to the next, drawn anew each time.
    #[arg(long, default_value_t = 0.01)]
    changed: f64,
    /// Checkpoints after the first one, which has the whole state.
    #[arg(long, default_value_t = 200)]
    checkpoints: u64,
    /// Checkpoints that are kept.
    #[arg(long, default_value_t = 3)]
    retained: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Counter,
    Text,
}

/// Bytes written for each changed one.
const WRITTEN_MAX: f64 = 2.5;
/// Bytes of an encoded key: its group and the number.
const KEY_BYTES: usize = 10;
/// Entries that a step of a task seals.
const SLICE_ENTRIES: usize = 4096;

impl Uploads {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        if !(self.changed > 0.0 && self.changed <= 1.0) {
            return Err(Error::argument(format!(
                "--changed is {}, valid is a share above 0 and up to 1",
                self.changed
            )));
        }
        let state = shared.or(self.state, ByteSize::mib(1024), ByteSize::mib(8));
        let mut report = Report::new("uploads");
        report.setting("state", state);
        report.setting("changed", self.changed);
        report.setting("checkpoints", self.checkpoints);
        report.setting("retained", self.retained);
        report.setting("seed", shared.seed);
        let texts = Texts::new(self.value);
        let (mut written, mut ratios, mut kept, mut claims) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for kind in [Kind::Counter, Kind::Text] {
            if !self.of.is_empty() && !self.of.contains(&kind) {
                continue;
            }
            let (name, outcome) = match kind {
                Kind::Counter => ("u64".to_owned(), self.measure(state, shared, |_, changes| u64::from(changes))?),
                Kind::Text => {
                    let text = |key, changes| texts.at(key, changes).to_owned();
                    (format!("text of {}", self.value), self.measure(state, shared, text)?)
                }
            };
            written.push(outcome.written(&name));
            ratios.push(outcome.ratios(&name));
            kept.push(outcome.kept(&name));
            claims.push((name, outcome.for_each_changed(outcome.uploaded())));
        }
        report.table("bytes written", &written);
        report.table("bytes written for each changed one", &ratios);
        report.table("what is kept, and what a recovery reads, for each byte of state", &kept);
        for (name, ratio) in claims {
            report.at_most(&format!("{name}: bytes written for each changed one"), ratio, WRITTEN_MAX);
        }
        Ok(report)
    }

    /// Takes all checkpoints of a state whose values `value` gives for each key and number of changes.
    fn measure<V: StateValue + Serialize + DeserializeOwned + PartialEq>(
        &self,
        state: ByteSize,
        shared: &Shared,
        value: impl Fn(u64, u16) -> V,
    ) -> Result<Outcome> {
        let entry_bytes = KEY_BYTES + codec::encoded_len(&value(0, 0));
        let keys = (state.0 / entry_bytes as u64).max(1);
        let change = ((keys as f64 * self.changed) as usize).max(1);
        let scratch = shared.scratch()?;
        let mut job = Checkpointed::new(scratch.path().join("checkpoints"), self.retained)?;
        let (mut content, mut changes) = (Content::new(value), vec![0_u16; keys as usize]);
        let mut outcome = Outcome { keys, ..Outcome::default() };

        for key in 0..keys {
            outcome.state += content.set(key, 0)?;
        }
        job.checkpoint(&mut content, &mut outcome)?;
        outcome.first = std::mem::take(&mut outcome.seals) + std::mem::take(&mut outcome.manifests);

        let wrong = |error| Error::argument(format!("no keys can be drawn from {keys}: {error}"));
        let uniform = Uniform::new(0, keys).map_err(wrong)?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(shared.seed);
        let mut drawn = HashSet::<u64, foldhash::fast::FixedState>::default();
        for _ in 0..self.checkpoints {
            drawn.clear();
            while drawn.len() < change {
                let key = uniform.sample(&mut random);
                if drawn.insert(key) {
                    let changes = &mut changes[key as usize];
                    *changes = changes.wrapping_add(1);
                    outcome.changed += content.set(key, *changes)?;
                }
            }
            job.checkpoint(&mut content, &mut outcome)?;
        }
        job.recover(&content, &changes, &mut outcome)?;
        Ok(outcome)
    }
}

/// Texts of one length.
struct Texts {
    pool: String,
    length: usize,
}

/// Bytes in which texts begin.
const POOL_BYTES: usize = 1 << 20;

impl Texts {
    fn new(length: usize) -> Texts {
        let uniform = (0..POOL_BYTES + length).scan(1_u64, |random, _| {
            *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Some(char::from(b"0123456789abcdef"[(*random >> 60) as usize]))
        });
        Texts { pool: uniform.collect(), length }
    }

    fn at(&self, key: u64, changes: u16) -> &str {
        let number = key.wrapping_mul(7_919).wrapping_add(u64::from(changes).wrapping_mul(104_729));
        let start = number as usize % POOL_BYTES;
        &self.pool[start..start + self.length]
    }
}

/// A task's state.
struct Content<V: StateValue, F> {
    task: TaskState,
    values: ValueState<u64, V>,
    maker: KeyMaker,
    value: F,
}

impl<V: StateValue + Serialize + DeserializeOwned + PartialEq, F: Fn(u64, u16) -> V> Content<V, F> {
    fn new(value: F) -> Self {
        let mut task = TaskState::new("uploads", TaskBackend::new(Arc::new(MemoryFactory), PathBuf::new()), usize::MAX);
        let values = task.value("values");
        Content { task, values, maker: KeyMaker::default(), value }
    }

    /// Gives the bytes of the entry.
    fn set(&mut self, key: u64, changes: u16) -> Result<u64> {
        let value = (self.value)(key, changes);
        let bytes = KEY_BYTES + codec::encoded_len(&value);
        self.values.set(&self.maker.key(key)?, value)?;
        Ok(bytes as u64)
    }

    /// Checks that an entry is what was set last; gives its bytes.
    fn check(&self, entry: RunEntry<'_>, changes: &[u16]) -> Result<u64> {
        let RunEntry::Put { key, value } = entry else {
            return Err(Error::damaged("a recovered state has deletes"));
        };
        let number = key.last_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes));
        let known = changes.get(number as usize).map(|changes| (self.value)(number, *changes));
        match key.len() == KEY_BYTES && known == Some(codec::decode(value)?) {
            true => Ok((key.len() + value.len()) as u64),
            false => {
                Err(Error::damaged(format!("the recovered value of the key {number} is not the one that was set")))
            }
        }
    }

    fn describe(&self) -> Result<(StateName, StateDescription)> {
        self.task.describe().into_iter().next().ok_or_else(|| Error::job("the task has no state"))
    }
}

/// What a task and the coordinator do for checkpoints, one after another.
struct Checkpointed {
    directory: PathBuf,
    storage: LocalStorage,
    task: TaskId,
    names: FileNames,
    chain: Chain,
    retention: Retention,
    next: CheckpointId,
}

impl Checkpointed {
    fn new(directory: PathBuf, retained: usize) -> Result<Self> {
        let (storage, task) = (LocalStorage::new(&directory), TaskId::new("uploads", 0));
        storage.prepare()?;
        Ok(Checkpointed {
            directory,
            storage,
            names: FileNames::new(1, &task),
            task,
            chain: Chain::default(),
            retention: Retention::new(retained),
            next: CheckpointId(1),
        })
    }

    fn checkpoint<V, F>(&mut self, content: &mut Content<V, F>, outcome: &mut Outcome) -> Result<()>
    where
        V: StateValue + Serialize + DeserializeOwned + PartialEq,
        F: Fn(u64, u16) -> V,
    {
        content.task.begin_seal()?;
        while !content.task.seal_slice(SLICE_ENTRIES)? {}
        for (at, mut sealed) in content.task.take_sealed().into_iter().enumerate() {
            let run = RunRef::store(&mut sealed, self.names.next_run(), &self.storage)?;
            outcome.seals += run.as_ref().map_or(0, |run| run.summary.bytes);
            self.chain.runs.extend(run);
            content.task.take_back(at, sealed);
        }
        outcome.look_at_chain(&self.chain);
        let manifest = self.manifest(content)?;
        let bytes = manifest.to_bytes()?;
        if self.storage.put_if_absent(&manifest_name(manifest.id), &bytes)? == Put::Exists {
            return Err(Error::storage(format!("checkpoint {} was there already", manifest.id)));
        }
        outcome.manifests += bytes.len() as u64;
        content.task.completed();
        self.retention.add(&manifest);
        let collected = self.retention.collect();
        collected.manifests.iter().chain(&collected.files).try_for_each(|name| self.storage.delete(name))?;
        self.fold(outcome)?;
        outcome.look_at_storage(&self.directory)
    }

    /// Folds once, as a task does when a checkpoint is complete.
    fn fold(&mut self, outcome: &mut Outcome) -> Result<()> {
        let sizes: Vec<_> = self.chain.runs.iter().map(|run| run.summary.bytes).collect();
        let Some(runs) = plan_fold(&sizes) else { return Ok(()) };
        let folded = self.chain.fold(runs.clone(), &self.names.next_run(), &self.storage, None)?;
        outcome.folds += folded.as_ref().map_or(0, |run| run.summary.bytes);
        self.chain.replace(runs, folded);
        Ok(())
    }

    fn manifest<V, F>(&mut self, content: &Content<V, F>) -> Result<Manifest>
    where
        V: StateValue + Serialize + DeserializeOwned + PartialEq,
        F: Fn(u64, u16) -> V,
    {
        let id = self.next;
        self.next = id.next();
        let (name, description) = content.describe()?;
        let states = vec![StateSnapshot { name, description, chain: self.chain.clone() }];
        Ok(Manifest {
            job: JobId(1),
            id,
            epoch: 1,
            origin: id,
            ending: Ending::Running,
            job_name: "uploads".into(),
            backend: "memory".into(),
            parallelism: 1,
            key_groups: key_group::KEY_GROUPS,
            key_hash: key_group::KEY_HASH.into(),
            codec: codec::NAME.into(),
            sources: BTreeMap::new(),
            sinks: BTreeMap::new(),
            tasks: vec![TaskSnapshot { task: self.task.clone(), operators: Vec::new(), states }],
        })
    }

    /// Finds the newest checkpoint, as a start does, and reads its content, all of which must be there.
    fn recover<V, F>(&self, content: &Content<V, F>, changes: &[u16], outcome: &mut Outcome) -> Result<()>
    where
        V: StateValue + Serialize + DeserializeOwned + PartialEq,
        F: Fn(u64, u16) -> V,
    {
        let clock = SystemClock::start();
        let recovered = recover(&self.storage)?.newest_whole;
        let verified = clock.now();
        let manifest = recovered.ok_or_else(|| Error::damaged("no checkpoint is whole"))?;
        let (mut keys, mut bytes) = (0, 0);
        for chain in manifest.chains() {
            let mut merged = chain.content(&self.storage)?;
            while let Some(entry) = merged.next()? {
                keys += 1;
                bytes += content.check(entry, changes)?;
            }
            outcome.runs = chain.runs.len();
            outcome.chain = chain_bytes(chain);
        }
        if keys != outcome.keys {
            return Err(Error::damaged(format!("{keys} of {} keys were recovered", outcome.keys)));
        }
        outcome.state = bytes;
        (outcome.verify, outcome.read) = (verified, clock.now() - verified);
        Ok(())
    }
}

fn chain_bytes(chain: &Chain) -> u64 {
    chain.runs.iter().map(|run| run.summary.bytes).sum()
}

/// What the checkpoints of a state came to.
#[derive(Debug, Default)]
struct Outcome {
    keys: u64,
    /// Encoded keys and values, at the end.
    state: u64,
    /// Of all changed entries encoded keys and values, each once a checkpoint.
    changed: u64,
    /// The first checkpoint, of the whole state.
    first: u64,
    seals: u64,
    folds: u64,
    manifests: u64,
    /// Of the last checkpoint: runs, a base among them, and their bytes.
    runs: usize,
    chain: u64,
    runs_max: usize,
    chain_max: u64,
    /// Bytes of all files.
    stored: u64,
    stored_max: u64,
    verify: Duration,
    read: Duration,
}

impl Outcome {
    fn look_at_chain(&mut self, chain: &Chain) {
        self.runs_max = self.runs_max.max(chain.runs.len());
        self.chain_max = self.chain_max.max(chain_bytes(chain));
    }

    fn look_at_storage(&mut self, directory: &PathBuf) -> Result<()> {
        self.stored = 0;
        for file in std::fs::read_dir(directory)? {
            self.stored += file?.metadata()?.len();
        }
        self.stored_max = self.stored_max.max(self.stored);
        Ok(())
    }

    /// Without the first checkpoint.
    fn uploaded(&self) -> u64 {
        self.seals + self.folds + self.manifests
    }

    fn for_each_changed(&self, bytes: u64) -> f64 {
        bytes as f64 / self.changed.max(1) as f64
    }

    fn written(&self, name: &str) -> Row {
        Row::default()
            .with("state", name)
            .with("keys", Count(self.keys))
            .with("bytes", Count(self.state))
            .with("first checkpoint", Count(self.first))
            .with("changed", Count(self.changed))
            .with("seals", Count(self.seals))
            .with("folds", Count(self.folds))
            .with("manifests", Count(self.manifests))
    }

    fn ratios(&self, name: &str) -> Row {
        let ratio = |bytes| Ratio(self.for_each_changed(bytes));
        Row::default()
            .with("state", name)
            .with("seals", ratio(self.seals))
            .with("folds", ratio(self.folds))
            .with("manifests", ratio(self.manifests))
            .with("all", ratio(self.uploaded()))
            .with("with the first checkpoint", ratio(self.uploaded() + self.first))
    }

    fn kept(&self, name: &str) -> Row {
        let ratio = |bytes: u64| Ratio(bytes as f64 / self.state.max(1) as f64);
        Row::default()
            .with("state", name)
            .with("runs", Count(self.runs as u64))
            .with("most", Count(self.runs_max as u64))
            .with("read", ratio(self.chain))
            .with("at most", ratio(self.chain_max))
            .with("stored", ratio(self.stored))
            .with("at most, stored", ratio(self.stored_max))
            .with("to verify", Cell::Time(self.verify))
            .with("to read", Cell::Time(self.read))
    }
}
