//! What tells one input file from another.

use super::input::unreadable;
use gress_core::Result;
use std::{fs::File, iter, ops::Range, os::unix::fs::FileExt, path::Path};
use xxhash_rust::xxh3::Xxh3Default;

/// Which parts of a file are read for its fingerprint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    /// A file up to this length is read as a whole.
    whole_bytes_max: u64,
    /// Of a longer one, blocks of this length: the head, the tail, and some between.
    block_bytes: u64,
    /// How many between.
    blocks: u64,
}

impl Sampling {
    /// Reads at most 256 MiB.
    pub(super) const DEFAULT: Sampling = Sampling { whole_bytes_max: 256 << 20, block_bytes: 1 << 20, blocks: 64 };

    /// Length and checksum of the file's bytes: `4746256-0f3c…`.
    pub(super) fn fingerprint(self, path: &Path) -> Result<String> {
        let read = || -> std::io::Result<String> {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            let mut hasher = Xxh3Default::new();
            for part in self.parts(len) {
                hash(&file, part, &mut hasher)?;
            }
            Ok(format!("{len}-{:032x}", hasher.digest128()))
        };
        read().map_err(|e| unreadable(path, e))
    }

    /// The parts of a file of `len` bytes, in order; none overlaps another.
    fn parts(self, len: u64) -> Vec<Range<u64>> {
        if len <= self.whole_bytes_max {
            return iter::once(0..len).collect();
        }
        let block = |begin: u64| begin..begin + self.block_bytes;
        let last = len - self.block_bytes;
        let gaps = self.blocks + 1;
        // u128: the product of a length and a small number may exceed 64 bits.
        let between = |n: u64| (u128::from(last) * u128::from(n) / u128::from(gaps)) as u64;
        (0..=gaps).map(|n| block(between(n))).collect()
    }
}

fn hash(file: &File, part: Range<u64>, hasher: &mut Xxh3Default) -> std::io::Result<()> {
    let mut buffer = vec![0; (1 << 18).min(part.end - part.start) as usize];
    let mut at = part.start;
    while at < part.end {
        let len = (buffer.len() as u64).min(part.end - at) as usize;
        file.read_exact_at(&mut buffer[..len], at)?;
        hasher.update(&buffer[..len]);
        at += len as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Sampling = Sampling { whole_bytes_max: 1_000, block_bytes: 10, blocks: 4 };

    #[test]
    fn a_long_file_is_sampled_from_head_to_tail() {
        assert_eq!(SMALL.parts(1_000), [Range { start: 0, end: 1_000 }]);
        assert_eq!(SMALL.parts(1_010), [0..10, 200..210, 400..410, 600..610, 800..810, 1_000..1_010]);
        assert_eq!(Sampling::DEFAULT.parts(u64::MAX).len(), 66);
        assert_eq!(Sampling::DEFAULT.parts(u64::MAX)[65].end, u64::MAX);
    }

    #[test]
    fn another_content_or_length_gives_another_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let of = |content: &[u8]| {
            let path = folder.path().join("x");
            std::fs::write(&path, content).unwrap();
            SMALL.fingerprint(&path).unwrap()
        };
        let short = of(b"abc");
        assert_eq!(short, of(b"abc"));
        assert_eq!(short, format!("3-{:032x}", xxhash_rust::xxh3::xxh3_128(b"abc")));
        assert_ne!(short, of(b"abd"));
        let mut long = vec![b'x'; 2_000];
        let before = of(&long);
        long[1_999] = b'y';
        assert_ne!(before, of(&long));
        long.push(b'y');
        assert_ne!(before, of(&long));
    }
}
