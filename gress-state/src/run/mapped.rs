//! A run whose values are looked at on the way: each stays, becomes another, or goes.

use super::{RunCursor, RunEntry};
use crate::key_layout::hex;
use gress_core::{Error, Result};

/// What becomes of a put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It stays as it is.
    Stays,
    /// It has the value that was appended to the buffer.
    Changed,
    /// It is left out.
    Gone,
    /// It becomes a delete, so that it still hides what older runs have.
    Deleted,
}

/// A cursor over what `fate` makes of the values of another; deletes and ranges pass.
pub(crate) struct Mapped<'a, F> {
    run: &'a mut dyn RunCursor,
    fate: F,
    key: Vec<u8>,
    rest: Vec<u8>,
}

impl<'a, F: FnMut(&[u8], &mut Vec<u8>) -> Result<Fate>> Mapped<'a, F> {
    pub(crate) fn new(run: &'a mut dyn RunCursor, fate: F) -> Self {
        Mapped { run, fate, key: Vec::new(), rest: Vec::new() }
    }
}

#[cold]
fn at(store_key: &[u8], error: Error) -> Error {
    error.at(format!("store key {}", hex(store_key)))
}

enum Kind {
    Put,
    Delete,
    Range,
}

impl<F: FnMut(&[u8], &mut Vec<u8>) -> Result<Fate>> RunCursor for Mapped<'_, F> {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        let kind = loop {
            let Some(entry) = self.run.next()? else { return Ok(None) };
            self.key.clear();
            self.key.extend_from_slice(entry.key());
            self.rest.clear();
            match entry {
                RunEntry::Delete { .. } => break Kind::Delete,
                RunEntry::DeleteRange { end, .. } => {
                    self.rest.extend_from_slice(end);
                    break Kind::Range;
                }
                RunEntry::Put { value, .. } => {
                    match (self.fate)(value, &mut self.rest).map_err(|e| at(&self.key, e))? {
                        Fate::Stays => {
                            self.rest.extend_from_slice(value);
                            break Kind::Put;
                        }
                        Fate::Changed => break Kind::Put,
                        Fate::Gone => {}
                        Fate::Deleted => break Kind::Delete,
                    }
                }
            }
        };
        let (key, rest) = (self.key.as_slice(), self.rest.as_slice());
        Ok(Some(match kind {
            Kind::Put => RunEntry::Put { key, value: rest },
            Kind::Delete => RunEntry::Delete { key },
            Kind::Range => RunEntry::DeleteRange { start: key, end: rest },
        }))
    }
}
