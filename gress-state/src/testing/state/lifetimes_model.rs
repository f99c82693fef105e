//! Random steps on values that expire, while time passes, compared with a sorted map of values and their last updates.

use super::task::{BUDGETS, Checkpoint, Factory, Seals, Task, key};
use crate::{
    Ttl, ValueState,
    testing::Random,
    ttl::{Stamp, TtlClock, TtlUpdate, TtlVisibility},
};
use gress_core::{Result, Timestamp, codec};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Duration,
};

/// `runs` times: every seed and step is the same on each machine.
#[expect(clippy::print_stderr, reason = "a failed check says which steps led to it")]
pub fn random_steps_on_expiring_values_match_a_sorted_map(factory: &Factory, runs: u64) {
    for seed in 0..runs {
        let run = || Twins::new(factory, &mut Random::new(seed)).run().expect("no step fails");
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            eprintln!("seed {seed}");
            resume_unwind(panic);
        }
    }
}

const KEYS: usize = 12;
pub(super) const LENGTH: i64 = 50;

/// Any time to live of this length.
pub(super) fn random_ttl(random: &mut Random) -> Ttl {
    let mut ttl = Ttl::after(Duration::from_millis(LENGTH as u64));
    ttl.clock = [TtlClock::Processing, TtlClock::Event][random.below(2)];
    ttl.update = [TtlUpdate::OnCreateAndWrite, TtlUpdate::OnReadAndWrite][random.below(2)];
    ttl.visibility = [TtlVisibility::NeverReturnExpired, TtlVisibility::ReturnExpiredIfNotCleanedUp][random.below(2)];
    ttl
}

/// Values and their last updates. One that has expired stays until a call meets it.
type Model = BTreeMap<u32, (String, i64)>;

struct Twins<'a> {
    factory: &'a Factory,
    random: Random,
    budget: usize,
    ttl: Ttl,
    task: Task,
    state: ValueState<u32, String>,
    model: Model,
    now: i64,
    /// What no later time is behind.
    horizon: i64,
    /// Model and horizon at the barrier of the seal under way.
    at_barrier: (Model, i64),
    restorable: (Checkpoint, Model, i64),
}

impl<'a> Twins<'a> {
    fn new(factory: &'a Factory, random: &mut Random) -> Self {
        let ttl = random_ttl(random);
        let budget = BUDGETS[random.below(BUDGETS.len())];
        let mut task = Task::new(factory, budget, Seals::Never);
        let state = task.state.value("n").ttl(ttl);
        let random = Random::new(random.next_u64());
        let (model, at_barrier, restorable) = Default::default();
        Twins { factory, random, budget, ttl, task, state, model, now: 0, horizon: 0, at_barrier, restorable }
    }

    fn run(mut self) -> Result<()> {
        self.tell_time();
        for _ in 0..20 + self.random.below(100) {
            self.step()?;
        }
        self.begin()?;
        self.finish()?;
        self.restore()?;
        (0..KEYS as u32).try_for_each(|k| self.get(k))
    }

    fn step(&mut self) -> Result<()> {
        let k = self.random.below(KEYS) as u32;
        match self.random.below(20) {
            0..4 => self.pass_time(),
            4..6 => self.set(k)?,
            6..9 => self.get(k)?,
            9 | 10 => self.get_two(k)?,
            11 => self.update(k)?,
            12 => self.enter(k)?,
            13 => self.take(k)?,
            14 => {
                self.state.remove(&key(k))?;
                self.model.remove(&k);
            }
            15 => self.begin()?,
            16 if self.task.is_sealing() => drop(self.task.slice(self.random.below(4))?),
            17 if self.task.is_sealing() => self.finish()?,
            18 if self.random.below(4) == 0 => self.restore()?,
            _ => drop(self.task.spill()?),
        }
        Ok(())
    }

    /// Processing time does not fall. The stamps of events may, down to the watermark.
    fn pass_time(&mut self) {
        self.horizon += self.random.below(25) as i64;
        self.now = match self.ttl.clock {
            TtlClock::Processing => self.horizon,
            TtlClock::Event => self.horizon + self.random.below(25) as i64,
        };
        self.tell_time();
    }

    fn tell_time(&self) {
        let (now, horizon) = (Timestamp::from_millis(self.now), Timestamp::from_millis(self.horizon));
        match self.ttl.clock {
            TtlClock::Processing => self.task.state.batch_begins(now),
            TtlClock::Event => {
                self.task.state.fired(horizon);
                self.task.state.event_begins(now, now);
            }
        }
    }

    fn is_over(&self, updated: i64) -> bool {
        updated + LENGTH <= self.now
    }

    fn gives_expired(&self) -> bool {
        self.ttl.visibility == TtlVisibility::ReturnExpiredIfNotCleanedUp
    }

    fn text(&mut self) -> String {
        "v".repeat(self.random.below(40))
    }

    fn set(&mut self, k: u32) -> Result<()> {
        let text = self.text();
        self.state.set(&key(k), text.clone())?;
        self.model.insert(k, (text, self.now));
        Ok(())
    }

    /// What the model says of a read of `k` that gave `found`, and what becomes of the entry. One that is met while
    /// another is borrowed stays, unless it was given.
    fn expect(&mut self, k: u32, found: Option<&str>, borrowed: bool) {
        match self.model.get_mut(&k) {
            None => assert_eq!(found, None, "key {k}"),
            Some((value, updated)) if *updated + LENGTH > self.now => {
                assert_eq!(found, Some(value.as_str()), "key {k}");
                if self.ttl.update == TtlUpdate::OnReadAndWrite {
                    *updated = self.now.max(*updated);
                }
            }
            Some((value, _)) => {
                assert!(found.is_none_or(|found| found == value), "key {k}");
                assert!(
                    found.is_none() || self.ttl.visibility == TtlVisibility::ReturnExpiredIfNotCleanedUp,
                    "key {k}"
                );
                if !borrowed || found.is_some() {
                    self.model.remove(&k);
                }
            }
        }
    }

    fn get(&mut self, k: u32) -> Result<()> {
        let found = self.state.get_cloned(&key(k))?;
        self.expect(k, found.as_deref(), false);
        Ok(())
    }

    fn get_two(&mut self, k: u32) -> Result<()> {
        let other = (k + 1) % KEYS as u32;
        let (one, two) = {
            let (one, two) = (self.state.get(&key(k))?, self.state.get(&key(other))?);
            (one.as_deref().cloned(), two.as_deref().cloned())
        };
        self.expect(k, one.as_deref(), false);
        self.expect(other, two.as_deref(), one.is_some());
        Ok(())
    }

    fn update(&mut self, k: u32) -> Result<()> {
        let changed = self.state.update(&key(k), |value| value.push('u'))?;
        self.changed(k, changed, 'u');
        Ok(())
    }

    /// A call that changes values in place has found one, or not.
    fn changed(&mut self, k: u32, changed: bool, by: char) {
        let there = self.model.get(&k).map(|(_, updated)| self.is_over(*updated));
        match there {
            None => assert!(!changed, "key {k}"),
            Some(false) => assert!(changed, "key {k}"),
            Some(true) => assert!(!changed || self.gives_expired(), "key {k}"),
        }
        match self.model.remove(&k) {
            Some((mut value, _)) if changed => {
                value.push(by);
                self.model.insert(k, (value, self.now));
            }
            _ => {}
        }
    }

    fn enter(&mut self, k: u32) -> Result<()> {
        let look_only = self.random.below(2) == 0;
        let k_token = key(k);
        let mut value = self.state.entry(&k_token)?.or_insert("new".to_owned());
        let found = value.clone();
        if !look_only {
            value.push('e');
        }
        drop(value);
        let (now, renews) = (self.now, self.ttl.update == TtlUpdate::OnReadAndWrite);
        let there = self.model.get(&k).filter(|(_, updated)| !self.is_over(*updated)).cloned();
        let (expected, updated) = match (there, self.model.get(&k)) {
            (Some((value, updated)), _) => match (look_only, renews) {
                (false, _) => (value, now),
                (true, true) => (value, now.max(updated)),
                (true, false) => (value, updated),
            },
            (None, Some((value, _))) if self.gives_expired() && *value == found => (value.clone(), now),
            (None, _) => ("new".to_owned(), now),
        };
        assert_eq!(found, expected, "key {k}");
        self.model.insert(k, (if look_only { expected } else { expected + "e" }, updated));
        Ok(())
    }

    fn take(&mut self, k: u32) -> Result<()> {
        let found = self.state.take(&key(k))?;
        self.expect(k, found.as_deref(), false);
        self.model.remove(&k);
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        if self.task.is_sealing() {
            self.finish()?;
        }
        self.at_barrier = (self.model.clone(), self.horizon);
        self.task.begin()
    }

    /// What had not expired at the barrier is in the checkpoint, with its last update. Of what had, some may be.
    fn finish(&mut self) -> Result<()> {
        let checkpoint = self.task.finish()?;
        let (model, horizon) = self.at_barrier.clone();
        let live = |updated: i64| updated + LENGTH > horizon;
        let mut expected = BTreeMap::new();
        for (k, (value, updated)) in model.iter().filter(|(_, (_, updated))| live(*updated)) {
            let mut bytes = Vec::new();
            Stamp::Updated(*updated).encode(&mut bytes);
            codec::encode(value, &mut bytes)?;
            expected.insert(super::model::store_key(&[], *k), bytes);
        }
        let mut content = checkpoint.content("n")?;
        content.retain(|_, bytes| matches!(Stamp::split(bytes), Ok((Stamp::Updated(at), _)) if live(at)));
        assert_eq!(content, expected);
        self.restorable = (checkpoint, model, horizon);
        Ok(())
    }

    /// Goes on from the last checkpoint, some time later. Event time goes on where it stood.
    fn restore(&mut self) -> Result<()> {
        let (checkpoint, model, horizon) = self.restorable.clone();
        self.task = Task::new(self.factory, self.budget, Seals::Never);
        self.state = self.task.state.value("n").ttl(self.ttl);
        match self.ttl.clock {
            TtlClock::Processing => self.pass_time(),
            TtlClock::Event => (self.horizon, self.now) = (horizon, horizon),
        }
        self.tell_time();
        self.task.restore(&checkpoint)?;
        self.model = model;
        Ok(())
    }
}
