//! Random steps on maps and lists, with and without a time to live, compared with sorted maps and vectors.

use super::{
    lifetimes_model::random_ttl,
    task::{BUDGETS, Checkpoint, Factory, Seals, Task, key},
};
use crate::{
    ListState, MapState, Ttl,
    testing::Random,
    ttl::{TtlClock, TtlUpdate},
};
use gress_core::{Result, Timestamp};
use std::{
    collections::BTreeMap,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

/// `runs` times: every seed and step is the same on each machine.
#[expect(clippy::print_stderr, reason = "a failed check says which steps led to it")]
pub fn random_steps_on_maps_and_lists_match_sorted_maps_and_vectors(factory: &Factory, runs: u64) {
    for seed in 0..runs {
        let run = || Twins::new(factory, Random::new(seed)).run().expect("no step fails");
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            eprintln!("seed {seed}");
            resume_unwind(panic);
        }
    }
}

const KEYS: usize = 4;
const LENGTH: i64 = super::lifetimes_model::LENGTH;

/// Values and their last updates.
#[derive(Clone, Default)]
struct Model {
    maps: BTreeMap<u32, BTreeMap<u32, (String, i64)>>,
    lists: BTreeMap<u32, Vec<(String, i64)>>,
}

struct Twins<'a> {
    factory: &'a Factory,
    random: Random,
    ttl: Option<Ttl>,
    task: Task,
    map: MapState<u32, u32, String>,
    list: ListState<u32, String>,
    model: Model,
    now: i64,
    /// What no later time is behind.
    horizon: i64,
    /// Model, now and horizon at the barrier of the seal under way.
    at_barrier: (Model, i64, i64),
    restorable: (Checkpoint, Model, i64, i64),
}

fn declare(task: &mut Task, ttl: Option<Ttl>) -> (MapState<u32, u32, String>, ListState<u32, String>) {
    let (map, list) = (task.state.map("map"), task.state.list("list"));
    match ttl {
        None => (map, list),
        Some(ttl) => (map.ttl(ttl), list.ttl(ttl)),
    }
}

impl<'a> Twins<'a> {
    fn new(factory: &'a Factory, mut random: Random) -> Self {
        let ttl = (random.below(3) > 0).then(|| Ttl { visibility: Default::default(), ..random_ttl(&mut random) });
        let budget = [BUDGETS[0], 600, 3_000, 0][random.below(4)];
        let mut task = Task::new(factory, budget, Seals::Never);
        let (map, list) = declare(&mut task, ttl);
        let (model, at_barrier, restorable) = Default::default();
        Twins { factory, random, ttl, task, map, list, model, now: 0, horizon: 0, at_barrier, restorable }
    }

    fn run(mut self) -> Result<()> {
        self.tell_time();
        for _ in 0..20 + self.random.below(150) {
            self.step()?;
        }
        self.begin()?;
        self.finish()?;
        self.restore()?;
        self.look_at_all()
    }

    fn step(&mut self) -> Result<()> {
        let k = self.random.below(KEYS) as u32;
        match self.random.below(40) {
            0..3 => self.pass_time(),
            3..8 => self.put(k)?,
            8 => self.put_many(k)?,
            9..12 => self.get(k)?,
            12..14 => self.remove(k)?,
            14 | 15 => self.change(k)?,
            16 | 17 => self.range(k)?,
            18 => self.ends(k)?,
            19 => self.retain(k)?,
            20 => {
                self.map.clear(&key(k))?;
                self.model.maps.remove(&k);
            }
            21..25 => self.add(k)?,
            25 => self.add_many(k)?,
            26 | 27 => self.read_list(k)?,
            28 => self.replace_or_clear(k)?,
            29 => self.retain_items(k)?,
            30 => self.merge(k)?,
            31 => self.begin()?,
            32 | 33 if self.task.is_sealing() => drop(self.task.slice(self.random.below(4))?),
            34 if self.task.is_sealing() => self.finish()?,
            35 if self.random.below(3) == 0 => self.restore()?,
            36 => self.look_at_all()?,
            _ => drop(self.task.spill()?),
        }
        Ok(())
    }

    /// The stamps of events may be ahead of the watermark. They do not fall here: what has expired may be met, and removed,
    /// by one call and not by another.
    fn pass_time(&mut self) {
        self.horizon += self.random.below(25) as i64;
        let events = self.ttl.is_some_and(|ttl| ttl.clock == TtlClock::Event);
        self.now = self.now.max(self.horizon + if events { self.random.below(25) as i64 } else { 0 });
        self.tell_time();
    }

    fn tell_time(&self) {
        let (now, horizon) = (Timestamp::from_millis(self.now), Timestamp::from_millis(self.horizon));
        match self.ttl.map(|ttl| ttl.clock) {
            Some(TtlClock::Event) => {
                self.task.state.fired(horizon);
                self.task.state.event_begins(now, now);
            }
            _ => self.task.state.batch_begins(now),
        }
    }

    fn is_there(&self, updated: i64) -> bool {
        self.ttl.is_none() || updated + LENGTH > self.now
    }

    /// The age of something that was read.
    fn read_at(&self, updated: i64) -> i64 {
        match self.ttl {
            Some(ttl) if ttl.update == TtlUpdate::OnReadAndWrite => updated.max(self.now),
            _ => updated,
        }
    }

    fn text(&mut self) -> String {
        "v".repeat(self.random.below(40))
    }

    fn element(&mut self) -> u32 {
        self.random.below(12) as u32
    }

    /// What is there of the map of `k`.
    fn entries(&self, k: u32) -> Vec<(u32, String)> {
        let map = self.model.maps.get(&k).into_iter().flatten();
        map.filter(|(_, (_, at))| self.is_there(*at)).map(|(e, (value, _))| (*e, value.clone())).collect()
    }

    fn items(&self, k: u32) -> Vec<String> {
        let list = self.model.lists.get(&k).into_iter().flatten();
        list.filter(|(_, at)| self.is_there(*at)).map(|(item, _)| item.clone()).collect()
    }

    fn was_read(&mut self, k: u32, elements: impl IntoIterator<Item = u32>) {
        for element in elements {
            if let Some((_, at)) = self.model.maps.get(&k).and_then(|map| map.get(&element)) {
                let at = self.read_at(*at);
                self.model.maps.entry(k).or_default().entry(element).and_modify(|entry| entry.1 = at);
            }
        }
    }

    fn put(&mut self, k: u32) -> Result<()> {
        let (element, text) = (self.element(), self.text());
        self.map.put(&key(k), &element, text.clone())?;
        self.model.maps.entry(k).or_default().insert(element, (text, self.now));
        Ok(())
    }

    /// More entries than are cleared one by one.
    fn put_many(&mut self, k: u32) -> Result<()> {
        let count = [20, 100, 1_200][self.random.below(3)];
        for element in 0..count {
            self.map.put(&key(k), &element, String::new())?;
            self.model.maps.entry(k).or_default().insert(element, (String::new(), self.now));
        }
        Ok(())
    }

    fn get(&mut self, k: u32) -> Result<()> {
        let element = self.element();
        let there = self.entries(k).into_iter().find(|(e, _)| *e == element).map(|(_, value)| value);
        assert_eq!(self.map.get_cloned(&key(k), &element)?, there, "key {k}, map key {element}");
        if there.is_some() {
            self.was_read(k, [element]);
        }
        Ok(())
    }

    fn remove(&mut self, k: u32) -> Result<()> {
        let element = self.element();
        let there = self.entries(k).into_iter().find(|(e, _)| *e == element).map(|(_, value)| value);
        match self.random.below(2) {
            0 => self.map.remove(&key(k), &element)?,
            _ => assert_eq!(self.map.take(&key(k), &element)?, there, "key {k}, map key {element}"),
        }
        self.model.maps.entry(k).or_default().remove(&element);
        Ok(())
    }

    fn change(&mut self, k: u32) -> Result<()> {
        let element = self.element();
        let there = self.entries(k).into_iter().find(|(e, _)| *e == element).map(|(_, value)| value);
        let changed = match self.random.below(2) {
            0 => {
                let changed = self.map.update(&key(k), &element, |value| value.push('u'))?;
                assert_eq!(changed, there.is_some());
                there
            }
            _ => {
                self.map.entry(&key(k), &element)?.or_default().push('u');
                Some(there.unwrap_or_default())
            }
        };
        if let Some(value) = changed {
            self.model.maps.entry(k).or_default().insert(element, (value + "u", self.now));
        }
        Ok(())
    }

    fn range(&mut self, k: u32) -> Result<()> {
        let (a, b, token) = (self.element(), self.element(), key(k));
        let bounds = match self.random.below(3) {
            0 => (Bound::Included(a), Bound::Excluded(b)),
            1 => (Bound::Excluded(a), Bound::Included(b)),
            _ => (Bound::Unbounded, Bound::Unbounded),
        };
        let found: Vec<_> = match bounds {
            (Bound::Unbounded, _) => self.map.iter(&token)?,
            bounds => self.map.range(&token, bounds)?,
        }
        .map(|entry| entry.map(|(element, value)| (element, value.clone())))
        .collect::<Result<_>>()?;
        let inside = |element: &u32| match bounds {
            (Bound::Included(a), _) => (a..b).contains(element),
            (Bound::Excluded(a), _) => *element > a && *element <= b,
            _ => true,
        };
        let wanted: Vec<_> = self.entries(k).into_iter().filter(|(element, _)| inside(element)).collect();
        assert_eq!(found, wanted, "key {k}, {bounds:?}");
        self.was_read(k, wanted.into_iter().map(|(element, _)| element));
        Ok(())
    }

    fn ends(&mut self, k: u32) -> Result<()> {
        let (token, entries) = (key(k), self.entries(k));
        assert_eq!(self.map.is_empty(&token)?, entries.is_empty(), "key {k}");
        let last = self.map.last(&token)?.map(|(element, value)| (element, value.clone()));
        assert_eq!(last.as_ref(), entries.last(), "key {k}");
        self.was_read(k, last.map(|(element, _)| element));
        let first = self.map.first(&token)?.map(|(element, value)| (element, value.clone()));
        assert_eq!(first.as_ref(), entries.first(), "key {k}");
        self.was_read(k, first.map(|(element, _)| element));
        if self.random.below(2) == 0 {
            let popped = self.map.pop_first(&token)?;
            assert_eq!(popped.as_ref(), entries.first(), "key {k}");
            let map = self.model.maps.entry(k).or_default();
            popped.iter().for_each(|(element, _)| drop(map.remove(element)));
        }
        Ok(())
    }

    fn retain(&mut self, k: u32) -> Result<()> {
        let odd = self.element() % 2;
        let mut seen = Vec::new();
        self.map.retain(&key(k), |element, value| {
            seen.push((*element, value.clone()));
            element % 2 == odd
        })?;
        assert_eq!(seen, self.entries(k), "key {k}");
        self.model.maps.entry(k).or_default().retain(|element, _| element % 2 == odd);
        Ok(())
    }

    fn add(&mut self, k: u32) -> Result<()> {
        let text = self.text();
        self.list.add(&key(k), &text)?;
        self.model.lists.entry(k).or_default().push((text, self.now));
        Ok(())
    }

    /// A few chunks, and sometimes more than are deleted one by one.
    fn add_many(&mut self, k: u32) -> Result<()> {
        let (count, length) = [(300, 30), (20, 5_000), (70, 4_096)][self.random.below(3)];
        let items: Vec<_> = (0..count).map(|n| format!("{n:0length$}")).collect();
        self.list.add_all(&key(k), &items)?;
        let now = self.now;
        self.model.lists.entry(k).or_default().extend(items.into_iter().map(|item| (item, now)));
        Ok(())
    }

    fn read_list(&mut self, k: u32) -> Result<()> {
        let items = self.items(k);
        assert_eq!(self.list.is_empty(&key(k))?, items.is_empty(), "key {k}");
        assert!(self.list.get(&key(k))? == items, "key {k}: {} items", items.len());
        let mut list = self.model.lists.remove(&k).unwrap_or_default();
        list.retain(|(_, at)| self.is_there(*at));
        list.iter_mut().for_each(|(_, at)| *at = self.read_at(*at));
        self.model.lists.insert(k, list);
        Ok(())
    }

    fn replace_or_clear(&mut self, k: u32) -> Result<()> {
        let items: Vec<_> = (0..self.random.below(3)).map(|_| self.text()).collect();
        match self.random.below(2) {
            0 => self.list.update(&key(k), &items)?,
            _ => {
                self.list.clear(&key(k))?;
                self.list.add_all(&key(k), &items)?;
            }
        }
        let now = self.now;
        self.model.lists.insert(k, items.into_iter().map(|item| (item, now)).collect());
        Ok(())
    }

    fn retain_items(&mut self, k: u32) -> Result<()> {
        let odd = self.random.below(2);
        let mut seen = Vec::new();
        self.list.retain(&key(k), |item| {
            seen.push(item.clone());
            item.len() % 2 == odd
        })?;
        assert!(seen == self.items(k), "key {k}");
        self.model.lists.entry(k).or_default().retain(|(item, _)| item.len() % 2 == odd);
        Ok(())
    }

    fn merge(&mut self, k: u32) -> Result<()> {
        let (a, b) = ((k + 1) % KEYS as u32, (k + 2) % KEYS as u32);
        self.list.merge(&key(k), &[&key(a), &key(b)])?;
        for source in [a, b] {
            let mut moved = self.model.lists.remove(&source).unwrap_or_default();
            moved.retain(|(_, at)| self.is_there(*at));
            self.model.lists.entry(k).or_default().extend(moved);
        }
        Ok(())
    }

    fn look_at_all(&mut self) -> Result<()> {
        for k in 0..KEYS as u32 {
            let token = key(k);
            let found = self.map.iter(&token)?.map(|entry| entry.map(|(element, value)| (element, value.clone())));
            assert_eq!(found.collect::<Result<Vec<_>>>()?, self.entries(k), "key {k}");
            let read: Vec<_> = self.entries(k).into_iter().map(|(element, _)| element).collect();
            self.was_read(k, read);
            self.read_list(k)?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        if self.task.is_sealing() {
            self.finish()?;
        }
        self.at_barrier = (self.model.clone(), self.now, self.horizon);
        self.task.begin()
    }

    fn finish(&mut self) -> Result<()> {
        let checkpoint = self.task.finish()?;
        let (model, now, horizon) = self.at_barrier.clone();
        if self.ttl.is_none() {
            let entries: usize = model.maps.values().map(BTreeMap::len).sum();
            assert_eq!(checkpoint.content("map")?.len(), entries);
            if model.lists.values().all(Vec::is_empty) {
                assert!(checkpoint.content("list")?.is_empty());
            }
        }
        self.restorable = (checkpoint, model, now, horizon);
        Ok(())
    }

    /// Goes on from the last checkpoint with another budget, some time later. Event time goes on where it stood.
    fn restore(&mut self) -> Result<()> {
        let (mut checkpoint, model, now, horizon) = self.restorable.clone();
        if self.random.below(2) == 0 {
            checkpoint.fold(self.random.below(6))?;
        }
        let budget = [BUDGETS[0], 600, 20_000, 0][self.random.below(4)];
        self.task = Task::new(self.factory, budget, Seals::Never);
        (self.map, self.list) = declare(&mut self.task, self.ttl);
        match self.ttl.map(|ttl| ttl.clock) {
            Some(TtlClock::Event) => (self.horizon, self.now) = (horizon, now),
            _ => self.pass_time(),
        }
        self.tell_time();
        self.task.restore(&checkpoint)?;
        (self.restorable, self.model) = ((checkpoint, model.clone(), now, horizon), model);
        Ok(())
    }
}
