//! The bytes of a file, unpacked if they are packed, with a limit on how many may be read for one record.

use gress_core::{Error, Result};
use std::{
    fs::{self, File},
    io::{self, BufReader, Cursor, ErrorKind as Io, Read},
    path::Path,
};

/// Longest record. A quote that is not closed would otherwise swallow the rest of the file into memory.
pub(super) const RECORD_BYTES_MAX: usize = 16 << 20;

/// What is read at once.
pub(super) const BUFFER_BYTES: usize = 128 << 10;

/// Largest window of a zstd frame, as a power of two: 128 MiB of memory, the most that `zstd` makes without `--long`.
const WINDOW_LOG_MAX: u32 = 27;

/// Reads a file as text.
pub(super) struct Input {
    bytes: Box<dyn Read>,
    left: usize,
    line_end: LineEnd,
    last: Option<u8>,
    ended: bool,
}

/// How lines end, judged by the first one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineEnd {
    /// No line has ended yet; whether the last byte was a carriage return.
    Unknown { after_return: bool },
    /// With a line feed.
    Feed,
    /// With a carriage return and a line feed.
    ReturnFeed,
}

impl Input {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |e| unreadable(path, e);
        // Before opening: to open a pipe waits for its writer.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(refused(path, "it is no regular file; a source must be able to read it again"));
        }
        let mut file = File::open(path).map_err(failed)?;
        let mut head = Vec::new();
        file.by_ref().take(4).read_to_end(&mut head).map_err(failed)?;
        let format = Format::of(&head);
        let whole = Cursor::new(head).chain(file);
        let bytes: Box<dyn Read> = match format {
            Format::Zstd => Box::new(unpack(whole).map_err(failed)?),
            Format::Gzip => return Err(refused(path, "it is compressed with gzip; plain text and zstd can be read")),
            Format::Plain if path.extension().is_some_and(|e| e == "zst" || e == "zstd") => {
                return Err(refused(path, "its name says zstd, but its content is not zstd"));
            }
            Format::Plain => Box::new(whole),
        };
        Ok(Input {
            bytes,
            left: RECORD_BYTES_MAX,
            line_end: LineEnd::Unknown { after_return: false },
            last: None,
            ended: false,
        })
    }

    /// Says that a record begins.
    pub(super) fn begin_record(&mut self) {
        // What is in the buffer already belongs to no record or to this one: the limit is exact to a buffer.
        self.left = RECORD_BYTES_MAX;
    }

    /// Whether the end was reached and the last line has none.
    pub(super) fn ended_within_line(&self) -> bool {
        self.ended && self.last != Some(b'\n')
    }

    /// How lines end.
    pub(super) fn line_end(&self) -> LineEnd {
        self.line_end
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(Io::FileTooLarge.into());
        }
        let max = into.len().min(self.left);
        loop {
            match self.bytes.read(&mut into[..max]) {
                Err(e) if e.kind() == Io::Interrupted => {}
                Err(e) => return Err(e),
                Ok(read) => {
                    self.left -= read;
                    self.line_end = self.line_end.after(&into[..read]);
                    self.last = into[..read].last().copied().or(self.last);
                    self.ended = read == 0;
                    return Ok(read);
                }
            }
        }
    }
}

impl LineEnd {
    fn after(self, bytes: &[u8]) -> Self {
        let (LineEnd::Unknown { after_return }, Some(last)) = (self, bytes.last()) else { return self };
        let is_return = |at: usize| if at == 0 { after_return } else { bytes[at - 1] == b'\r' };
        match bytes.iter().position(|&b| b == b'\n') {
            None => LineEnd::Unknown { after_return: *last == b'\r' },
            Some(at) if is_return(at) => LineEnd::ReturnFeed,
            Some(_) => LineEnd::Feed,
        }
    }
}

fn unpack(packed: impl Read + 'static) -> io::Result<impl Read> {
    let mut decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(BUFFER_BYTES, packed))?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok(decoder)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Plain,
    Zstd,
    Gzip,
}

impl Format {
    fn of(head: &[u8]) -> Format {
        match head {
            // A frame, or the skippable frame that parallel compressors put first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Format::Zstd,
            [0x1f, 0x8b, ..] => Format::Gzip,
            _ => Format::Plain,
        }
    }
}

/// A file that the system does not let us read.
pub(super) fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::input(format!("cannot read `{}`: {error}", path.display())).because(error)
}

/// A file that is not what it should be.
pub(super) fn refused(path: &Path, why: &str) -> Error {
    Error::input(format!("cannot read `{}`: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_recognised_across_reads() {
        let of = |parts: &[&str]| {
            let begin = LineEnd::Unknown { after_return: false };
            parts.iter().fold(begin, |line_end, part| line_end.after(part.as_bytes()))
        };
        assert_eq!(of(&["a\nb\r\n"]), LineEnd::Feed);
        assert_eq!(of(&["a\r\nb\n"]), LineEnd::ReturnFeed);
        assert_eq!(of(&["a\r", "", "\n"]), LineEnd::ReturnFeed);
        assert_eq!(of(&["a\r", "b", "\n"]), LineEnd::Feed);
        assert_eq!(of(&["\n"]), LineEnd::Feed);
    }

    #[test]
    fn frames_that_follow_each_other_are_read_as_one_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut packed = vec![0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
        packed.extend(zstd::encode_all(&b"ab"[..], 1).unwrap());
        packed.extend(zstd::encode_all(&b"cd"[..], 1).unwrap());
        fs::write(&path, packed).unwrap();
        let mut text = String::new();
        Input::open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "abcd");
    }
}
