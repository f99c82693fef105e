//! The main job from outside: the built program runs as a process of its own, is killed, stopped, misused, and its
//! directories are damaged. Its committed output is held against a plain computation over the same rows.
//!
//! ```text
//!  matrix, restart, damage, refusals, precedence       the tests
//!    └─▶ job ─▶ start ─▶ process                       a job's directories; one start of it; one life
//!    └─▶ output, manifests, tree, input                what it leaves behind, what it reads
//! ```
//!
//! `tours` runs the examples of state without a job.

mod damage;
mod input;
mod job;
mod manifests;
mod matrix;
mod output;
mod patience;
mod precedence;
mod process;
mod program;
mod refusals;
mod restart;
mod start;
#[cfg(feature = "rocksdb")]
mod tours;
mod tree;
