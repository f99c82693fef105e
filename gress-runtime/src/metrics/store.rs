//! What a task's backend tells of itself, published under the names that it gives.

use super::{
    labels::{Labels, Total},
    names::PREFIX,
};
use gress_state::Reading;
use metrics::Gauge;
use std::collections::BTreeMap;

/// Handles for the readings of one task's backend, made when a name first comes.
pub(super) struct BackendMetrics {
    labels: Labels,
    levels: BTreeMap<&'static str, Gauge>,
    totals: BTreeMap<&'static str, Total>,
}

impl BackendMetrics {
    pub(super) fn new(labels: Labels) -> Self {
        BackendMetrics { labels, levels: BTreeMap::new(), totals: BTreeMap::new() }
    }

    pub(super) fn publish(&mut self, readings: Vec<Reading>) {
        let BackendMetrics { labels, levels, totals } = self;
        for reading in readings {
            match reading {
                Reading::Level(name, value) => {
                    levels.entry(name).or_insert_with(|| labels.gauge_named(format!("{PREFIX}{name}"))).set(value);
                }
                Reading::Total(name, count) => {
                    totals.entry(name).or_insert_with(|| labels.total_named(format!("{PREFIX}{name}"))).is(count);
                }
            }
        }
    }
}
