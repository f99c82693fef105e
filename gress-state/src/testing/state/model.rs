//! Steps of any kind in any order, compared with sorted maps. Each checkpoint must be the state at its barrier, byte for
//! byte.

use super::task::{BUDGETS, Checkpoint, Content, Factory, Seals, Task, key};
use crate::{Timers, TimersOfTask, ValueState, WindowState, testing::Random};
use gress_core::{Result, Timestamp, codec, ordered};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

/// One step: what is done, to which key, and with which number. Any numbers are a step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What is done, modulo the kinds of steps.
    pub what: u8,
    /// The key, modulo twelve.
    pub key: u8,
    /// A value, a time, the number of entries in a slice: what the step needs.
    pub number: u8,
}

impl Step {
    /// A step that depends on the seed alone.
    pub fn random(random: &mut Random) -> Self {
        let [what, key, number, ..] = random.next_u64().to_le_bytes();
        Step { what, key, number }
    }
}

/// Conformance case 24, `runs` times: every seed and step is the same on each machine.
#[expect(clippy::print_stderr, reason = "a failed check says which steps led to it")]
pub fn random_steps_match_sorted_maps(factory: &Factory, runs: u64) {
    for seed in 0..runs {
        let mut random = Random::new(seed);
        let budget = BUDGETS[random.below(BUDGETS.len())];
        let steps: Vec<_> = (0..10 + random.below(70)).map(|_| Step::random(&mut random)).collect();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| steps_match_sorted_maps(factory, budget, &steps))) {
            eprintln!("seed {seed}, budget {budget}");
            resume_unwind(panic);
        }
    }
}

/// Takes the steps with a table of this budget, in bytes.
///
/// # Panics
/// Where state, or a checkpoint, is not what it should be.
pub fn steps_match_sorted_maps(factory: &Factory, budget_bytes: usize, steps: &[Step]) {
    let mut twins = Twins::new(factory, budget_bytes);
    for step in steps {
        twins.take(*step).expect("no step fails");
    }
    twins.end().expect("all can be read");
}

/// What the state should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    values: BTreeMap<u32, String>,
    /// By end and start.
    windows: BTreeMap<(i64, i64), BTreeMap<u32, Vec<u8>>>,
    timers: BTreeSet<(i64, u32)>,
}

impl Model {
    fn values(&self) -> Content {
        let entry = |(k, v): (&u32, &String)| (store_key(&[], *k), encoded(v));
        self.values.iter().map(entry).collect()
    }

    fn windows(&self) -> Content {
        let windows = self.windows.iter().flat_map(|((end, start), keys)| keys.iter().map(move |k| (*start, *end, k)));
        windows.map(|(start, end, (k, v))| (store_key(&[start, end], *k), encoded(v))).collect()
    }

    fn timers(&self) -> Content {
        self.timers.iter().map(|(time, k)| (store_key(&[*time], *k), Vec::new())).collect()
    }
}

/// The bytes that the documented layout gives a key.
pub(super) fn store_key(times: &[i64], of: u32) -> Vec<u8> {
    let mut bytes = key::<u32>(of).group().0.to_be_bytes().to_vec();
    times.iter().for_each(|time| bytes.extend_from_slice(&((*time as u64) ^ (1 << 63)).to_be_bytes()));
    ordered::encode(&of, &mut bytes).expect("a number can be encoded");
    bytes
}

fn encoded(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(value, &mut bytes).expect("the value can be encoded");
    bytes
}

/// A task and its model.
struct Twins<'f> {
    factory: &'f Factory,
    budget: usize,
    task: Task,
    values: ValueState<u32, String>,
    windows: WindowState<u32, Vec<u8>>,
    timers: Timers<u32>,
    due: TimersOfTask<u32>,
    model: Model,
    /// The model at the barrier of the seal under way.
    at_barrier: Model,
    /// The last checkpoint.
    restorable: (Checkpoint, Model),
}

impl<'f> Twins<'f> {
    fn new(factory: &'f Factory, budget: usize) -> Self {
        let mut task = Task::new(factory, budget, Seals::Never);
        let mut due = TimersOfTask::default();
        let (values, windows) = (task.state.value("values"), task.state.windows("windows"));
        let timers = task.state.timers("timers", &mut due);
        let (model, at_barrier, restorable) = Default::default();
        Twins { factory, budget, task, values, windows, timers, due, model, at_barrier, restorable }
    }

    fn take(&mut self, step: Step) -> Result<()> {
        let Step { what, key: k, number } = step;
        let (k, number) = (u32::from(k % 12), i64::from(number));
        match what % 32 {
            0..12 => self.change_or_read_a_value(what % 32, k, number),
            12..16 => self.update_a_window(k, number),
            16 => self.fire_a_window(),
            17..21 => self.set_or_delete_a_timer(what % 32 == 20, k, number),
            21 => self.fire_timers(number),
            22 => self.begin(),
            23..26 if self.task.is_sealing() => self.task.slice(number as usize % 4).map(drop),
            26 | 27 if self.task.is_sealing() => self.finish(),
            28 if number < 100 => self.restore(number as usize),
            _ => self.task.spill().map(drop),
        }
    }

    fn change_or_read_a_value(&mut self, what: u8, k: u32, number: i64) -> Result<()> {
        let (key, text, there) = (&key::<u32>(k), "v".repeat(number as usize % 40), self.model.values.get(&k).cloned());
        match what {
            0..3 => {
                self.values.set(key, text.clone())?;
                self.model.values.insert(k, text);
            }
            3 => {
                let changed = self.values.update(key, |value| value.push('u'))?;
                assert_eq!(changed, self.model.values.get_mut(&k).map(|value| value.push('u')).is_some());
            }
            4 => assert_eq!(self.values.take(key)?, self.model.values.remove(&k)),
            5 | 6 => {
                self.values.remove(key)?;
                self.model.values.remove(&k);
            }
            7 => {
                let mut value = self.values.entry(key)?.or_insert(text.clone());
                assert_eq!(*value, there.unwrap_or_else(|| text.clone()));
                value.push('e');
                self.model.values.entry(k).or_insert(text).push('e');
            }
            8 => {
                // Looked at, not changed; if absent, set.
                let value = self.values.entry(key)?.or_default();
                assert_eq!(*value, there.unwrap_or_default());
                self.model.values.entry(k).or_default();
            }
            9 => drop(self.values.entry(key)?),
            _ => {
                // Two values at a time, the second one while the first one is borrowed.
                let other = (k + 1) % 12;
                let (one, two) = (self.values.get(key)?, self.values.get(&self::key(other))?);
                assert_eq!(one.as_deref(), there.as_ref(), "key {k}");
                assert_eq!(two.as_deref(), self.model.values.get(&other), "key {other}");
            }
        }
        Ok(())
    }

    fn update_a_window(&mut self, k: u32, number: i64) -> Result<()> {
        // Windows of two lengths that overlap, some before the epoch.
        let start = number % 4 * 10 - 10;
        let end = start + 10 * (1 + number / 4 % 2);
        let add = |bytes: &mut Vec<u8>| bytes.push(number as u8);
        self.windows.update(Timestamp::from_millis(start), Timestamp::from_millis(end), &key(k), Vec::new, add)?;
        add(self.model.windows.entry((end, start)).or_default().entry(k).or_default());
        Ok(())
    }

    fn fire_a_window(&mut self) -> Result<()> {
        let wanted = self.model.windows.pop_first();
        assert_eq!(self.windows.next_end().map(Timestamp::as_millis), wanted.as_ref().map(|((end, _), _)| *end));
        let Some(mut firing) = self.windows.fire_next()? else {
            assert_eq!(wanted, None);
            return Ok(());
        };
        let mut content = BTreeMap::new();
        while let Some(group) = firing.next_group()? {
            for (k, value) in group {
                assert!(content.insert(k, value).is_none(), "key {k} fires twice");
            }
        }
        let fired = ((firing.end().as_millis(), firing.start().as_millis()), content);
        assert_eq!(Some(fired), wanted);
        Ok(())
    }

    fn set_or_delete_a_timer(&mut self, delete: bool, k: u32, number: i64) -> Result<()> {
        let time = number % 8 - 4;
        if delete {
            self.timers.delete(&key(k), Timestamp::from_millis(time))?;
            self.model.timers.remove(&(time, k));
        } else {
            self.timers.set(&key(k), Timestamp::from_millis(time))?;
            self.model.timers.insert((time, k));
        }
        Ok(())
    }

    fn fire_timers(&mut self, number: i64) -> Result<()> {
        let watermark = number % 8 - 4;
        while let Some(timer) = self.due.pop_due(Timestamp::from_millis(watermark))? {
            let fired = (timer.time.as_millis(), *timer.key.value());
            assert!(fired.0 <= watermark);
            assert_eq!(Some(fired), self.model.timers.pop_first());
        }
        assert!(self.model.timers.first().is_none_or(|(time, _)| *time > watermark));
        Ok(())
    }

    /// A seal that is still under way is ended first.
    fn begin(&mut self) -> Result<()> {
        if self.task.is_sealing() {
            self.finish()?;
        }
        self.at_barrier = self.model.clone();
        self.task.begin()
    }

    fn finish(&mut self) -> Result<()> {
        let checkpoint = self.task.finish()?;
        assert_eq!(checkpoint.content("values")?, self.at_barrier.values());
        assert_eq!(checkpoint.content("windows")?, self.at_barrier.windows());
        assert_eq!(checkpoint.content("timers")?, self.at_barrier.timers());
        self.restorable = (checkpoint, self.at_barrier.clone());
        Ok(())
    }

    /// Goes on from the last checkpoint, as a task that has crashed does. Its runs may have been folded.
    fn restore(&mut self, number: usize) -> Result<()> {
        let (mut checkpoint, model) = self.restorable.clone();
        if number % 2 == 1 {
            checkpoint.fold(number / 2 % 6)?;
        }
        *self = Twins::new(self.factory, self.budget);
        self.task.restore(&checkpoint)?;
        (self.restorable, self.model) = ((checkpoint, model.clone()), model);
        Ok(())
    }

    /// A last checkpoint, restored, has all; then nothing is left.
    fn end(mut self) -> Result<()> {
        self.begin()?;
        self.finish()?;
        self.restore(0)?;
        for k in 0..12 {
            assert_eq!(self.values.get_cloned(&key(k))?.as_ref(), self.model.values.get(&k), "key {k}");
            self.values.remove(&key(k))?;
        }
        self.model.values.clear();
        while !self.model.windows.is_empty() {
            self.fire_a_window()?;
        }
        self.fire_a_window()?;
        self.fire_timers(7)?;
        self.begin()?;
        self.finish()?;
        assert_eq!(self.at_barrier, Model::default());
        Ok(())
    }
}
