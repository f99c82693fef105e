//! Writes a run, entry by entry, into anything that takes bytes.

use super::{
    RunCursor, RunEntry,
    format::{self, BLOCK_BYTES, BlockHandle, FileDigest, FileSummary},
    order::Order,
};
use gress_core::{Error, Result};
use std::io::Write;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Writes one run. Entries come in the order that [`RunCursor`] promises; memory is one block and the index.
pub struct RunWriter<W> {
    into: Digested<W>,
    block: Vec<u8>,
    block_first_key: Vec<u8>,
    block_entries: u32,
    blocks: Vec<BlockHandle>,
    entries: u64,
    order: Order,
}

impl<W: Write> RunWriter<W> {
    /// Begins a run.
    ///
    /// # Errors
    /// Those of `into`.
    pub fn new(into: W) -> Result<Self> {
        let mut into = Digested { into, bytes: 0, hasher: Xxh3Default::new() };
        into.write(&format::header())?;
        Ok(RunWriter {
            into,
            block: Vec::with_capacity(BLOCK_BYTES + 4096),
            block_first_key: Vec::new(),
            block_entries: 0,
            blocks: Vec::new(),
            entries: 0,
            order: Order::default(),
        })
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// An entry that is not in the order of [`RunCursor`], and the errors of the writer.
    pub fn append(&mut self, entry: RunEntry<'_>) -> Result<()> {
        let key = entry.key();
        if !self.order.follows(entry) {
            return Err(Error::damaged("the entries of a run must ascend by key, each with one put or delete"));
        }
        if self.block_entries == 0 {
            self.block_first_key.clear();
            self.block_first_key.extend_from_slice(key);
        }
        format::encode_entry(entry, &mut self.block);
        self.block_entries += 1;
        self.entries += 1;
        if self.block.len() >= BLOCK_BYTES { self.close_block() } else { Ok(()) }
    }

    /// Appends all entries of `run`.
    ///
    /// # Errors
    /// Those of `run` and of [`RunWriter::append`].
    pub fn append_all(&mut self, run: &mut dyn RunCursor) -> Result<()> {
        while let Some(entry) = run.next()? {
            self.append(entry)?;
        }
        Ok(())
    }

    fn close_block(&mut self) -> Result<()> {
        let offset = self.into.bytes;
        let checksum = xxh3_64(&self.block);
        self.block.extend_from_slice(&checksum.to_le_bytes());
        self.into.write(&self.block)?;
        self.blocks.push(BlockHandle {
            offset,
            len: self.block.len() as u32,
            entries: self.block_entries,
            first_key: std::mem::take(&mut self.block_first_key),
        });
        self.block.clear();
        self.block_entries = 0;
        Ok(())
    }

    /// Entries so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Writes what is left, index and footer, and gives the writer back with what a manifest says of the file.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> Result<(W, FileSummary)> {
        if self.block_entries > 0 {
            self.close_block()?;
        }
        let index_offset = self.into.bytes;
        let index = format::encode_index(&self.blocks);
        self.into.write(&index)?;
        self.into.write(&format::encode_footer(index_offset, &index, self.entries))?;
        let Digested { into, bytes, hasher } = self.into;
        Ok((into, FileSummary { bytes, digest: FileDigest(hasher.digest128()) }))
    }
}

/// Counts and digests what goes through.
struct Digested<W> {
    into: W,
    bytes: u64,
    hasher: Xxh3Default,
}

impl<W: Write> Digested<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.into.write_all(bytes).map_err(|e| Error::storage(format!("cannot write a run: {e}")).because(e))?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
