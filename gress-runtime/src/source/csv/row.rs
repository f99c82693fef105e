//! A row and its number.

use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// A data row and its number in the file. Derefs to the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Row<T> {
    /// Which data row it is: 0 is the first one below the header.
    pub number: u64,
    /// What it says.
    pub value: T,
}

impl<T> Deref for Row<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
