//! Hostile bytes for everything in Gress that decodes: one module a target, each with what it checks and with seeds made by
//! Gress itself.
//!
//! ```text
//!  fuzz_targets/run.rs ──▶ target! ──▶ bounded (memory) ──▶ run::check ◀── mend: checksums that fit hostile bytes
//!                             └─ GRESS_FUZZ_SEEDS=folder ──▶ run::seeds
//! ```
//!
//! A checksum would turn all but one in 2^64 inputs away at the door. So the targets of formats that have one see each input
//! twice: as it is, and with its checksums mended, as one who wants to do harm would write it.
//!
//! A find is a panic, an abort, a broken promise (what decodes must encode to the same), more memory than [`bounded`] grants,
//! or an input that takes longer than ten seconds.
//!
//! A new decoder gets a module here with `check` and `seeds`, a file of three lines in `fuzz_targets` and a `[[bin]]`;
//! `scripts/fuzz` finds it by itself.

pub mod checkpoint;
pub mod codec;
pub mod config;
pub mod csv;
pub mod keys;
pub mod lists;
pub mod manifest;
pub mod merge;
pub mod output;
pub mod recover;
pub mod restore;
pub mod run;
pub mod snapshot;
pub mod stamp;
pub mod start;

mod input;
mod job;
mod key_values;
mod memory;
mod mend;
mod seeds;

pub use memory::bounded;
pub use seeds::write_if_asked;

/// The whole of a target: `gress_fuzz::target!(run)`.
#[macro_export]
macro_rules! target {
    ($module:ident) => {
        libfuzzer_sys::fuzz_target!(
            init: $crate::write_if_asked($crate::$module::seeds),
            |input: &[u8]| $crate::bounded(input, $crate::$module::check)
        );
    };
}
