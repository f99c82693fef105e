//! A task as the runtime drives it, without a runtime: calls, spills and seals, and the chain of runs they leave.

use crate::{
    BackendFactory, Conversion, Key, KeyMaker, StateDescription, StateKey, TaskBackend, TaskState,
    run::{Fate, Mapped, Merge, RunCursor, RunEntry, RunReader, RunWriter, Tombstones},
    testing::{Entries, Entry, Scratch},
};
use gress_core::{Result, StateName};
use std::{cell::Cell, collections::BTreeMap, ops::Range, sync::Arc};

/// What the checks are given: they open several backends, each in a directory of its own.
pub type Factory = Arc<dyn BackendFactory>;

/// The bytes of one state, in order.
pub type Content = BTreeMap<Vec<u8>, Vec<u8>>;

/// Budgets of the table in bytes: all that there is, about eight entries, and none.
pub const BUDGETS: [usize; 3] = [usize::MAX, 600, 0];

/// When [`Task::pass`] seals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seals {
    /// Never.
    Never,
    /// After each call.
    EachCall,
    /// All the time: a seal is begun after a call, and one entry of it is encoded after each further call.
    HalfEncoded,
}

/// The state of one task and its checkpoints.
pub struct Task {
    /// What is tested. Handles are declared on it.
    pub state: TaskState,
    seals: Seals,
    /// Per state: the runs so far, in the order in which they hide each other. `None` stands for a seal's run that is
    /// not written yet; that of a seal that nobody took stays so.
    runs: Vec<Vec<Option<Vec<u8>>>>,
    /// The seal that was begun and not taken: how many runs of each state are part of its checkpoint.
    sealing: Option<Vec<usize>>,
    /// The last checkpoint that was taken.
    pub last: Checkpoint,
    _scratch: Scratch,
}

impl Task {
    /// A new task with this budget, in bytes.
    pub fn new(factory: &Factory, budget_bytes: usize, seals: Seals) -> Self {
        let scratch = Scratch::new();
        let backend = TaskBackend::new(factory.clone(), scratch.path().join("task"));
        let state = TaskState::new("op", backend, budget_bytes);
        Task { state, seals, runs: Vec::new(), sealing: None, last: Checkpoint::default(), _scratch: scratch }
    }

    /// A new task that spills and seals only when it is told to.
    pub fn by_hand(factory: &Factory, budget_bytes: usize) -> Self {
        Task::new(factory, budget_bytes, Seals::Never)
    }

    /// A task of the same kind, for a restore.
    pub fn again(&self, factory: &Factory, budget_bytes: usize) -> Self {
        Task::new(factory, budget_bytes, self.seals)
    }

    /// What follows each call: a spill, and what [`Seals`] says.
    pub fn pass(&mut self) -> Result<()> {
        self.spill()?;
        match self.seals {
            Seals::Never => Ok(()),
            Seals::EachCall => self.seal().map(drop),
            Seals::HalfEncoded if self.sealing.is_none() => {
                self.begin()?;
                self.slice(1).map(drop)
            }
            Seals::HalfEncoded => self.slice(1).and_then(|done| if done { self.finish().map(drop) } else { Ok(()) }),
        }
    }

    fn runs(&mut self) -> &mut Vec<Vec<Option<Vec<u8>>>> {
        let states = self.state.describe().len();
        self.runs.resize(states, Vec::new());
        &mut self.runs
    }

    /// Cleans, and spills what exceeds the budget; gives how many runs that added to the next checkpoint.
    pub fn spill(&mut self) -> Result<usize> {
        self.state.clean()?;
        let mut count = 0;
        loop {
            let spilled = match self.state.spill(0) {
                // What went before is spilled: the error is that of the next call, which has nothing to lose.
                Err(_) if count > 0 => return Ok(count),
                spilled => spilled?,
            };
            let runs = self.runs();
            count += spilled.runs.len();
            spilled.runs.into_iter().for_each(|(at, bytes)| runs[at].push(Some(bytes)));
            if !spilled.more {
                return Ok(count);
            }
        }
    }

    /// A barrier.
    pub fn begin(&mut self) -> Result<()> {
        self.state.begin_seal()?;
        self.runs().iter_mut().for_each(|runs| runs.push(None));
        self.sealing = Some(self.runs.iter().map(Vec::len).collect());
        Ok(())
    }

    /// Encodes up to `max` entries of each state.
    pub fn slice(&mut self, max: usize) -> Result<bool> {
        self.state.seal_slice(max)
    }

    /// Whether a seal is under way.
    pub fn is_sealing(&self) -> bool {
        self.sealing.is_some()
    }

    /// Ends the seal under way.
    ///
    /// # Panics
    /// If there is none.
    pub fn finish(&mut self) -> Result<Checkpoint> {
        while !self.slice(3)? {}
        let lens = self.sealing.take().expect("a seal is under way");
        let names = self.state.describe();
        let mut checkpoint = Checkpoint::default();
        let sealed = self.state.take_sealed().into_iter().enumerate();
        for ((((name, description), (at, mut sealed)), runs), len) in
            names.into_iter().zip(sealed).zip(&mut self.runs).zip(lens)
        {
            if !sealed.is_empty() {
                let mut writer = RunWriter::new(Vec::new())?;
                sealed.write(&mut writer)?;
                runs[len - 1] = Some(writer.finish()?.0);
                sealed.clear();
            }
            self.state.take_back(at, sealed);
            checkpoint.states.push((name, description, runs[..len].iter().flatten().cloned().collect()));
        }
        self.state.completed();
        self.last = checkpoint.clone();
        Ok(checkpoint)
    }

    /// A whole checkpoint. One that is under way is ended first.
    pub fn seal(&mut self) -> Result<Checkpoint> {
        if self.is_sealing() {
            self.finish()?;
        }
        self.begin()?;
        self.finish()
    }

    /// Fills the states, which have been declared, from a checkpoint.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let described = checkpoint.states.iter();
        let conversions: Vec<_> = described.map(|(name, stored, _)| self.state.conversion(name, stored)).collect();
        self.last = checkpoint.clone();
        for ((name, description, runs), conversion) in self.last.states.iter_mut().zip(conversions) {
            if let Some(conversion) = conversion? {
                *runs = vec![converted(runs, &conversion).map_err(|e| e.at(format!("state `{name}`")))?];
            }
            self.state.restore(name, &mut merge(runs, Tombstones::Drop)?)?;
            let ours = self.state.describe().into_iter().find(|(ours, _)| ours == name);
            *description = ours.expect("it was restored").1;
        }
        self.runs = self.last.states.iter().map(|(.., runs)| runs.iter().cloned().map(Some).collect()).collect();
        Ok(())
    }
}

/// What a restore writes in the place of runs whose values are of another kind than the job's.
fn converted(runs: &[Vec<u8>], conversion: &Conversion) -> Result<Vec<u8>> {
    let (mut merged, mut writer) = (merge(runs, Tombstones::Drop)?, RunWriter::new(Vec::new())?);
    let fate = |stored: &[u8], into: &mut Vec<u8>| {
        Ok(if conversion.convert(stored, into)? { Fate::Changed } else { Fate::Gone })
    };
    writer.append_all(&mut Mapped::new(&mut merged, fate))?;
    writer.finish().map(|(bytes, _)| bytes)
}

impl Drop for Task {
    fn drop(&mut self) {
        let closed = self.state.close();
        assert!(closed.is_ok() || std::thread::panicking(), "{closed:?}");
    }
}

/// The runs of each state, from the oldest to the newest.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    states: Vec<(StateName, StateDescription, Vec<Vec<u8>>)>,
}

impl Checkpoint {
    fn of(&self, state: &str) -> &[Vec<u8>] {
        let name = StateName::new("op", state);
        self.states.iter().find(|(n, ..)| *n == name).map_or(&[], |(.., runs)| runs)
    }

    /// All entries of the runs of `state`, tombstones and what they hide included.
    pub fn entries(&self, state: &str) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for run in self.of(state) {
            let mut reader = RunReader::from_bytes(run.clone())?;
            while let Some(entry) = reader.next()? {
                entries.push(owned(entry));
            }
        }
        Ok(entries)
    }

    /// What a restore of `state` gives.
    pub fn content(&self, state: &str) -> Result<Content> {
        let (mut merged, mut content) = (merge(self.of(state), Tombstones::Drop)?, Content::new());
        while let Some(entry) = merged.next()? {
            let RunEntry::Put { key, value } = entry else { panic!("restored content holds {entry:?}") };
            assert!(content.insert(key.to_vec(), value.to_vec()).is_none(), "{key:?} is restored twice");
        }
        Ok(content)
    }

    /// What a restore of `state` gives to a task of these key groups.
    pub fn share(&self, state: &str, groups: Range<u16>) -> Result<Entries> {
        let group = |key: &[u8]| u16::from_be_bytes([key[0], key[1]]);
        let content = self.content(state)?.into_iter().filter(|(key, _)| groups.contains(&group(key)));
        Ok(Entries::new(content.map(|(key, value)| Entry::put(key, value))))
    }

    /// Merges the runs `from..` of each state with their tombstones, and those before into a base.
    pub fn fold(&mut self, from: usize) -> Result<()> {
        for (.., runs) in &mut self.states {
            let newer = runs.split_off(from.min(runs.len()));
            let folded = [(&*runs, Tombstones::Drop), (&newer, Tombstones::Keep)];
            let folded = folded.map(|(runs, tombstones)| {
                let mut writer = RunWriter::new(Vec::new())?;
                writer.append_all(&mut merge(runs, tombstones)?)?;
                writer.finish().map(|(bytes, _)| bytes)
            });
            *runs = folded.into_iter().collect::<Result<_>>()?;
        }
        Ok(())
    }
}

fn merge(runs: &[Vec<u8>], tombstones: Tombstones) -> Result<Merge> {
    let cursor = |run: &Vec<u8>| Ok(Box::new(RunReader::from_bytes(run.clone())?) as Box<dyn RunCursor + Send>);
    Merge::new(runs.iter().map(cursor).collect::<Result<_>>()?, tombstones)
}

fn owned(entry: RunEntry<'_>) -> Entry {
    match entry {
        RunEntry::Put { key, value } => Entry::put(key, value),
        RunEntry::Delete { key } => Entry::delete(key),
        RunEntry::DeleteRange { start, end } => Entry::delete_range(start, end),
    }
}

thread_local! {
    /// The budget and seals under which a check runs, for its panic.
    static REGIME: Cell<Option<(usize, Seals)>> = const { Cell::new(None) };
}

/// Calls `check` with a new task for each budget of [`BUDGETS`] and each of [`Seals`].
///
/// # Panics
/// Where `check` does, or gives an error; the message names budget and seals.
pub fn everywhere(factory: &Factory, check: impl Fn(&mut Task) -> Result<()>) {
    for budget in BUDGETS {
        for seals in [Seals::Never, Seals::EachCall, Seals::HalfEncoded] {
            REGIME.set(Some((budget, seals)));
            let named = Named;
            check(&mut Task::new(factory, budget, seals)).expect("no call fails");
            drop(named);
        }
    }
}

/// Says which regime a check has failed under.
struct Named;

impl Drop for Named {
    #[expect(clippy::print_stderr, reason = "a failed check says under which regime it ran")]
    fn drop(&mut self) {
        if let (true, Some((budget, seals))) = (std::thread::panicking(), REGIME.get()) {
            eprintln!("with a table of {budget} bytes and seals {seals:?}:");
        }
    }
}

/// The token of a key.
pub fn key<K: StateKey>(value: impl Into<K>) -> Key<K> {
    KeyMaker::default().key(value.into()).expect("the key can be encoded")
}
