//! What a table tells of itself.

/// What the table of one state holds, and what it has done since it was made. Sizes are estimates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStats {
    /// Reads of a key that the table answered alone, by a value or because the key is known to be absent.
    pub hits: u64,
    /// Reads of a key that had to ask the store.
    pub misses: u64,
    /// Live entries, known-absent ones included.
    pub entries: usize,
    /// Of them, at most this many were changed since they were last encoded for a checkpoint.
    pub dirty_entries: usize,
    /// Memory that those take.
    pub dirty_bytes: usize,
    /// Memory that live entries take.
    pub table_bytes: usize,
    /// Memory that encoded entries of the seal under way take.
    pub sealed_bytes: usize,
    /// Runs that were written to the store.
    pub spills: u64,
    /// Their bytes.
    pub spilled_bytes: u64,
}
