//! Reads the rows of one CSV file.

use super::{
    OnBadRecord,
    bad_record::BadRecord,
    input::{BUFFER_BYTES, Input, LineEnd, RECORD_BYTES_MAX, refused},
};
use crate::source::{ReadStatus, Reader};
use csv::{ByteRecord, ReaderBuilder};
use gress_core::{Error, Result};
use serde::de::DeserializeOwned;
use std::{io::ErrorKind as Io, path::Path, sync::Arc, time::Duration};

/// A file whose header was read.
pub(super) struct OpenFile {
    path: Arc<Path>,
    rows: csv::Reader<Input>,
    header: ByteRecord,
}

/// Opens a file and reads its header.
pub(super) fn open(path: &Arc<Path>) -> Result<OpenFile> {
    // Rows of any length are let through: whether one is too short is judged where bad rows are dealt with.
    let mut builder = ReaderBuilder::new();
    let rows = builder.flexible(true).buffer_capacity(BUFFER_BYTES).from_reader(Input::open(path)?);
    let mut file = OpenFile { path: path.clone(), rows, header: ByteRecord::new() };
    file.header = match file.rows.byte_headers() {
        Ok(header) => header.clone(),
        Err(e) => return Err(file.broken(1, e)),
    };
    if file.header.is_empty() {
        return Err(refused(path, "it has no header row"));
    }
    if file.header.iter().any(|column| std::str::from_utf8(column).is_err()) {
        return Err(refused(path, "its header is not UTF-8"));
    }
    Ok(file)
}

impl OpenFile {
    /// Reads the next row; `false` at the end.
    fn next(&mut self, into: &mut ByteRecord) -> Result<bool> {
        let after_return = self.rows.get_ref().line_end() == LineEnd::ReturnFeed;
        let line = self.rows.position().line() + u64::from(after_return);
        self.rows.get_mut().begin_record();
        self.rows.read_byte_record(into).map_err(|e| self.broken(line, e))
    }

    /// The line on which the row just read begins. What csv says is off by one after line ends of two bytes and after
    /// blank lines: it counts where the row before ended.
    fn line(&self, row: &ByteRecord) -> u64 {
        let counted = row.position().map_or(1, |p| p.line());
        let own_end = match self.rows.get_ref().line_end() {
            LineEnd::Feed if !self.rows.get_ref().ended_within_line() => 1,
            _ => 0,
        };
        let within = row.as_slice().iter().filter(|&&b| b == b'\n').count() as u64;
        self.rows.position().line().saturating_sub(own_end + within).max(counted)
    }

    /// An error of the file, met in what begins on `line`.
    fn broken(&self, line: u64, error: csv::Error) -> Error {
        let csv::ErrorKind::Io(error) = error.into_kind() else {
            return Error::input(format!("`{}`, line {line}: it cannot be split into fields", self.path.display()));
        };
        let what = match error.kind() {
            Io::FileTooLarge => {
                format!("the record is longer than {} MiB; is a quote not closed?", RECORD_BYTES_MAX >> 20)
            }
            Io::UnexpectedEof => "the file is cut short: it ends within a zstd frame".to_owned(),
            _ => format!("cannot read on: {error}"),
        };
        Error::input(format!("`{}`, line {line}: {what}", self.path.display())).because(error)
    }
}

/// Reads rows as `T` and gives them on as `I`.
pub(super) struct CsvReader<T, I> {
    file: OpenFile,
    row: ByteRecord,
    position: u64,
    skipped: u64,
    on_bad_record: OnBadRecord,
    item: fn(u64, T) -> I,
}

impl<T, I> CsvReader<T, I> {
    pub(super) fn open(
        path: &Arc<Path>,
        position: u64,
        on_bad_record: OnBadRecord,
        item: fn(u64, T) -> I,
    ) -> Result<Self> {
        let (mut file, mut row) = (open(path)?, ByteRecord::new());
        for rows in 0..position {
            if !file.next(&mut row)? {
                let why = format!("has {rows} rows, but the job had read {position}: it is another file");
                return Err(Error::input(format!("`{}` {why}", path.display())));
            }
        }
        Ok(CsvReader { file, row, position, skipped: 0, on_bad_record, item })
    }
}

impl<T: DeserializeOwned, I> CsvReader<T, I> {
    fn value(&self) -> Result<T, BadRecord> {
        BadRecord::check_length(&self.row, &self.file.header)?;
        let value = self.row.deserialize(Some(&self.file.header));
        value.map_err(|e| BadRecord::of_type::<T>(&self.row, &self.file.header, e))
    }

    fn refuse(&mut self, bad: BadRecord) -> Result<()> {
        let path = self.file.path.display();
        if let Some(text) = bad.of_header(&self.file.header) {
            return Err(Error::input(format!("`{path}`, line 1: {text}")));
        }
        let line = || self.file.line(&self.row);
        match self.on_bad_record {
            OnBadRecord::Fail => return Err(Error::input(format!("`{path}`, line {}{bad}", line()))),
            OnBadRecord::SkipAndCount if self.skipped == 0 => {
                // Where it is, not what it says: a log holds no values of the input.
                tracing::warn!(%path, line = line(), "left out a bad record, the first of this run");
            }
            OnBadRecord::SkipAndCount => {}
        }
        self.skipped += 1;
        Ok(())
    }
}

impl<T: DeserializeOwned, I> Reader<I> for CsvReader<T, I> {
    fn read(&mut self, into: &mut Vec<I>, max: usize, _now: Duration) -> Result<ReadStatus> {
        // Counts rows and not items: else a file of bad rows only would be read to its end in one call.
        for _ in 0..max {
            if !self.file.next(&mut self.row)? {
                return Ok(ReadStatus::End);
            }
            match self.value() {
                Ok(value) => into.push((self.item)(self.position, value)),
                Err(bad) => self.refuse(bad)?,
            }
            self.position += 1;
        }
        Ok(ReadStatus::More)
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}
