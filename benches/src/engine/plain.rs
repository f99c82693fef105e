//! What a programmer would write by hand: a loop over a hash map.

use super::check;
use crate::{
    measure::{Sample, measure},
    workload::Workload,
};
use gress_runtime::Result;
use hashbrown::HashMap;

pub(super) fn count(workload: &Workload) -> Result<Sample> {
    measure(workload.events, || {
        let mut counts: HashMap<u64, u64, foldhash::fast::FixedState> = HashMap::default();
        for index in 0..workload.events {
            *counts.entry(workload.key(index)).or_insert(0) += 1;
        }
        check("the plain loop", counts.values().sum(), workload)?;
        Ok(0)
    })
}
