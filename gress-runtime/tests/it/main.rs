//! Jobs as their authors write them: built, run on threads and on the stepper, broken on purpose.

#![expect(clippy::unwrap_used, reason = "a test whose preparation fails has failed")]

mod budget;
mod collections;
mod determinism;
mod failure;
mod graph;
mod lifetimes;
mod metrics;
mod process;
mod restart;
mod sums;
#[cfg(feature = "tool")]
mod tool;
mod versions;
mod window;
