//! The identity of one state in checkpoints: operator and state, as the user named them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// `operator/state`: what a state is called in manifests, errors and tools.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateName(String);

impl StateName {
    /// The state that operator `operator` calls `state`.
    pub fn new(operator: &str, state: &str) -> Self {
        StateName(format!("{operator}/{state}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a name that a user gave to an operator or state; `Err` says what would be valid.
pub fn check_name(name: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let valid = (1..=64).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('.');
    match valid {
        true => Ok(()),
        false => Err(format!(
            "`{name}` is not a valid name: use 1 to 64 ASCII letters, digits, `-`, `_` or `.`, not beginning with `.`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_are_one_path_component_of_plain_characters() {
        let long = "x".repeat(65);
        for good in ["hourly", "last-flight", "a.b", "_1"] {
            assert_eq!(check_name(good), Ok(()));
        }
        for bad in ["", ".", "..", ".hidden", "a/b", "ä", "a b", long.as_str()] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
