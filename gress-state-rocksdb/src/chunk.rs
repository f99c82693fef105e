//! The beginning of a run, copied, until it is clear whether the run is small or large.

use gress_core::Result;
use gress_state::run::{RunCursor, RunEntry, RunSize};
use std::ops::Range;

/// Puts from which on a run is large. At this size a batch with the flush that follows it and a file with its ingest
/// cost about the same; see `examples/measure.rs`.
const LARGE_ENTRIES: usize = 10_000;
/// Bytes from which on a run is large, however few its entries are.
const LARGE_BYTES: usize = 4 << 20;

/// Whether a run of this size is large. Deletes make none: a file of them that is ingested stays, whatever scans it slows
/// down, until something else has it compacted, where one that was flushed is compacted by itself.
pub(crate) fn is_large(size: RunSize) -> bool {
    size.entries - size.deletes >= LARGE_ENTRIES || size.bytes >= LARGE_BYTES
}

/// Copies of entries in the order of their run. Read once, as a run.
#[derive(Default)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    entries: Vec<Span>,
    pushed: RunSize,
    /// The entry that is read next.
    next: usize,
}

/// An entry whose parts are ranges of the chunk's bytes.
enum Span {
    Put { key: Range<usize>, value: Range<usize> },
    Delete { key: Range<usize> },
    DeleteRange { start: Range<usize>, end: Range<usize> },
}

impl Chunk {
    pub(crate) fn push(&mut self, entry: RunEntry<'_>) {
        self.pushed.add(&entry);
        let span = match entry {
            RunEntry::Put { key, value } => Span::Put { key: self.copy(key), value: self.copy(value) },
            RunEntry::Delete { key } => Span::Delete { key: self.copy(key) },
            RunEntry::DeleteRange { start, end } => Span::DeleteRange { start: self.copy(start), end: self.copy(end) },
        };
        self.entries.push(span);
    }

    /// Of all that was pushed.
    pub(crate) fn pushed(&self) -> RunSize {
        self.pushed
    }

    fn copy(&mut self, part: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(part);
        start..self.bytes.len()
    }

    fn at(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }
}

impl RunCursor for Chunk {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        let Some(span) = self.entries.get(self.next) else { return Ok(None) };
        self.next += 1;
        Ok(Some(match span {
            Span::Put { key, value } => RunEntry::Put { key: self.at(key), value: self.at(value) },
            Span::Delete { key } => RunEntry::Delete { key: self.at(key) },
            Span::DeleteRange { start, end } => RunEntry::DeleteRange { start: self.at(start), end: self.at(end) },
        }))
    }
}
