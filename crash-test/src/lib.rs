//! The crash test of Gress: an ordinary job is killed with `kill -9` hundreds of times, and its committed output must
//! be exactly what a plain computation over the same input gives.
//!
//! ```text
//!   plan ──▶ job ──▶ life ──▶ flights (a process of its own)
//!             │        └─ start, wait for its claim, SIGKILL at a random moment
//!             ├─ committed: after each life, nothing visible has changed, no line is doubled
//!             └─ reference: at the end, every expected line once
//! ```
//!
//! Everything here knows the job only from outside: by its command line, its output folders and the names of its
//! manifests. What it remembers about the output is held in this process, so no fault of the job can reach it.

pub mod committed;
pub mod job;
pub mod life;
pub mod manifests;
pub mod plan;
pub mod random;
pub mod reference;
