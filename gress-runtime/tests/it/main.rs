//! Jobs as their authors write them: built, run on threads and on the stepper, broken on purpose.

mod determinism;
mod failure;
mod graph;
mod process;
mod restart;
mod sums;
mod window;
