//! State access alone: a counter a key, all keys there already, beside a hash map in the same run.

use crate::{
    jobs::text,
    medians::median,
    report::{
        Cell::{Count, Ratio},
        Report, Row,
    },
    shared::Shared,
    workload::Workload,
};
use gress_core::{Error, Result};
use gress_runtime::{Clock, SystemClock};
use gress_state::{Key, KeyMaker, StateKey, TaskBackend, TaskState, ValueState, memory::MemoryFactory};
use hashbrown::HashMap;
use std::{hash::Hash, path::PathBuf, sync::Arc, time::Duration};

#[derive(clap::Args)]
pub(crate) struct Access {
    /// Distinct keys, of one measurement after another [default: 1000,100000,1000000,10000000; short: 100000].
    #[arg(long, value_delimiter = ',')]
    keys: Vec<u64>,
    /// Accesses in each round.
    #[arg(long)]
    accesses: Option<u64>,
    /// Which keys: `u64`, `pair` (16 bytes) or `string` (of 16 characters); all of them if none is given.
    #[arg(long, value_enum, value_delimiter = ',')]
    of: Vec<KeyType>,
    /// Rounds, in which the two take turns; medians are shown.
    #[arg(long)]
    rounds: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum KeyType {
    U64,
    Pair,
    String,
}

/// As many events come to a task together.
const BATCH: u64 = 1024;

type Map<K> = HashMap<K, u64, foldhash::fast::FixedState>;

impl Access {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let accesses = shared.or(self.accesses, 10_000_000, 1_000_000);
        let rounds = shared.or(self.rounds, 5, 3);
        let counts = match self.keys.is_empty() {
            true => shared.or(None, vec![1_000, 100_000, 1_000_000, 10_000_000], vec![100_000]),
            false => self.keys,
        };
        let mut report = Report::new("access");
        report.setting("accesses in a round", accesses);
        report.setting("rounds", rounds);
        let (mut rows, mut ratios) = (Vec::new(), Vec::new());
        for keys in counts {
            let workload = Workload::uniform(keys, accesses);
            for kind in [KeyType::U64, KeyType::Pair, KeyType::String] {
                if !self.of.is_empty() && !self.of.contains(&kind) {
                    continue;
                }
                let (name, (plain, gress)) = match kind {
                    KeyType::U64 => ("u64", both(&workload, rounds, |key| key)?),
                    KeyType::Pair => ("(u64, u64)", both(&workload, rounds, |key| (key, key))?),
                    KeyType::String => ("String", both(&workload, rounds, text)?),
                };
                ratios.push((kind, keys, gress / plain));
                rows.push(
                    Row::default()
                        .with("key", name)
                        .with("keys", Count(keys))
                        .with("hash map: accesses/s", Count(plain as u64))
                        .with("ValueState: accesses/s", Count(gress as u64))
                        .with("ratio", Ratio(gress / plain)),
                );
            }
        }
        report.table("a counter a key, all of them hits", &rows);
        for (kind, keys, ratio) in ratios {
            match (kind, keys) {
                (KeyType::U64, 1_000_000) => report.at_least("1 M keys, ratio", ratio, 0.9),
                (KeyType::U64, 10_000_000) => report.at_least("10 M keys, ratio", ratio, 1.2),
                _ => {}
            }
        }
        Ok(report)
    }
}

/// Accesses a second of a hash map and of [`ValueState`].
fn both<K: StateKey>(workload: &Workload, rounds: usize, key_of: impl Fn(u64) -> K) -> Result<(f64, f64)> {
    let (mut plain, mut gress) = (Plain::<K>::default(), Gress::<K>::new());
    for key in 0..workload.keys {
        plain.counts.insert(key_of(key), 0);
    }
    gress.count(0..workload.keys, &key_of)?;
    let clock = SystemClock::start();
    let per_second = |from: Duration| workload.events as f64 / (clock.now() - from).as_secs_f64();
    let (mut of_plain, mut of_gress) = (Vec::new(), Vec::new());
    for round in 0..rounds as u64 {
        let indices = || round * workload.events..(round + 1) * workload.events;
        let begun = clock.now();
        plain.count(indices().map(|index| workload.key(index)), &key_of);
        of_plain.push(per_second(begun));
        let begun = clock.now();
        gress.count(indices().map(|index| workload.key(index)), &key_of)?;
        of_gress.push(per_second(begun));
    }
    let counted = workload.events * rounds as u64;
    let (plain, gress) = (plain.counts.values().sum::<u64>(), gress.sum(workload.keys, &key_of)? - workload.keys);
    if (plain, gress) != (counted, counted) {
        return Err(Error::operator(format!("{plain} and {gress} were counted instead of {counted}")));
    }
    Ok((median(of_plain.into_iter()), median(of_gress.into_iter())))
}

struct Plain<K> {
    counts: Map<K>,
}

impl<K> Default for Plain<K> {
    fn default() -> Self {
        Plain { counts: Map::default() }
    }
}

impl<K: Eq + Hash> Plain<K> {
    fn count(&mut self, keys: impl Iterator<Item = u64>, key_of: impl Fn(u64) -> K) {
        for key in keys {
            *self.counts.entry(key_of(key)).or_insert(0) += 1;
        }
    }
}

/// A state as a task uses it: keys come in batches, hashed where the stream was keyed.
struct Gress<K> {
    task: TaskState,
    seen: ValueState<K, u64>,
    maker: KeyMaker,
    keys: Vec<Key<K>>,
    hashes: Vec<u64>,
}

impl<K: StateKey> Gress<K> {
    fn new() -> Self {
        let mut task = TaskState::new("access", TaskBackend::new(Arc::new(MemoryFactory), PathBuf::new()), usize::MAX);
        let seen = task.value("seen");
        Gress { task, seen, maker: KeyMaker::default(), keys: Vec::new(), hashes: Vec::new() }
    }

    fn count(&mut self, mut keys: impl Iterator<Item = u64>, key_of: impl Fn(u64) -> K) -> Result<()> {
        loop {
            self.keys.clear();
            for key in keys.by_ref().take(BATCH as usize) {
                self.keys.push(self.maker.key(key_of(key))?);
            }
            if self.keys.is_empty() {
                return Ok(());
            }
            self.hashes.clear();
            self.hashes.extend(self.keys.iter().map(Key::hash));
            for (at, key) in self.keys.iter().enumerate() {
                if at % TaskState::LOOK_AHEAD == 0 {
                    self.task.look_ahead(&self.hashes, at);
                }
                *self.seen.entry(key)?.or_insert(0) += 1;
            }
        }
    }

    fn sum(&mut self, keys: u64, key_of: impl Fn(u64) -> K) -> Result<u64> {
        let mut sum = 0;
        for key in 0..keys {
            sum += self.seen.get_cloned(&self.maker.key(key_of(key))?)?.unwrap_or(0);
        }
        Ok(sum)
    }
}
