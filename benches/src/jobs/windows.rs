//! Counts by key in tumbling windows; events come in the order of their times.

use crate::{
    engine::{
        Engine,
        gress::{Settings, Total, same},
        raw_rocksdb::{self, Change, Memory, Raw},
    },
    measure::{Sample, measure},
    workload::Workload,
};
use gress_runtime::prelude::*;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// Windows that the events of a workload fill.
const WINDOWS: u64 = 10;
const WINDOW_MILLIS: u64 = 3_600_000;

pub(super) fn run(engine: Engine, workload: &Workload) -> Result<Option<Sample>> {
    if engine == Engine::Plain {
        return plain(workload).map(Some);
    }
    if let Some(settings) = Settings::of(engine) {
        return gress(settings, workload).map(Some);
    }
    raw(engine, workload)
}

/// The time of event `index`.
#[inline]
fn millis_of(index: u64, events: u64) -> u64 {
    index * (WINDOWS * WINDOW_MILLIS) / events
}

fn plain(workload: &Workload) -> Result<Sample> {
    let Workload { events, .. } = *workload;
    measure(events, || {
        let mut counts: HashMap<u64, u64, foldhash::fast::FixedState> = HashMap::default();
        let (mut window, mut counted) = (0, 0);
        for index in 0..events {
            let of_event = millis_of(index, events) / WINDOW_MILLIS;
            if of_event != window {
                window = of_event;
                counted += counts.drain().map(|(_, count)| count).sum::<u64>();
            }
            *counts.entry(workload.key(index)).or_insert(0) += 1;
        }
        same("the plain loop counted", counted + counts.values().sum::<u64>(), events)?;
        Ok(0)
    })
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Count(u64);

impl Accumulator<u64> for Count {
    type Out = u64;
    fn add(&mut self, _: &u64) {
        self.0 += 1;
    }
    fn merge(&mut self, other: Count) {
        self.0 += other.0;
    }
    fn finish(self) -> u64 {
        self.0
    }
}

fn gress(settings: Settings, workload: &Workload) -> Result<Sample> {
    let Workload { events, .. } = *workload;
    let keys = workload.clone();
    let total = Total::of(|result: &Windowed<u64, u64>| result.value);
    let sample = settings.run(events, |job| {
        job.source("events", Generate::new(1, events, |_, index| index))
            .event_time(move |index| Timestamp::from_millis(millis_of(*index, events) as i64), Watermarks::monotone())
            .key_by(move |index| keys.key(*index))
            .window(Tumbling::every(millis(WINDOW_MILLIS)))
            .aggregate("count", Count::default())
            .sink("total", total.clone());
    })?;
    same("the windows counted", total.total(), events)?;
    Ok(sample)
}

/// One key for each key of the window that is open; what it has counted is read and removed at its end.
struct Counting {
    workload: Workload,
}

impl Change for Counting {
    fn key(&self, index: u64, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.workload.key(index).to_be_bytes());
    }

    fn apply(&self, _: u64, value: &mut Vec<u8>) -> Result<()> {
        raw_rocksdb::count(value)
    }
}

fn raw(engine: Engine, workload: &Workload) -> Result<Option<Sample>> {
    let Some(handle) = raw_rocksdb::handler(engine) else { return Ok(None) };
    let workload = workload.smaller(raw_rocksdb::EVENTS);
    let (events, raw, change) = (workload.events, Raw::open(Memory::ENOUGH)?, Counting { workload });
    let sample = measure(events, || {
        let mut counted = 0;
        for window in 0..WINDOWS {
            handle(&raw, window * events / WINDOWS..(window + 1) * events / WINDOWS, &change)?;
            counted += raw.sum(|_, value| raw_rocksdb::number(value))?;
            raw.clear()?;
        }
        same("raw RocksDB counted", counted, events)?;
        Ok(0)
    })?;
    Ok(Some(sample))
}
