//! The simulated disk by itself, then the promises of each durability mode, and that broken ones are noticed.

mod disk;
mod planted;
mod promises;
