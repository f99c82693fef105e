//! Values that are valid, but not together.

use super::{
    Config, Setting,
    problem::{Problems, quoted},
    setting,
};
use gress_core::Error;

/// Values that are valid, but not together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contradiction {
    /// The keys, in full (`state.rocksdb.allow_mmap_reads`, `state.memory`); those that are set are shown with value and
    /// place.
    pub keys: Vec<String>,
    /// Why they exclude each other and what to do: `memory-mapped and direct reads exclude each other: drop one`.
    pub reason: String,
}

impl Contradiction {
    /// All of it in one sentence, with the values that `settings` gives the keys.
    pub(super) fn sentence(&self, settings: &[Setting]) -> String {
        let part = |key: &String| match settings.iter().find(|setting| setting.key == *key) {
            Some(Setting { value, origin, .. }) => format!("`{key}` is {}, set in {origin}", quoted(value)),
            None => format!("`{key}` is not set"),
        };
        let parts: Vec<_> = self.keys.iter().map(part).collect();
        match parts.is_empty() {
            true => self.reason.clone(),
            false => format!("{}: {}", parts.join(", and "), self.reason),
        }
    }

    /// The error that this is in `config`.
    pub(crate) fn into_error(self, config: &Config) -> Error {
        let mut problems = Problems::default();
        problems.push(self.sentence(&setting::settings(config)));
        problems.into_error()
    }
}
