//! The simulated disk by itself, then the promises of each durability mode and of the log that is synced in the background,
//! and that broken ones are noticed.

mod disk;
mod log_sync;
mod planted;
mod promises;
