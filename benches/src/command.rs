//! The benchmarks, one command each.

pub(crate) mod access;
pub(crate) mod batches;
pub(crate) mod compare;
pub(crate) mod compression;
pub(crate) mod end_to_end;
pub(crate) mod large;
pub(crate) mod latency;
pub(crate) mod overhead;
pub(crate) mod pauses;
pub(crate) mod sampling;
pub(crate) mod state;
pub(crate) mod tombstones;
pub(crate) mod uploads;
