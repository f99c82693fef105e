//! All state of one task: the tables behind its handles, their budget, and how they are sealed and restored.

use crate::{
    accumulator::Accumulator,
    backend::Reading,
    conversion::Conversion,
    handle::{AggregatingState, ListState, MapState, ReducingState, Timers, TimersOfTask, ValueState, WindowState},
    key::{Key, MapKey, StateKey},
    run::{RunCursor, UnsortedRun},
    table::{
        Cold, ListTable, MapTable, StateDescription, StateKind, StateTable, TableStats, TaskBackend, TimerTable,
        ValueTable, WindowTable,
    },
    task_budget::{Due, TaskBudget},
    task_time::TaskTime,
    ttl::{Expiry, TtlClock},
    value::StateValue,
};
use gress_core::{Error, Result, StateName, Timestamp};
use std::{any::Any, cell::RefCell, rc::Rc, sync::Arc};

/// Live entries of each state that [`TaskState::clean`] looks at.
const CLEANED_ENTRIES: usize = 128;

/// What a slice of spilling has come to.
#[derive(Debug, Default)]
pub struct Spilled {
    /// Runs that belong to the next checkpoint, with the index of their state.
    pub runs: Vec<(usize, Vec<u8>)>,
    /// The budget is still exceeded, and another slice will help.
    pub more: bool,
}

/// All state of one task. It stays on the task's thread.
pub struct TaskState {
    operator: String,
    tables: Vec<Rc<RefCell<dyn StateTable>>>,
    backend: Rc<TaskBackend>,
    budget: TaskBudget,
    is_sealed: bool,
    time: Rc<TaskTime>,
    problems: Vec<String>,
}

impl TaskState {
    /// Events whose state is fetched together.
    pub const LOOK_AHEAD: usize = 16;
    /// Events whose state is read from the store together: a multiple of [`TaskState::LOOK_AHEAD`].
    pub const FETCH_AHEAD: usize = 1024;

    /// State of operator `operator` that may take `budget_bytes` of memory before it spills to `backend`.
    pub fn new(operator: &str, backend: Rc<TaskBackend>, budget_bytes: usize) -> Self {
        let (operator, time) = (operator.to_owned(), Rc::new(TaskTime::new()));
        let budget = TaskBudget { table_bytes: budget_bytes, run_bytes: usize::MAX };
        TaskState { operator, tables: Vec::new(), backend, budget, is_sealed: false, time, problems: Vec::new() }
    }

    /// The state is going to be sealed: its budget counts what is dirty with the room that it will take encoded.
    #[must_use]
    pub fn with_seals(self) -> Self {
        TaskState { is_sealed: true, ..self }
    }

    /// Runs may take `run_bytes` from the table to storage: it spills in slices, and no further while too many wait.
    #[must_use]
    pub fn with_run_bytes(self, run_bytes: usize) -> Self {
        TaskState { budget: TaskBudget { run_bytes, ..self.budget }, ..self }
    }

    /// One value a key.
    pub fn value<K: StateKey, V: StateValue>(&mut self, name: &str) -> ValueState<K, V> {
        let table = ValueTable::new(self.cold(name), StateDescription::of::<K, V>(StateKind::Value));
        ValueState::new(self.add(table))
    }

    /// One value a key, into which `reduce` reduces what is added: its first operand came first.
    pub fn reducing<K: StateKey, V: StateValue>(
        &mut self,
        name: &str,
        reduce: impl Fn(&mut V, V) + 'static,
    ) -> ReducingState<K, V> {
        let table = ValueTable::new(self.cold(name), StateDescription::of::<K, V>(StateKind::Reducing));
        ReducingState::new(self.add(table), Box::new(reduce))
    }

    /// One accumulator a key, a clone of `empty` at first.
    pub fn aggregating<K: StateKey, T, A: Accumulator<T>>(
        &mut self,
        name: &str,
        empty: A,
    ) -> AggregatingState<K, T, A> {
        let table = ValueTable::new(self.cold(name), StateDescription::of::<K, A>(StateKind::Aggregating));
        AggregatingState::new(self.add(table), empty)
    }

    /// A list a key.
    pub fn list<K: StateKey, T: StateValue>(&mut self, name: &str) -> ListState<K, T> {
        let table = ListTable::of_lists(self.cold(name), StateDescription::of::<K, T>(StateKind::List));
        ListState::new(self.add(table))
    }

    /// A sorted map a key.
    pub fn map<K: StateKey, E: MapKey, V: StateValue>(&mut self, name: &str) -> MapState<K, E, V> {
        let table = MapTable::new(self.cold(name));
        MapState::new(self.add(table))
    }

    /// One accumulator a key and window.
    pub fn windows<K: StateKey, V: StateValue>(&mut self, name: &str) -> WindowState<K, V> {
        let table = WindowTable::new(self.cold(name));
        WindowState::new(self.add(table))
    }

    /// Event-time timers, which `all` gives when they are due.
    pub fn timers<K: StateKey>(&mut self, name: &'static str, all: &mut TimersOfTask<K>) -> Timers<K> {
        let table = TimerTable::new(self.cold(name));
        let table = self.add(table);
        all.add(name, table.clone());
        Timers::new(table)
    }

    fn cold(&mut self, name: &str) -> Cold {
        if let Err(problem) = gress_core::state_name::check_name(name) {
            self.problems.push(format!("the state name {problem}"));
        }
        let mut cold = Cold::new(StateName::new(&self.operator, name), self.backend.clone(), self.time.clone());
        cold.table_bytes = self.budget_bytes();
        if self.is_sealed {
            cold.keep_room();
        }
        cold
    }

    fn add<T: StateTable + 'static>(&mut self, table: T) -> Rc<RefCell<T>> {
        let (name, described) = (table.name(), table.describe());
        if let Some(other) = self.tables.iter().find(|t| t.borrow().name() == name) {
            let other = other.borrow().describe();
            self.problems.push(format!("two states are named `{name}`: {other}, and {described}"));
        }
        let table = Rc::new(RefCell::new(table));
        self.tables.push(table.clone());
        table
    }

    /// What is wrong with how the states are declared.
    pub fn problems(&self) -> Vec<String> {
        let of_tables = self.tables.iter().filter_map(|t| t.borrow().problem());
        self.problems.iter().cloned().chain(of_tables).collect()
    }

    /// Whether entries of any state expire by this clock.
    pub fn expires_by(&self, clock: TtlClock) -> bool {
        self.tables.iter().any(|t| t.borrow().describe().ttl.is_some_and(|ttl| ttl.clock == clock))
    }

    /// A batch begins, and this is the time of day: the one that entries expire by until the next batch. Time that falls
    /// stands still.
    pub fn batch_begins(&self, now: Timestamp) {
        self.time.batch(now);
    }

    /// An event is about to be handled: entries that expire in event time do so by its stamp.
    #[inline]
    pub fn event_begins(&self, stamp: Timestamp, time: Timestamp) {
        self.time.event(stamp, time);
    }

    /// A timer is about to fire: entries that expire in event time do so by its time.
    pub fn timer_begins(&self, time: Timestamp) {
        self.time.timer(time);
    }

    /// All that is due at `watermark` has fired, and no event before it follows: what has expired by then may be removed.
    pub fn fired(&self, watermark: Timestamp) {
        self.time.fired(watermark);
    }

    /// Up to where all that was due has fired.
    pub fn watermark(&self) -> Timestamp {
        self.time.watermark()
    }

    /// Removes some of the live entries that no read will find any more. Called between batches: all of them are looked
    /// at in turn.
    ///
    /// # Errors
    /// A value that the seal under way needs and that cannot be encoded; a state that was declared wrongly.
    pub fn clean(&mut self) -> Result<()> {
        self.tables.iter().try_for_each(|t| t.borrow_mut().clean(CLEANED_ENTRIES))
    }

    /// The checkpoint of the oldest seal that was not told of yet is complete: stores and folds may drop what had expired
    /// at its barrier.
    pub fn completed(&mut self) {
        self.tables.iter().for_each(|t| t.borrow_mut().completed());
    }

    /// In a job without checkpoints nothing is ever replayed: stores may drop what has expired by now.
    pub fn nothing_is_replayed(&self) {
        self.tables.iter().for_each(|t| t.borrow().nothing_is_replayed());
    }

    /// By which rules the entries of the states expire, in the order of [`TaskState::describe`].
    pub fn expiries(&self) -> Vec<Option<Arc<Expiry>>> {
        self.tables.iter().map(|t| t.borrow().expiry()).collect()
    }

    /// Live entries that were found expired so far, by state.
    pub fn expired(&self) -> Vec<(StateName, u64)> {
        self.tables.iter().map(|t| t.borrow()).map(|t| (t.name().clone(), t.expired())).collect()
    }

    /// How values of the state `name` that a checkpoint describes so become those of the job, now; `None` if they are such.
    ///
    /// # Errors
    /// A state that the operator does not have, and values that cannot become its own: of another kind, with other keys, of a
    /// version that is not known.
    pub fn conversion(&self, name: &StateName, stored: &StateDescription) -> Result<Option<Conversion>> {
        let table = self.tables.iter().map(|t| t.borrow()).find(|t| t.name() == name);
        let table = table.ok_or_else(|| {
            Error::refused(format!("the checkpoint has the state `{name}`, the job has none of this name"))
        })?;
        let (ours, versions) = (table.describe(), table.versions());
        Conversion::between(name, stored, &ours, versions.as_ref(), |clock| self.time.horizon(clock))
    }

    /// Name and description of each state.
    pub fn describe(&self) -> Vec<(StateName, StateDescription)> {
        self.tables.iter().map(|t| t.borrow()).map(|t| (t.name().clone(), t.describe())).collect()
    }

    /// Events with these hashes come one after another, and that at `at`, a multiple of [`TaskState::LOOK_AHEAD`], is next:
    /// brings what those behind it need into the cache, so that their misses overlap with the work on those before. Changes
    /// nothing.
    pub fn look_ahead(&self, hashes: &[u64], at: usize) {
        let group = |n: usize| {
            let start = hashes.len().min(at + n * Self::LOOK_AHEAD);
            &hashes[start..hashes.len().min(start + Self::LOOK_AHEAD)]
        };
        for table in &self.tables {
            let table = table.borrow();
            if at == 0 {
                table.look_ahead(&[], group(0));
                table.look_ahead(group(0), group(1));
            }
            table.look_ahead(group(1), group(2));
        }
    }

    /// Events with these keys, [`TaskState::FETCH_AHEAD`] at most, come next: what the tables lack of them is read from the
    /// stores by one call each, where it is worth it. Changes nothing that a read finds.
    ///
    /// # Errors
    /// A value that does not decode, and those of the store.
    pub fn fetch<'k, K: StateKey>(&mut self, keys: impl Iterator<Item = &'k Key<K>> + Clone) -> Result<()> {
        self.tables.iter().try_for_each(|t| t.borrow_mut().fetch(&mut keys.clone().map(|key| key as &dyn Any)))
    }

    /// Marks the content of a checkpoint, in constant time per state. See [`StateTable::begin_seal`].
    ///
    /// # Errors
    /// A seal before that was not taken.
    pub fn begin_seal(&mut self) -> Result<()> {
        self.tables.iter().try_for_each(|t| t.borrow_mut().begin_seal())
    }

    /// Encodes up to `max` entries of the seal under way for each state; `true` when all are encoded.
    ///
    /// # Errors
    /// A value that cannot be encoded.
    pub fn seal_slice(&mut self, max: usize) -> Result<bool> {
        self.tables.iter().try_fold(true, |done, t| Ok(t.borrow_mut().seal_slice(max)? && done))
    }

    /// The sealed entries of each state, in the order of [`TaskState::describe`].
    pub fn take_sealed(&mut self) -> Vec<UnsortedRun> {
        self.tables.iter().map(|t| t.borrow_mut().take_sealed()).collect()
    }

    /// Gives the state at this place of [`TaskState::take_sealed`] its sealed entries back, stored and emptied by
    /// [`RunRef::store`](crate::checkpoint::RunRef::store): the next seal goes where they were.
    pub fn take_back(&mut self, at: usize, emptied: UnsortedRun) {
        if let Some(table) = self.tables.get(at) {
            table.borrow_mut().take_back(emptied);
        }
    }

    /// Fills the state `name` from the merged content of a checkpoint.
    ///
    /// # Errors
    /// A state that the operator does not have, and those of [`StateTable::restore`].
    pub fn restore(&mut self, name: &StateName, content: &mut dyn RunCursor) -> Result<()> {
        let used = self.memory_bytes();
        let budget = match self.budget.table_bytes {
            usize::MAX => usize::MAX,
            limit => limit.saturating_sub(used),
        };
        let table = self.tables.iter().find(|t| t.borrow().name() == name);
        let table = table.ok_or_else(|| Error::refused(format!("the job has no state `{name}`")))?;
        table.borrow_mut().restore(content, budget).map_err(|e| e.at(format!("state `{name}`")))
    }

    /// Memory that live values take, by estimate.
    pub fn memory_bytes(&self) -> usize {
        self.tables.iter().map(|t| t.borrow().memory_bytes()).sum()
    }

    /// The limit of [`TaskState::memory_bytes`] above which it spills; `None` if there is none.
    pub fn budget_bytes(&self) -> Option<usize> {
        (self.budget.table_bytes != usize::MAX).then_some(self.budget.table_bytes)
    }

    /// What each state holds and has done, in the order of [`TaskState::describe`].
    pub fn stats(&self) -> Vec<(StateName, TableStats)> {
        self.tables.iter().map(|t| t.borrow()).map(|t| (t.name().clone(), t.stats())).collect()
    }

    /// What the backend tells of itself; nothing as long as nothing was spilled.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn backend_readings(&self) -> Result<Vec<Reading>> {
        self.backend.readings()
    }

    /// Live entries of all states.
    pub fn entries(&self) -> usize {
        self.tables.iter().map(|t| t.borrow().entries()).sum()
    }

    /// Whether nothing may be added until a run is stored, while `storing` bytes of runs are on their way.
    pub fn waits(&self, storing: usize) -> bool {
        storing > self.budget.run_bytes / 2 && self.due(storing).1 == Due::Wait
    }

    /// Memory of the states and what is due because of it. Room for the next seal goes before anything is.
    fn due(&self, storing: usize) -> (usize, Due) {
        let due = || {
            let memory = self.memory_bytes();
            (memory, self.budget.due(memory, storing))
        };
        match due() {
            (memory, Due::Nothing) => (memory, Due::Nothing),
            _ => {
                self.tables.iter().for_each(|t| t.borrow_mut().release_room());
                due()
            }
        }
    }

    /// Spills a slice if the budget is exceeded: of the largest state first. Called between batches, while `storing` bytes
    /// of runs are on their way to storage.
    ///
    /// # Errors
    /// A value that cannot be encoded, and the errors of the store.
    pub fn spill(&mut self, storing: usize) -> Result<Spilled> {
        let (before, Due::Spill { target, slice_bytes }) = self.due(storing) else { return Ok(Spilled::default()) };
        let mut by_size: Vec<_> =
            (0..self.tables.len()).map(|at| (self.tables[at].borrow().memory_bytes(), at)).collect();
        by_size.sort_unstable_by(|a, b| b.cmp(a));
        let (mut total, mut spilled) = (before, Spilled::default());
        for (bytes, at) in by_size {
            if total <= target {
                break;
            }
            let mut table = self.tables[at].borrow_mut();
            if let Some(run) = table.evict(bytes.saturating_sub(total - target), slice_bytes)? {
                spilled.runs.push((at, run));
            }
            total = total.saturating_sub(bytes) + table.memory_bytes();
            if total < before {
                break;
            }
        }
        let storing = spilled.runs.iter().fold(storing, |sum, (_, run)| sum + run.len());
        spilled.more = total < before && self.budget.due(total, storing) != Due::Nothing;
        Ok(spilled)
    }

    /// Ends the backend's background work.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn close(&mut self) -> Result<()> {
        self.tables.clear();
        self.backend.close()
    }
}
