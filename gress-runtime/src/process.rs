//! What a user implements for a keyed step, and where it emits.

use gress_core::{Data, Event, Result, Timestamp};
use gress_state::{
    Accumulator, AggregatingState, Key, ListState, MapKey, MapState, ReducingState, StateKey, StateValue, TaskState,
    Timers, TimersOfTask, ValueState,
};
use std::{
    any::{Any, TypeId, type_name},
    cell::RefCell,
    marker::PhantomData,
    rc::Rc,
};

/// A keyed step: one instance a subtask, on one thread, so `&mut self` and no lock.
///
/// What it keeps in plain fields is lost at a crash; what it keeps in handles is not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no process for events `{T}` keyed by `{K}`",
    label = "must implement `Process<{K}, {T}>`",
    note = "`K` is what the closure of `key_by` returns, `T` is the type of the stream's events"
)]
pub trait Process<K, T> {
    /// What it emits.
    type Out: Data;

    /// Called for each event. In it the watermark is the event's own stamp.
    ///
    /// # Errors
    /// Any error stops the job, with the name of the operator and the event's time.
    fn on_event(&mut self, key: &Key<K>, event: Event<T>, out: &mut Output<Self::Out>) -> Result<()>;

    /// Called once for each timer that is due, in order of (time, encoded key). In it the watermark is the timer's time.
    ///
    /// # Errors
    /// As [`Process::on_event`].
    fn on_timer(&mut self, key: &Key<K>, timer: Timer, out: &mut Output<Self::Out>) -> Result<()> {
        let _ = (key, timer, out);
        Ok(())
    }
}

/// A timer that fires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timer {
    /// The name of its [`Timers`].
    pub name: &'static str,
    /// The time it was set for.
    pub time: Timestamp,
}

/// Where a step emits. What is emitted carries the time of the event or timer that is being handled.
#[derive(Debug)]
pub struct Output<T> {
    pub(crate) events: Vec<Event<T>>,
    time: Timestamp,
    stamp: Timestamp,
}

impl<T> Output<T> {
    pub(crate) fn new() -> Self {
        Output { events: Vec::new(), time: Timestamp::MIN, stamp: Timestamp::MIN }
    }

    #[inline]
    pub(crate) fn at(&mut self, time: Timestamp, stamp: Timestamp) {
        (self.time, self.stamp) = (time, stamp);
    }

    /// Emits a value.
    #[inline]
    pub fn emit(&mut self, value: T) {
        self.events.push(Event::stamped(value, self.time, self.stamp));
    }
}

/// Names a side output and fixes its type, in one constant that both ends use.
#[derive(Debug)]
pub struct Tag<T> {
    name: &'static str,
    of: PhantomData<fn(T)>,
}

impl<T> Tag<T> {
    /// The side output `name`, of events `T`.
    pub const fn new(name: &'static str) -> Self {
        Tag { name, of: PhantomData }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// Emits on a side output. Made by [`StateScope::side_output`], so that no name is looked up per event.
#[derive(Debug)]
pub struct SideOutput<T> {
    pub(crate) events: Rc<RefCell<Vec<Event<T>>>>,
}

impl<T> SideOutput<T> {
    /// Emits an event with its own time.
    pub fn emit(&mut self, event: Event<T>) {
        self.events.borrow_mut().push(event);
    }
}

/// Given to the factory of a process: makes its handles.
///
/// The factory runs once for each subtask, and once more when the job is built, so that the names of states are checked
/// before anything starts: it must have no side effects. Bound to a variable first, its parameter needs a type:
/// `|state: &mut StateScope<_>| …`.
pub struct StateScope<'a, K> {
    state: &'a mut TaskState,
    pub(crate) timers: TimersOfTask<K>,
    pub(crate) sides: Vec<DeclaredSide>,
    subtask: usize,
}

/// A side output that a process declared.
pub(crate) struct DeclaredSide {
    pub name: &'static str,
    pub type_id: TypeId,
    pub type_name: &'static str,
    /// The `Rc<RefCell<Vec<Event<T>>>>` behind it.
    pub events: Rc<dyn Any>,
}

impl<'a, K: StateKey> StateScope<'a, K> {
    pub(crate) fn new(state: &'a mut TaskState, subtask: usize) -> Self {
        StateScope { state, timers: TimersOfTask::default(), sides: Vec::new(), subtask }
    }

    /// Which of the operator's instances this is.
    pub fn subtask(&self) -> usize {
        self.subtask
    }

    /// One value a key. The name is the state's identity in checkpoints. [`ValueState::ttl`] makes its entries expire.
    pub fn value<V: StateValue>(&mut self, name: &'static str) -> ValueState<K, V> {
        self.state.value(name)
    }

    /// One value a key, into which `reduce` reduces what is added: its first operand came first. The name is the state's
    /// identity in checkpoints.
    pub fn reducing<V: StateValue>(
        &mut self,
        name: &'static str,
        reduce: impl Fn(&mut V, V) + 'static,
    ) -> ReducingState<K, V> {
        self.state.reducing(name, reduce)
    }

    /// One accumulator a key, a clone of `empty` at first. The name is the state's identity in checkpoints.
    pub fn aggregating<T, A: Accumulator<T>>(&mut self, name: &'static str, empty: A) -> AggregatingState<K, T, A> {
        self.state.aggregating(name, empty)
    }

    /// A list a key. The name is the state's identity in checkpoints.
    pub fn list<T: StateValue>(&mut self, name: &'static str) -> ListState<K, T> {
        self.state.list(name)
    }

    /// A sorted map a key. The name is the state's identity in checkpoints.
    pub fn map<E: MapKey, V: StateValue>(&mut self, name: &'static str) -> MapState<K, E, V> {
        self.state.map(name)
    }

    /// Event-time timers. The name is their identity in checkpoints.
    pub fn timers(&mut self, name: &'static str) -> Timers<K> {
        self.state.timers(name, &mut self.timers)
    }

    /// A side output, read by `Processed::side_output` with the same tag.
    pub fn side_output<S: 'static>(&mut self, tag: &Tag<S>) -> SideOutput<S> {
        let events = Rc::new(RefCell::new(Vec::<Event<S>>::new()));
        self.sides.push(DeclaredSide {
            name: tag.name(),
            type_id: TypeId::of::<S>(),
            type_name: type_name::<S>(),
            events: events.clone(),
        });
        SideOutput { events }
    }
}
