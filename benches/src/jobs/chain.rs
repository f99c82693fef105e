//! A map, a filter and a map, without state.

use crate::{
    engine::{
        Engine,
        gress::{Settings, Total, same},
    },
    measure::{Sample, measure},
    workload::Workload,
};
use gress_runtime::prelude::*;
use std::hint::black_box;

pub(super) fn run(engine: Engine, workload: &Workload) -> Result<Option<Sample>> {
    let Workload { events, .. } = *workload;
    match (engine, Settings::of(engine)) {
        (Engine::Plain, _) => {
            let sample = measure(events, || {
                black_box(plain(events));
                Ok(0)
            })?;
            Ok(Some(sample))
        }
        (Engine::GressMemory, Some(settings)) => gress(settings, events).map(Some),
        // Where nothing is kept, backends and checkpoints make no difference.
        _ => Ok(None),
    }
}

#[inline]
fn scramble(value: u64) -> u64 {
    value.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
}

#[inline]
fn is_kept(value: &u64) -> bool {
    value & 3 != 0
}

#[inline]
fn fold(value: u64) -> u64 {
    value ^ (value >> 32)
}

/// The sum of what is left. Through a value that the compiler must take as it comes, or it would turn the loop into
/// vectors, which no loop over events that come from somewhere can be.
fn plain(events: u64) -> u64 {
    (0..events).map(black_box).map(scramble).filter(is_kept).map(fold).fold(0, u64::wrapping_add)
}

fn gress(settings: Settings, events: u64) -> Result<Sample> {
    let total = Total::of(|value: &u64| *value);
    let sample = settings.run(events, |job| {
        job.source("numbers", Generate::new(1, events, |_, index| index))
            .map(scramble)
            .filter(is_kept)
            .map(fold)
            .sink("total", total.clone());
    })?;
    same("the sum of the chain is", total.total(), plain(events))?;
    Ok(sample)
}
