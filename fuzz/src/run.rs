//! Run files: whatever a reader takes, a writer writes, and it reads the same again.

use crate::mend;
use gress_state::run::{RunCursor, RunEntry, RunReader, RunWriter, UnsortedRun};

/// An entry that does not lend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Owned {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    Range(Vec<u8>, Vec<u8>),
}

impl From<RunEntry<'_>> for Owned {
    fn from(entry: RunEntry<'_>) -> Self {
        match entry {
            RunEntry::Put { key, value } => Owned::Put(key.to_vec(), value.to_vec()),
            RunEntry::Delete { key } => Owned::Delete(key.to_vec()),
            RunEntry::DeleteRange { start, end } => Owned::Range(start.to_vec(), end.to_vec()),
        }
    }
}

impl Owned {
    pub(crate) fn lend(&self) -> RunEntry<'_> {
        match self {
            Owned::Put(key, value) => RunEntry::Put { key, value },
            Owned::Delete(key) => RunEntry::Delete { key },
            Owned::Range(start, end) => RunEntry::DeleteRange { start, end },
        }
    }
}

/// The input as it is, mended, and as the entries of one block.
pub fn check(input: &[u8]) {
    let mut mended = input.to_vec();
    mend::run(&mut mended);
    for bytes in [input.to_vec(), mended, mend::run_of(input)] {
        let Some(entries) = read(bytes) else { continue };
        assert!(entries.is_sorted_by(|a, b| a.lend().key() <= b.lend().key()), "a run ascends: {entries:?}");
        assert_eq!(read(written(&entries)).as_deref(), Some(entries.as_slice()));
    }
}

/// All entries of a run, if it is one.
pub(crate) fn read(bytes: Vec<u8>) -> Option<Vec<Owned>> {
    let mut reader = RunReader::from_bytes(bytes).ok()?;
    let mut entries = Vec::new();
    while let Some(entry) = reader.next().ok()? {
        entries.push(entry.into());
    }
    assert_eq!(reader.entries(), entries.len() as u64, "a run has as many entries as it says");
    Some(entries)
}

/// A run with these entries.
pub(crate) fn written(entries: &[Owned]) -> Vec<u8> {
    let mut writer = RunWriter::new(Vec::new()).expect("memory can be written");
    entries.iter().for_each(|entry| writer.append(entry.lend()).expect("what was read can be written"));
    writer.finish().expect("memory can be written").0
}

/// Runs of one and of several blocks.
pub fn seeds() -> Vec<Vec<u8>> {
    let run = |entries: u32, value_len: usize| {
        let mut run = UnsortedRun::default();
        for n in 0..entries {
            let key = |into: &mut Vec<u8>| {
                into.extend_from_slice(&n.to_be_bytes());
                Ok(())
            };
            let put = run.put(key, |into| {
                into.resize(into.len() + value_len, b'v');
                Ok(())
            });
            put.expect("memory can be written");
            if n % 5 == 0 {
                run.delete_range(&n.to_be_bytes(), &(n + 2).to_be_bytes());
            }
            if n % 7 == 0 {
                run.delete(key).expect("memory can be written");
            }
        }
        run.into_bytes().expect("memory can be written")
    };
    let blocks = [b"\x00\x01a\x01b\x01\x01b\x02\x01c\x01d".to_vec(), b"\x02\x00\x01z\x00\x00\x00".to_vec()];
    [run(0, 0), run(3, 1), run(40, 200), run(9, 9_000)].into_iter().chain(blocks).collect()
}
