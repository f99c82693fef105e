//! All state of one task: the tables behind its handles, their budget, and how they are sealed and restored.

use crate::{
    backend::Reading,
    handle::{Timers, TimersOfTask, ValueState, WindowState},
    key::{StateKey, StateValue},
    run::{RunCursor, UnsortedRun},
    table::{Cold, StateDescription, StateTable, TableStats, TaskBackend, TimerTable, ValueTable, WindowTable},
};
use gress_core::{Error, Result, StateName};
use std::{cell::RefCell, rc::Rc};

/// All state of one task. It stays on the task's thread.
pub struct TaskState {
    operator: String,
    tables: Vec<Rc<RefCell<dyn StateTable>>>,
    backend: Rc<TaskBackend>,
    budget_bytes: usize,
    problems: Vec<String>,
}

impl TaskState {
    /// State of operator `operator` that may take `budget_bytes` of memory before it spills to `backend`.
    pub fn new(operator: &str, backend: Rc<TaskBackend>, budget_bytes: usize) -> Self {
        TaskState { operator: operator.to_owned(), tables: Vec::new(), backend, budget_bytes, problems: Vec::new() }
    }

    /// One value a key.
    pub fn value<K: StateKey, V: StateValue>(&mut self, name: &str) -> ValueState<K, V> {
        let table = ValueTable::new(self.cold(name));
        ValueState::new(self.add(table))
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
        Cold::new(StateName::new(&self.operator, name), self.backend.clone())
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

    /// What is wrong with the names of the states.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Name and description of each state.
    pub fn describe(&self) -> Vec<(StateName, StateDescription)> {
        self.tables.iter().map(|t| t.borrow()).map(|t| (t.name().clone(), t.describe())).collect()
    }

    /// Keys with these hashes are about to be used: brings their slots into the cache, all at once, so that the misses
    /// overlap. Changes nothing.
    pub fn look_ahead(&self, hashes: &[u64]) {
        self.tables.iter().for_each(|t| t.borrow().look_ahead(hashes));
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

    /// Fills the state `name` from the merged content of a checkpoint.
    ///
    /// # Errors
    /// A state that the operator does not have, and those of [`StateTable::restore`].
    pub fn restore(&mut self, name: &StateName, content: &mut dyn RunCursor) -> Result<()> {
        let used = self.memory_bytes();
        let budget = match self.budget_bytes {
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
        (self.budget_bytes != usize::MAX).then_some(self.budget_bytes)
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

    /// Spills while the budget is exceeded: the largest state first, down to seven eighths. Called between batches.
    /// Gives the runs that belong to the next checkpoint, with the index of their state.
    ///
    /// # Errors
    /// A value that cannot be encoded, and the errors of the store.
    pub fn spill(&mut self) -> Result<Vec<(usize, Vec<u8>)>> {
        let mut runs = Vec::new();
        if self.budget_bytes == usize::MAX {
            return Ok(runs);
        }
        let mut total = self.memory_bytes();
        if total <= self.budget_bytes {
            return Ok(runs);
        }
        let target = self.budget_bytes - self.budget_bytes / 8;
        let mut by_size: Vec<_> =
            (0..self.tables.len()).map(|at| (self.tables[at].borrow().memory_bytes(), at)).collect();
        by_size.sort_unstable_by(|a, b| b.cmp(a));
        for (bytes, at) in by_size {
            if total <= target {
                break;
            }
            let mut table = self.tables[at].borrow_mut();
            if let Some(run) = table.evict(bytes.saturating_sub(total - target))? {
                runs.push((at, run));
            }
            total = total.saturating_sub(bytes) + table.memory_bytes();
        }
        Ok(runs)
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
