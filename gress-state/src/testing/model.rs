//! Random operations, compared with a sorted map.

use super::{
    Entries, Entry, Random, Scratch,
    conformance::{assert_holds, get, open, scan_all},
};
use crate::{
    backend::{BackendFactory, StateBackend},
    store::{KeyRange, StateStore},
};
use std::collections::BTreeMap;

/// Every seed and step is the same on each run.
pub fn random_operations_match_a_sorted_map(factory: &dyn BackendFactory) {
    for seed in 0..6 {
        let scratch = Scratch::new();
        let backend = factory.open(scratch.path()).expect("an empty directory can be opened");
        let mut model = Model::new(&*backend, seed);
        for step in 0..250 {
            model.context = format!("seed {seed}, step {step}");
            model.step();
        }
        assert_holds(&*model.store, &model.map);
        drop(model);
        backend.close().expect("a backend can be closed");
    }
}

/// A store and what it must hold.
struct Model<'b> {
    backend: &'b dyn StateBackend,
    store: Box<dyn StateStore>,
    map: BTreeMap<Vec<u8>, Vec<u8>>,
    random: Random,
    context: String,
}

impl<'b> Model<'b> {
    fn new(backend: &'b dyn StateBackend, seed: u64) -> Self {
        let store = open(backend, "state");
        Model { backend, store, map: BTreeMap::new(), random: Random::new(seed), context: String::new() }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..40 => self.apply_a_run(),
            40..60 => self.read_a_key(),
            60..75 => self.read_many_keys(),
            75..92 => self.scan_a_range(),
            92..95 => self.store = open(self.backend, "state"),
            95..98 => self.backend.flush().expect("a backend can be flushed"),
            _ => self.backend.compact().expect("a backend can be compacted"),
        }
    }

    /// Up to five bytes of a small alphabet, so that keys meet again and are prefixes of each other.
    fn key(&mut self) -> Vec<u8> {
        let length = self.random.below(6);
        (0..length).map(|_| [0, 1, b'k', 0xfe, 0xff][self.random.below(5)]).collect()
    }

    /// Range deletes first, on what was there before; then puts and deletes. In the run they are sorted by key.
    fn apply_a_run(&mut self) {
        let (mut run, mut points) = (Vec::new(), BTreeMap::new());
        for _ in 0..self.random.below(4) {
            let (start, end) = (self.key(), self.key());
            self.map.retain(|key, _| !(start <= *key && *key < end));
            run.push(Entry::DeleteRange { start, end });
        }
        let size = if self.random.one_in(20) { 2_000 } else { 40 };
        for n in 0..self.random.below(size) {
            let key = self.key();
            let value = (!self.random.one_in(4)).then(|| n.to_string().into_bytes());
            points.insert(key, value);
        }
        for (key, value) in points {
            match value {
                Some(value) => {
                    run.push(Entry::put(&key, &value));
                    self.map.insert(key, value);
                }
                None => {
                    self.map.remove(&key);
                    run.push(Entry::Delete { key });
                }
            }
        }
        self.store.apply_run(&mut Entries::new(run)).expect("a run can be applied");
    }

    fn read_a_key(&mut self) {
        let key = self.key();
        assert_eq!(get(&*self.store, &key).as_ref(), self.map.get(&key), "{}, key {key:?}", self.context);
    }

    fn read_many_keys(&mut self) {
        let mut keys: Vec<Vec<u8>> = (0..self.random.below(60)).map(|_| self.key()).collect();
        keys.sort();
        keys.dedup();
        let lent: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let mut answers = vec![None; keys.len()];
        let read = &mut |index: usize, value: Option<&[u8]>| {
            assert!(answers[index].replace(value.map(<[u8]>::to_vec)).is_none(), "an index is answered twice");
        };
        self.store.multi_get(&lent, read).expect("many keys can be read");
        for (key, answer) in keys.iter().zip(answers) {
            assert_eq!(answer, Some(self.map.get(key).cloned()), "{}, key {key:?}", self.context);
        }
    }

    fn scan_a_range(&mut self) {
        let (lower, upper) = (self.key(), (!self.random.one_in(5)).then(|| self.key()));
        let range = KeyRange { lower: &lower, upper: upper.as_deref() };
        let limit = 1 + self.random.below(50);
        let (rows, _) = scan_all(&*self.store, range, limit);
        let inside = |(key, _): &(&Vec<u8>, &Vec<u8>)| range.contains(key);
        let wanted: Vec<_> = self.map.iter().filter(inside).map(|(k, v)| (k.clone(), v.clone())).collect();
        assert_eq!(rows, wanted, "{}, {lower:?}..{upper:?} in slices of {limit}", self.context);
    }
}
