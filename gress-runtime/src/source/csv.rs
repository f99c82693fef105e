//! A CSV file as a source: plain or zstd, a header row, rows typed by serde.
//!
//! ```text
//!  file ─▶ input (plain | zstd, limit) ─▶ csv records ─▶ serde ─▶ T, or Row<T> with its number
//!                                            │
//!                                        position = data rows consumed, bad ones included
//! ```
//!
//! A position is a number of rows and not of bytes, because a compressed file cannot be entered in its middle: to go on,
//! rows are read again without being understood.

mod bad_record;
mod fingerprint;
mod input;
mod na;
mod reader;
mod row;

pub use na::na_as_none;
pub use row::Row;

use super::{Reader, Source};
use fingerprint::Sampling;
use gress_core::{Data, Result};
use reader::CsvReader;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The rows of a CSV file, plain or compressed with zstd, in one partition.
///
/// The first row names the columns; `T` derives `Deserialize`. An empty field of an `Option` is `None`; for files that say
/// `NA` there is [`na_as_none`]. A row may be up to 16 MiB long. The file must not change while a job exists that reads it.
///
/// ```
/// # use gress_runtime::source::{CsvFile, Source};
/// # let folder = std::env::temp_dir().join(format!("gress-csv-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("cities.csv");
/// # std::fs::write(&path, "name,people\nOslo,717710\n")?;
/// #[derive(Clone, serde::Deserialize)]
/// struct City {
///     name: String,
///     people: u64,
/// }
///
/// let cities = CsvFile::<City>::open(&path)?;
/// # assert_eq!(cities.partitions(), 1);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), gress_core::Error>(())
/// ```
pub struct CsvFile<T> {
    path: Arc<Path>,
    on_bad_record: OnBadRecord,
    row: PhantomData<fn() -> T>,
}

/// The rows of a CSV file with their numbers: [`CsvFile::numbered`].
#[derive(Clone, Debug)]
pub struct NumberedCsvFile<T>(CsvFile<T>);

/// What to do with a row that cannot be read: with too few or too many fields, or a field of another type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadRecord {
    /// The job stops with an error that names file, line and column.
    #[default]
    Fail,
    /// The row is left out and counted; the first one is logged.
    SkipAndCount,
}

impl<T: DeserializeOwned + Data> CsvFile<T> {
    /// The file at `path`. Reads its header, so that a wrong path is noticed here.
    ///
    /// # Errors
    /// A file that cannot be read, is no file, has no header row, or is compressed with something else than zstd.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path: Arc<Path> = path.into().into();
        reader::open(&path)?;
        Ok(CsvFile { path, on_bad_record: OnBadRecord::Fail, row: PhantomData })
    }

    /// Sets what to do with a row that cannot be read; [`OnBadRecord::Fail`] otherwise.
    #[must_use]
    pub fn on_bad_record(self, on_bad_record: OnBadRecord) -> Self {
        CsvFile { on_bad_record, ..self }
    }

    /// Gives each row its number in the file: 0 is the first one below the header. Bad rows count, blank lines do not.
    #[must_use]
    pub fn numbered(self) -> NumberedCsvFile<T> {
        NumberedCsvFile(self)
    }

    fn reader<I: 'static>(&self, position: u64, item: fn(u64, T) -> I) -> Result<Box<dyn Reader<I>>> {
        Ok(Box::new(CsvReader::open(&self.path, position, self.on_bad_record, item)?))
    }
}

impl<T: DeserializeOwned + Data> Source for CsvFile<T> {
    type Item = T;

    fn fingerprint(&self) -> Result<String> {
        Sampling::DEFAULT.fingerprint(&self.path)
    }

    fn open(&self, _partition: usize, position: u64) -> Result<Box<dyn Reader<T>>> {
        self.reader(position, |_, value| value)
    }
}

impl<T: DeserializeOwned + Data> Source for NumberedCsvFile<T> {
    type Item = Row<T>;

    fn fingerprint(&self) -> Result<String> {
        self.0.fingerprint()
    }

    fn open(&self, _partition: usize, position: u64) -> Result<Box<dyn Reader<Row<T>>>> {
        self.0.reader(position, |number, value| Row { number, value })
    }
}

impl<T> Clone for CsvFile<T> {
    fn clone(&self) -> Self {
        CsvFile { path: self.path.clone(), ..*self }
    }
}

impl<T> fmt::Debug for CsvFile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvFile").field("path", &self.path).field("on_bad_record", &self.on_bad_record).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ReadStatus;
    use gress_core::ErrorKind;
    use std::{fs, time::Duration};

    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Leg {
        tail: String,
        #[serde(deserialize_with = "na_as_none")]
        delay: Option<i64>,
        miles: u32,
    }

    fn write(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn text(rows: usize) -> String {
        let delay = |n: usize| if n.is_multiple_of(7) { "NA".to_owned() } else { n.to_string() };
        let rows: String = (0..rows).map(|n| format!("N{n},{},{}\n", delay(n), n * 10)).collect();
        format!("tail,delay,miles\n{rows}")
    }

    fn all<T>(reader: &mut dyn Reader<T>, max: usize) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while reader.read(&mut items, max, Duration::ZERO)? != ReadStatus::End {}
        Ok(items)
    }

    fn error_of(path: &Path) -> gress_core::Error {
        let read = || all(CsvFile::<Leg>::open(path)?.open(0, 0)?.as_mut(), 10);
        read().unwrap_err()
    }

    #[test]
    fn reading_goes_on_exactly_at_every_position_plain_and_compressed() {
        let plain = text(50);
        let compressed = zstd::encode_all(plain.as_bytes(), 3).unwrap();
        for (name, content) in [("legs.csv", plain.as_bytes()), ("legs.csv.zst", &compressed), ("unnamed", &compressed)]
        {
            let (_folder, path) = write(name, content);
            let legs = CsvFile::<Leg>::open(&path).unwrap();
            let whole = all(legs.open(0, 0).unwrap().as_mut(), 7).unwrap();
            assert_eq!(whole.len(), 50);
            assert_eq!((whole[7].delay, whole[8].delay), (None, Some(8)));
            for position in 0..=50 {
                let mut reader = legs.open(0, position).unwrap();
                assert_eq!(reader.position(), position);
                assert_eq!(all(reader.as_mut(), 3).unwrap(), whole[position as usize..]);
                assert_eq!(reader.position(), 50);
            }
        }
    }

    #[test]
    fn an_input_shorter_than_the_position_is_an_error() {
        let (_folder, path) = write("legs.csv", text(3).as_bytes());
        let error = CsvFile::<Leg>::open(&path).unwrap().open(0, 4).err().unwrap().to_string();
        assert!(error.ends_with("legs.csv` has 3 rows, but the job had read 4: it is another file"), "{error}");
    }

    #[test]
    fn a_bad_record_fails_with_file_line_and_column_in_one_line() {
        let cases = [
            ("tail,delay,miles\nA,1,2\nB,1,x\n", "line 3, column `miles`: invalid digit found in string: `x`"),
            ("tail,delay,miles\r\nA,1,2\r\nB,1,x\r\n", "line 3, column `miles`: invalid digit found in string: `x`"),
            (
                "tail,delay,miles\n\n\"A\nB\",1,2\n\nB,1,-3",
                "line 6, column `miles`: invalid digit found in string: `-3`",
            ),
            (
                "tail,delay,miles\nA,soon,2\n",
                "line 2, column `delay`: `soon` is no i64: invalid digit found in string: `soon`",
            ),
            ("tail,delay,miles\nA,1\n", "line 2: it has 2 fields, the header has 3"),
            ("tail,delay,miles\nA,1,2,3\n", "line 2: it has 4 fields, the header has 3"),
            ("tail,delay,miles\nA,1,\"a\nb\"\n", "line 2, column `miles`: invalid digit found in string: `a\\nb`"),
            ("tail,delay\nA,1\n", "line 1: the header has no column `miles`; there are `tail`, `delay`"),
        ];
        for (content, expected) in cases {
            let (_folder, path) = write("legs.csv", content.as_bytes());
            let error = error_of(&path);
            assert_eq!(error.kind(), ErrorKind::Input);
            assert_eq!(error.to_string(), format!("`{}`, {expected}", path.display()));
        }
    }

    #[test]
    fn text_that_is_not_utf_8_is_a_bad_record() {
        let (_folder, path) = write("legs.csv", b"tail,delay,miles\n\xff,1,2\n");
        let error = error_of(&path).to_string();
        assert!(error.contains("line 2, column `tail`: invalid utf-8"), "{error}");
    }

    #[test]
    fn bad_records_are_skipped_and_counted_and_keep_their_numbers() {
        let content = "tail,delay,miles\nA,1,2\nB,1,x\nC,1\nD,NA,4\n";
        let (_folder, path) = write("legs.csv", content.as_bytes());
        let legs = CsvFile::<Leg>::open(&path).unwrap().on_bad_record(OnBadRecord::SkipAndCount).numbered();
        let mut reader = legs.open(0, 0).unwrap();
        let rows = all(reader.as_mut(), 2).unwrap();
        assert_eq!(rows.iter().map(|row| (row.number, row.tail.as_str())).collect::<Vec<_>>(), [(0, "A"), (3, "D")]);
        assert_eq!((reader.position(), reader.skipped()), (4, 2));
        assert_eq!(all(legs.open(0, 2).unwrap().as_mut(), 2).unwrap(), rows[1..]);
    }

    #[test]
    fn a_header_that_does_not_fit_fails_even_if_bad_records_are_skipped() {
        for (content, expected) in [
            ("tail,delay\nA,1\n", "line 1: the header has no column `miles`; there are `tail`, `delay`"),
            ("tail,delay,miles,tail\nA,1,2,B\n", "line 1: the header does not fit: duplicate field `tail`"),
        ] {
            let (_folder, path) = write("legs.csv", content.as_bytes());
            let legs = CsvFile::<Leg>::open(&path).unwrap().on_bad_record(OnBadRecord::SkipAndCount);
            let error = all(legs.open(0, 0).unwrap().as_mut(), 2).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
    }

    #[test]
    fn a_truncated_zstd_file_is_an_error_that_names_it() {
        let compressed = zstd::encode_all(text(50_000).as_bytes(), 3).unwrap();
        for len in [5, compressed.len() / 2, compressed.len() - 1] {
            let (_folder, path) = write("legs.csv.zst", &compressed[..len]);
            let error = error_of(&path);
            assert_eq!(error.kind(), ErrorKind::Input);
            let text = error.to_string();
            assert!(text.contains("legs.csv.zst`") && text.contains("cut short"), "{len}: {text}");
        }
    }

    #[test]
    fn rows_that_are_read_again_behind_a_truncation_are_an_error_too() {
        let compressed = zstd::encode_all(text(50_000).as_bytes(), 3).unwrap();
        let (_folder, path) = write("legs.csv.zst", &compressed[..compressed.len() - 1]);
        let open = || CsvFile::<Leg>::open(&path)?.open(0, 50_000);
        let error = open().err().unwrap().to_string();
        assert!(error.contains("cut short"), "{error}");
    }

    #[test]
    fn a_record_without_end_is_refused_before_it_fills_the_memory() {
        let content = format!("tail,delay,miles\nA,1,2\n\"{}", "x\n".repeat(9 << 20));
        let (_folder, path) = write("legs.csv", content.as_bytes());
        let error = error_of(&path).to_string();
        assert!(error.contains("line 3: the record is longer than 16 MiB; is a quote not closed?"), "{error}");
    }

    #[test]
    fn what_is_no_csv_file_is_refused_when_it_is_named() {
        let (folder, empty) = write("empty.csv", b"");
        let cases = [
            (folder.path().join("absent.csv"), "No such file"),
            (folder.path().to_owned(), "it is no regular file"),
            (empty, "it has no header row"),
        ];
        for (path, expected) in cases {
            let error = CsvFile::<Leg>::open(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            assert!(error.to_string().contains(expected), "{error}");
        }
        for (name, content, expected) in
            [("legs.csv", &b"\x1f\x8b\x08\x00"[..], "compressed with gzip"), ("legs.csv.zst", b"(\xb5", "not zstd")]
        {
            let (_folder, path) = write(name, content);
            let error = CsvFile::<Leg>::open(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_header() {
        let (_folder, path) = write("legs.csv", "\u{feff}tail,delay,miles\nA,1,2\n".as_bytes());
        let legs = all(CsvFile::<Leg>::open(&path).unwrap().open(0, 0).unwrap().as_mut(), 9).unwrap();
        assert_eq!(legs, [Leg { tail: "A".into(), delay: Some(1), miles: 2 }]);
    }
}
