//! Random operations, compared with a sorted map of values and when they end.

use super::place::{Place, Way, all, at_a_place, ms, snapshot};
use crate::{
    backend::BackendFactory,
    key_value::{Batch, KeyAndValue, KeyValueState},
    store::KeyRange,
    testing::Random,
    ttl::{NEVER, Ttl, TtlUpdate},
};
use gress_core::Result;
use std::{collections::BTreeMap, path::PathBuf};

/// Every seed and step is the same on each run.
pub fn random_operations_match_a_sorted_map_of_deadlines(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let ways = place.ways()?;
        for seed in 0..6 {
            let ttl = [None, Some(Ttl::after(ms(50))), Some(Ttl::after(ms(50)).renewed_by_reads())][seed as usize % 3];
            place.set(0);
            let mut model = Model::begin(place, &ways, ttl, seed)?;
            for step in 0..200 {
                model.context = format!("seed {seed}, step {step}");
                model.step()?;
            }
            model.check_all()?;
            model.take().1.close()?;
        }
        Ok(())
    });
}

/// A value and when it ends, or how it was written.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    value: Vec<u8>,
    /// When it was written, or renewed; the end itself for one with a time of its own.
    ends: Ends,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    AfterTtl { updated: i64 },
    At(i64),
}

/// A state and what it must hold.
struct Model<'p> {
    place: &'p Place<'p>,
    ways: &'p [Way],
    ttl: Option<Ttl>,
    opened: Option<(PathBuf, KeyValueState)>,
    map: BTreeMap<Vec<u8>, Held>,
    /// What the clock shows, and the latest that the state has seen.
    clock: i64,
    now: i64,
    random: Random,
    context: String,
}

impl<'p> Model<'p> {
    fn begin(place: &'p Place<'p>, ways: &'p [Way], ttl: Option<Ttl>, seed: u64) -> Result<Self> {
        let (opened, map) = (Some(place.begin(ttl)?), BTreeMap::new());
        let (random, context) = (Random::new(seed), String::new());
        Ok(Model { place, ways, ttl, opened, map, clock: 0, now: 0, random, context })
    }

    fn state(&self) -> &KeyValueState {
        &self.opened.as_ref().expect("the state is open").1
    }

    fn take(&mut self) -> (PathBuf, KeyValueState) {
        self.opened.take().expect("the state is open")
    }

    fn step(&mut self) -> Result<()> {
        match self.random.below(100) {
            0..15 => self.put(),
            15..22 => self.delete(),
            22..32 => self.write_a_batch(),
            32..38 => self.put_many(),
            38..52 => self.get(),
            52..64 => self.get_many(),
            64..78 => self.scan(),
            78..90 => self.tick(),
            90..94 => self.state().flush(),
            94..95 => self.state().compact(),
            95..98 => self.restore_an_earlier_moment(),
            _ => self.open_again(),
        }
    }

    /// Up to four bytes of a small alphabet, so that keys meet again and are prefixes of each other.
    fn key(&mut self) -> Vec<u8> {
        (0..self.random.below(5)).map(|_| [0, b'k', 0xff][self.random.below(3)]).collect()
    }

    fn value(&mut self) -> Vec<u8> {
        let length = if self.random.one_in(50) { 5_000 } else { self.random.below(12) };
        (0..length).map(|_| self.random.below(256) as u8).collect()
    }

    /// How a write's entries end: a time of their own, or the state's.
    fn ends(&mut self) -> (Option<u64>, Ends) {
        match self.random.one_in(3) {
            true => {
                let own = self.random.below(80) as u64;
                (Some(own), Ends::At(self.now + own as i64))
            }
            false => (None, Ends::AfterTtl { updated: self.now }),
        }
    }

    fn is_there(&self, held: &Held) -> bool {
        let end = match (held.ends, self.ttl) {
            (Ends::At(end), _) => end,
            (Ends::AfterTtl { updated }, Some(ttl)) => updated.saturating_add(ttl.millis()),
            (Ends::AfterTtl { .. }, None) => NEVER,
        };
        end > self.now
    }

    /// What a read gives, and what it does.
    fn read(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        let held = self.map.get(key).filter(|held| self.is_there(held))?.clone();
        if self.ttl.is_some_and(|ttl| ttl.update == TtlUpdate::OnReadAndWrite)
            && let Ends::AfterTtl { updated } = held.ends
        {
            let ends = Ends::AfterTtl { updated: updated.max(self.now) };
            self.map.insert(key.to_vec(), Held { ends, ..held.clone() });
        }
        Some(held.value)
    }

    fn put(&mut self) -> Result<()> {
        let (key, value, (own, ends)) = (self.key(), self.value(), self.ends());
        match own {
            Some(own) => self.state().put_with_ttl(&key, &value, ms(own))?,
            None => self.state().put(&key, &value)?,
        }
        self.map.insert(key, Held { value, ends });
        Ok(())
    }

    fn delete(&mut self) -> Result<()> {
        match self.random.below(3) {
            0 => {
                let key = self.key();
                self.state().delete(&key)?;
                self.map.remove(&key);
            }
            1 => {
                let keys: Vec<_> = (0..self.random.below(20)).map(|_| self.key()).collect();
                self.state().batch_delete(&keys)?;
                keys.iter().for_each(|key| drop(self.map.remove(key)));
            }
            _ => {
                let (lower, upper) = (self.key(), (!self.random.one_in(8)).then(|| self.key()));
                let range = KeyRange { lower: &lower, upper: upper.as_deref() };
                self.state().delete_range(range)?;
                self.map.retain(|key, _| !range.contains(key));
            }
        }
        Ok(())
    }

    fn write_a_batch(&mut self) -> Result<()> {
        let mut batch = Batch::default();
        for _ in 0..self.random.below(30) {
            match self.random.below(6) {
                0 => {
                    let (lower, upper) = (self.key(), (!self.random.one_in(8)).then(|| self.key()));
                    let range = KeyRange { lower: &lower, upper: upper.as_deref() };
                    batch.delete_range(range);
                    self.map.retain(|key, _| !range.contains(key));
                }
                1 => {
                    let key = self.key();
                    batch.delete(&key);
                    self.map.remove(&key);
                }
                _ => {
                    let (key, value, (own, ends)) = (self.key(), self.value(), self.ends());
                    match own {
                        Some(own) => batch.put_with_ttl(&key, &value, ms(own)),
                        None => batch.put(&key, &value),
                    };
                    self.map.insert(key, Held { value, ends });
                }
            }
        }
        self.state().write(&batch)
    }

    fn put_many(&mut self) -> Result<()> {
        let size = if self.random.one_in(20) { 12_000 } else { 30 };
        let count = self.random.below(size);
        let entries: Vec<KeyAndValue> = (0..count).map(|_| (self.key(), self.value())).collect();
        let (own, ends) = self.ends();
        match own {
            Some(own) => self.state().batch_put_with_ttl(entries.iter().map(|(k, v)| (k, v)), ms(own))?,
            None => self.state().batch_put(entries.iter().map(|(k, v)| (k, v)))?,
        }
        self.map.extend(entries.into_iter().map(|(key, value)| (key, Held { value, ends })));
        Ok(())
    }

    fn get(&mut self) -> Result<()> {
        let key = self.key();
        let found = match self.random.one_in(4) {
            true => self.state().contains_key(&key)?.then(|| self.map[&key].value.clone()),
            false => self.state().get(&key)?,
        };
        assert_eq!(found, self.read(&key), "{}, key {key:?}", self.context);
        Ok(())
    }

    fn get_many(&mut self) -> Result<()> {
        let keys: Vec<_> = (0..self.random.below(40)).map(|_| self.key()).collect();
        let found = self.state().batch_get(&keys)?;
        for (key, found) in keys.iter().zip(found) {
            assert_eq!(found, self.read(key), "{}, key {key:?}", self.context);
        }
        Ok(())
    }

    fn wanted(&self, range: KeyRange<'_>) -> Vec<KeyAndValue> {
        let inside = self.map.iter().filter(|(key, held)| range.contains(key) && self.is_there(held));
        inside.map(|(key, held)| (key.clone(), held.value.clone())).collect()
    }

    fn scan(&mut self) -> Result<()> {
        let (lower, upper) = (self.key(), (!self.random.one_in(4)).then(|| self.key()));
        let range = KeyRange { lower: &lower, upper: upper.as_deref() };
        let limit = 1 + self.random.below(30);
        let (wanted, slice) = (self.wanted(range), self.state().scan(range, limit)?);
        let end = limit.min(wanted.len());
        assert_eq!(slice.entries, wanted[..end], "{}, {lower:?}..{upper:?}, limit {limit}", self.context);
        if let Some(next) = slice.next {
            let rest = self.wanted(KeyRange { lower: &next, upper: range.upper });
            assert_eq!(rest, wanted[end..], "{}, from {next:?}", self.context);
        } else {
            assert_eq!(end, wanted.len(), "{}, {lower:?}..{upper:?}", self.context);
        }
        let prefix = self.key();
        let begin: Vec<_> = self.state().iter_prefix(&prefix).collect::<Result<_>>()?;
        let all = self.wanted(KeyRange { lower: b"", upper: None }).into_iter();
        assert!(begin.into_iter().eq(all.filter(|(key, _)| key.starts_with(&prefix))), "{}", self.context);
        Ok(())
    }

    /// Forward mostly, and now and then back: then time stands still for the state.
    fn tick(&mut self) -> Result<()> {
        let step = self.random.below(30) as i64;
        self.clock += if self.random.one_in(5) { -step } else { step };
        self.place.set(self.clock);
        self.look_at_the_clock()
    }

    /// The state sees the time when it needs it; here it needs it.
    fn look_at_the_clock(&mut self) -> Result<()> {
        self.state().put_with_ttl(b"clock", b"", ms(0))?;
        self.map.insert(b"clock".to_vec(), Held { value: Vec::new(), ends: Ends::At(i64::MIN) });
        self.now = self.now.max(self.clock);
        Ok(())
    }

    fn restore_an_earlier_moment(&mut self) -> Result<()> {
        let (stream, map) = (snapshot(self.state())?, self.map.clone());
        for _ in 0..self.random.below(4) {
            self.put()?;
            self.delete()?;
            self.tick()?;
        }
        self.state().restore(&stream[..])?;
        self.map = map;
        self.check_all()
    }

    fn open_again(&mut self) -> Result<()> {
        let way = self.ways[self.random.below(self.ways.len())];
        // A clock that is behind when a state is opened would make it younger.
        self.clock = self.now;
        self.place.set(self.clock);
        let opened = self.take();
        self.opened = Some(self.place.again(way, opened, self.ttl)?);
        self.look_at_the_clock()?;
        self.check_all()
    }

    fn check_all(&self) -> Result<()> {
        let (found, wanted) = (all(self.state())?, self.wanted(KeyRange { lower: b"", upper: None }));
        assert!(
            found == wanted,
            "{}: {} entries, {} are expected, or they differ",
            self.context,
            found.len(),
            wanted.len()
        );
        Ok(())
    }
}
