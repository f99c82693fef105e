//! Reads a run block by block; a block is checked before any of its entries is believed.

use super::{
    RunCursor, RunEntry,
    format::{self, BlockHandle, FOOTER_LEN, HEADER_LEN},
    order::Order,
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
    /// Entries of the block that were not read yet.
    left: u32,
    order: Order,
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
        Ok(RunReader {
            input,
            blocks,
            entries,
            next_block: 0,
            block: Vec::new(),
            at: 0,
            left: 0,
            order: Order::default(),
        })
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
        while self.at == self.block.len() && self.left == 0 {
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
        (self.at, self.left) = (0, handle.entries);
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
        let named = |error: Error| error.at(self.input.name());
        let (entry, next) = format::decode_entry(&self.block, self.at).map_err(named)?;
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| named(Error::damaged("a block of a run has more entries than its index says")))?;
        if !self.order.follows(entry) {
            return Err(named(Error::damaged("the entries of a run are not in order")));
        }
        self.at = next;
        Ok(Some(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunWriter;

    /// A run of one block with these entries, their checksums as they should be; the index says that there are `entries`.
    fn forged(block: &[RunEntry<'_>], entries: u32) -> Vec<u8> {
        let mut bytes = format::header().to_vec();
        block.iter().for_each(|entry| format::encode_entry(*entry, &mut bytes));
        bytes.extend_from_slice(&xxh3_64(&bytes[HEADER_LEN..]).to_le_bytes());
        let len = (bytes.len() - HEADER_LEN) as u32;
        let handle = BlockHandle { offset: HEADER_LEN as u64, len, entries, first_key: Vec::new() };
        let (index_offset, index) = (bytes.len() as u64, format::encode_index(&[handle]));
        bytes.extend_from_slice(&index);
        bytes.extend_from_slice(&format::encode_footer(index_offset, &index, entries.into()));
        bytes
    }

    fn read(bytes: Vec<u8>) -> Result<usize> {
        let mut reader = RunReader::from_bytes(bytes)?;
        let mut entries = 0;
        while reader.next()?.is_some() {
            entries += 1;
        }
        Ok(entries)
    }

    const A: RunEntry<'_> = RunEntry::Put { key: b"a", value: b"1" };
    const B: RunEntry<'_> = RunEntry::Delete { key: b"b" };
    const RANGE: RunEntry<'_> = RunEntry::DeleteRange { start: b"a", end: b"c" };

    #[test]
    fn entries_that_are_not_in_order_are_refused_though_their_checksum_is_right() {
        assert_eq!(read(forged(&[RANGE, RANGE, A, B], 4)).unwrap(), 4);
        for block in [[B, A], [A, A], [A, RANGE]] {
            let error = read(forged(&block, 2)).unwrap_err().to_string();
            assert_eq!(error, "a run in memory: the entries of a run are not in order");
        }
    }

    #[test]
    fn a_block_with_more_or_fewer_entries_than_its_index_says_is_refused() {
        let more = read(forged(&[A, B], 1)).unwrap_err().to_string();
        assert_eq!(more, "a run in memory: a block of a run has more entries than its index says");
        let fewer = read(forged(&[A, B], 3)).unwrap_err().to_string();
        assert_eq!(fewer, "a run in memory: a block of a run ends within an entry");
    }

    #[test]
    fn blocks_that_have_changed_places_are_noticed_by_their_order() {
        let mut writer = RunWriter::new(Vec::new()).unwrap();
        for n in 0..20_000_u32 {
            writer.append(RunEntry::Put { key: &n.to_be_bytes(), value: b"value" }).unwrap();
        }
        let bytes = writer.finish().unwrap().0;
        let blocks = RunReader::from_bytes(bytes.clone()).unwrap().blocks;
        let range = |at: usize| {
            let begin = blocks[at].offset as usize;
            begin..begin + blocks[at].len as usize
        };
        assert_eq!(range(1).len(), range(2).len(), "so that the index fits");
        let mut swapped = bytes.clone();
        swapped[range(1)].copy_from_slice(&bytes[range(2)]);
        swapped[range(2)].copy_from_slice(&bytes[range(1)]);
        assert_eq!(read(bytes).unwrap(), 20_000);
        assert!(read(swapped).unwrap_err().to_string().contains("not in order"));
    }
}
