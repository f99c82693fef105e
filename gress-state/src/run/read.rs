//! Reads a run block by block; a block is checked before any of its entries is believed.

use super::{
    RunCursor, RunEntry,
    format::{self, BlockHandle, FOOTER_LEN, HEADER_LEN},
};
use gress_core::{Error, Result};
use std::{fmt::Debug, sync::Arc};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes that can be read at any offset: a file, or memory.
pub trait RunInput: Debug + Send {
    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `into` from `offset`. Bytes beyond the end are an error.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()>;

    /// What the bytes are called in errors.
    fn name(&self) -> String;
}

/// Bytes in memory, which their reader shares.
impl RunInput for Arc<Vec<u8>> {
    fn len(&self) -> u64 {
        self.as_ref().len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = start.checked_add(into.len()).and_then(|end| self.get(start..end));
        into.copy_from_slice(bytes.ok_or_else(|| Error::damaged("a run is cut short"))?);
        Ok(())
    }

    fn name(&self) -> String {
        "a run in memory".into()
    }
}

/// A cursor over one run.
#[derive(Debug)]
pub struct RunReader {
    input: Box<dyn RunInput>,
    blocks: Vec<BlockHandle>,
    entries: u64,
    /// Index of the block after the one in `block`.
    next_block: usize,
    block: Vec<u8>,
    at: usize,
}

impl RunReader {
    /// Reads header, footer and index.
    ///
    /// # Errors
    /// Bytes that are no run, of a newer format, cut short or changed, with the name of the input.
    pub fn open(input: Box<dyn RunInput>) -> Result<Self> {
        let named = |error: Error| error.at(input.name());
        let len = input.len();
        if len < (HEADER_LEN + FOOTER_LEN) as u64 {
            return Err(named(Error::damaged(format!("a run is cut short: it has {len} bytes"))));
        }
        let read = |offset: u64, len: usize| -> Result<Vec<u8>> {
            let mut bytes = vec![0; len];
            input.read_at(offset, &mut bytes)?;
            Ok(bytes)
        };
        let open = || -> Result<_> {
            format::check_header(&read(0, HEADER_LEN)?)?;
            let footer = format::decode_footer(&read(len - FOOTER_LEN as u64, FOOTER_LEN)?)?;
            let index_end = footer.index_offset.checked_add(footer.index_len);
            if footer.index_offset < HEADER_LEN as u64 || index_end != Some(len - FOOTER_LEN as u64) {
                return Err(Error::damaged("the footer of a run points outside of it"));
            }
            let index = read(footer.index_offset, footer.index_len as usize)?;
            check(&index, footer.index_checksum, "index", footer.index_offset)?;
            let blocks = format::decode_index(&index, footer.index_offset)?;
            if blocks.iter().map(|b| u64::from(b.entries)).sum::<u64>() != footer.entries {
                return Err(Error::damaged("the blocks of a run do not have as many entries as its footer says"));
            }
            Ok((blocks, footer.entries))
        };
        let (blocks, entries) = open().map_err(named)?;
        Ok(RunReader { input, blocks, entries, next_block: 0, block: Vec::new(), at: 0 })
    }

    /// A cursor over a run in memory.
    ///
    /// # Errors
    /// As [`RunReader::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        RunReader::open(Box::new(Arc::new(bytes)))
    }

    /// Entries of the run.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The entry that [`RunCursor::next`] gives next.
    ///
    /// # Errors
    /// As [`RunCursor::next`].
    pub fn peek(&mut self) -> Result<Option<RunEntry<'_>>> {
        match self.fill()? {
            true => Ok(Some(format::decode_entry(&self.block, self.at)?.0)),
            false => Ok(None),
        }
    }

    /// Loads the next block where the one before is read to its end; `false` at the end of the run.
    fn fill(&mut self) -> Result<bool> {
        while self.at == self.block.len() {
            if self.next_block == self.blocks.len() {
                return Ok(false);
            }
            self.load_block(self.next_block)?;
            self.next_block += 1;
        }
        Ok(true)
    }

    fn load_block(&mut self, handle: usize) -> Result<()> {
        let handle = &self.blocks[handle];
        let (offset, entries_len) = (handle.offset, handle.len as usize - 8);
        self.block.resize(handle.len as usize, 0);
        let read = self.input.read_at(offset, &mut self.block);
        read.map_err(|e| e.at(self.input.name()))?;
        let (entries, checksum) = self.block.split_at(entries_len);
        let expected = u64::from_le_bytes(checksum.try_into().unwrap_or_default());
        check(entries, expected, "block", offset).map_err(|e| e.at(self.input.name()))?;
        self.block.truncate(entries_len);
        self.at = 0;
        Ok(())
    }
}

fn check(bytes: &[u8], expected: u64, what: &str, offset: u64) -> Result<()> {
    match xxh3_64(bytes) {
        found if found == expected => Ok(()),
        found => Err(Error::damaged(format!(
            "the {what} at offset {offset} is damaged: checksum {found:016x}, expected {expected:016x}"
        ))),
    }
}

impl RunCursor for RunReader {
    fn next(&mut self) -> Result<Option<RunEntry<'_>>> {
        if !self.fill()? {
            return Ok(None);
        }
        let (entry, next) = format::decode_entry(&self.block, self.at)?;
        self.at = next;
        Ok(Some(entry))
    }
}
