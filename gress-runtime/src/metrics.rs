//! What a running job tells of itself: counters, health, and where both are read.
//!
//! ```text
//!  operators ─▶ TaskCounts ─┐  once a batch          every 250 ms          on a scrape
//!  tables, channels, store ─┴──────────▶ Meter ──▶ handles of a recorder ──▶ Endpoint /metrics
//!  coordinator ────────────────────────▶ JobMetrics ──────┘
//!  tasks, coordinator ─────────────────▶ Health ───────────────────────────▶ Endpoint /healthz
//! ```
//!
//! Nothing is registered, allocated or locked for an event: a task counts in integers of its own, and publishes what they
//! have grown by. `docs/metrics.md` lists every metric; a test compares it with what a job publishes.

mod counts;
mod endpoint;
mod health;
mod job;
mod labels;
mod meter;
mod names;
mod progress;
mod reading;
mod recorder;
mod seal;
mod store;
mod task;

pub(crate) use counts::TaskCounts;
pub(crate) use endpoint::Endpoint;
pub(crate) use health::Pulse;
pub(crate) use job::{CheckpointDone, JobMetrics};
pub(crate) use meter::Metered;
pub use progress::Progress;
pub(crate) use reading::{StateReading, TaskReading};
pub(crate) use seal::SealMeter;
