//! Jobs that teach Gress are in `examples/`, one file each. Here are the two things that hold Gress's documents and code
//! together: each document's Rust is compiled and run as a test (some of it with the feature `rocksdb` only), and `tidy` checks
//! what no compiler checks.

#[cfg(test)]
mod tidy;

/// The Rust of README.
#[cfg(all(doctest, feature = "rocksdb"))]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The Rust of docs/architecture.md.
#[cfg(doctest)]
#[doc = include_str!("../../docs/architecture.md")]
struct Architecture;

/// The Rust of docs/checkpoints.md.
#[cfg(doctest)]
#[doc = include_str!("../../docs/checkpoints.md")]
struct Checkpoints;

/// The Rust of docs/formats.md.
#[cfg(doctest)]
#[doc = include_str!("../../docs/formats.md")]
struct Formats;

/// The Rust of docs/glossary.md.
#[cfg(doctest)]
#[doc = include_str!("../../docs/glossary.md")]
struct Glossary;

/// The Rust of docs/metrics.md.
#[cfg(all(doctest, feature = "rocksdb"))]
#[doc = include_str!("../../docs/metrics.md")]
struct Metrics;

/// The Rust of docs/mistakes.md.
#[cfg(doctest)]
#[doc = include_str!("../../docs/mistakes.md")]
struct Mistakes;

/// The Rust of docs/state-backend.md.
#[cfg(all(doctest, feature = "rocksdb"))]
#[doc = include_str!("../../docs/state-backend.md")]
struct StateBackend;

/// The Rust of docs/tuning.md.
#[cfg(all(doctest, feature = "rocksdb"))]
#[doc = include_str!("../../docs/tuning.md")]
struct Tuning;

/// The Rust of docs/writing-a-backend.md: a whole backend, and both suites over it.
#[cfg(doctest)]
#[doc = include_str!("../../docs/writing-a-backend.md")]
struct WritingABackend;

/// The Rust of docs/writing-a-job.md.
#[cfg(doctest)]
#[doc = include_str!("../../docs/writing-a-job.md")]
struct WritingAJob;
