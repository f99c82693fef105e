//! The room of a stored seal: the next one goes there, memory counts it, and it makes way before anything is spilled.

use gress_core::Result;
use gress_state::{
    KeyMaker, TaskBackend, TaskState, ValueState,
    checkpoint::{LocalStorage, RunRef},
    memory::MemoryFactory,
    testing::Scratch,
};
use std::sync::Arc;

const KEYS: u64 = 20_000;

struct Counters {
    state: TaskState,
    seen: ValueState<u64, u64>,
    keys: KeyMaker,
    storage: LocalStorage,
    sealed: u64,
    _scratch: Scratch,
}

impl Counters {
    fn new(budget_bytes: usize) -> Result<Self> {
        let scratch = Scratch::new();
        let backend = TaskBackend::new(Arc::new(MemoryFactory), scratch.path().join("state"));
        let mut state = TaskState::new("op", backend, budget_bytes).with_seals();
        let seen = state.value("seen");
        let storage = LocalStorage::new(scratch.path().join("checkpoints"));
        storage.prepare()?;
        Ok(Counters { state, seen, keys: KeyMaker::default(), storage, sealed: 0, _scratch: scratch })
    }

    fn count(&mut self, keys: u64) -> Result<()> {
        (0..keys).try_for_each(|key| {
            *self.seen.entry(&self.keys.key(key)?)?.or_insert(0) += 1;
            Ok(())
        })
    }

    /// Stores a seal. Gives how many entries it had.
    fn seal(&mut self) -> Result<u64> {
        self.state.begin_seal()?;
        while !self.state.seal_slice(1_000)? {}
        let mut sealed = self.state.take_sealed().remove(0);
        self.sealed += 1;
        let run = RunRef::store(&mut sealed, format!("{}.run", self.sealed), &self.storage)?;
        assert!(sealed.is_empty());
        self.state.take_back(0, sealed);
        Ok(run.map_or(0, |run| run.entries))
    }

    fn spills(&self) -> u64 {
        self.state.stats().iter().map(|(_, table)| table.spills).sum()
    }
}

#[test]
fn the_room_of_a_seal_counts_once_whether_it_is_kept_or_needed() {
    let mut counters = Counters::new(usize::MAX).expect("a folder can be made");
    counters.count(KEYS).expect("memory takes all");
    let dirty = counters.state.memory_bytes();
    assert_eq!(counters.seal().expect("it is stored"), KEYS);
    let clean = counters.state.memory_bytes();
    counters.count(KEYS).expect("memory takes all");
    let dirty_again = counters.state.memory_bytes();
    assert!(clean > dirty - dirty / 8 && dirty_again <= clean + clean / 8, "{dirty}, {clean}, {dirty_again}");
    counters.count(KEYS / 2).expect("memory takes all");
    assert_eq!(counters.seal().expect("it is stored"), KEYS);
    assert_eq!(counters.seal().expect("it is stored"), 0);
    let empty = counters.state.memory_bytes();
    counters.seal().expect("it is stored");
    assert!(empty < clean && counters.state.memory_bytes() < clean, "a seal of nothing keeps no room for more");
}

#[test]
fn room_makes_way_before_anything_is_spilled() {
    let mut unlimited = Counters::new(usize::MAX).expect("a folder can be made");
    unlimited.count(KEYS).expect("memory takes all");
    unlimited.seal().expect("it is stored");
    let with_room = unlimited.state.memory_bytes();
    // A byte less than table and room take together.
    let mut counters = Counters::new(with_room - 1).expect("a folder can be made");
    counters.count(KEYS).expect("memory takes all");
    counters.seal().expect("it is stored");
    let before = counters.state.memory_bytes();
    assert!(before > counters.state.budget_bytes().expect("there is a budget"), "{before}");
    let spilled = counters.state.spill(0).expect("memory spills");
    assert!(spilled.runs.is_empty() && !spilled.more && counters.spills() == 0);
    assert!(counters.state.memory_bytes() < before);
    assert_eq!(counters.state.entries(), KEYS as usize);
}

#[test]
fn a_state_that_has_spilled_keeps_no_room() {
    let mut counters = Counters::new(200_000).expect("a folder can be made");
    counters.count(KEYS).expect("memory takes all");
    while counters.state.spill(0).expect("memory spills").more {}
    assert!(counters.spills() > 0);
    counters.seal().expect("it is stored");
    let before = counters.state.memory_bytes();
    counters.seal().expect("it is stored");
    assert_eq!(counters.state.memory_bytes(), before);
}
