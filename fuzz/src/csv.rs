//! Input files, plain and packed: rows or errors, and a reader that goes on at a position reads the same rows.

use gress_runtime::source::{CsvFile, OnBadRecord, Row, Source, na_as_none};
use gress_runtime::source::{ReadStatus, Reader};
use serde::Deserialize;
use std::{cell::OnceCell, fs, time::Duration};
use tempfile::TempDir;

/// More rows than this are not read of one input: a few bytes of zstd make millions.
const ROWS_MAX: usize = 20_000;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
struct Leg {
    tail: String,
    #[serde(deserialize_with = "na_as_none")]
    delay: Option<i64>,
    miles: Option<u32>,
    speed: f64,
    class: Option<Class>,
    full: bool,
}

#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
enum Class {
    First,
    Second,
}

/// The first byte says how the file is called and how bad rows are dealt with; the rest is its content.
pub fn check(input: &[u8]) {
    let Some((kind, content)) = input.split_first() else { return };
    let name = ["legs.csv", "legs.csv.zst"][usize::from(kind & 1)];
    let on_bad_record = [OnBadRecord::Fail, OnBadRecord::SkipAndCount][usize::from(kind >> 1 & 1)];
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("the temporary folder is writable"));
        let path = folder.path().join(name);
        fs::write(&path, content).expect("the temporary folder is writable");
        let Ok(legs) = CsvFile::<Leg>::open(&path) else { return };
        let legs = legs.on_bad_record(on_bad_record).numbered();
        legs.fingerprint().expect("the file can be read");
        let Ok(mut reader) = legs.open(0, 0) else { return };
        let mut rows = Vec::new();
        let Ok(position) = read(reader.as_mut(), &mut rows) else { return };
        let middle = position / 2;
        let mut again = Vec::new();
        let mut reader = legs.open(0, middle).expect("the position was passed");
        if read(reader.as_mut(), &mut again).is_ok() {
            let expected = rows.iter().filter(|row| row.number >= middle).map(|row| format!("{row:?}"));
            let again = again.iter().map(|row| format!("{row:?}"));
            assert!(expected.zip(again).all(|(a, b)| a == b), "from row {middle} on other rows are read");
        }
    });
}

/// Reads up to [`ROWS_MAX`] rows; gives the position after them.
fn read(reader: &mut dyn Reader<Row<Leg>>, rows: &mut Vec<Row<Leg>>) -> gress_core::Result<u64> {
    while rows.len() < ROWS_MAX && reader.position() < ROWS_MAX as u64 {
        if reader.read(rows, 64, Duration::ZERO)? == ReadStatus::End {
            break;
        }
    }
    Ok(reader.position())
}

/// Plain and packed files, whole and broken rows.
pub fn seeds() -> Vec<Vec<u8>> {
    let header = "tail,delay,miles,speed,class,full\n";
    let texts = [
        format!("{header}N1,NA,70,1.5,First,true\nN2,-3,,1e3,,false\n"),
        format!("\u{feff}{header}\"N\"\"1\n\",7,1,NaN,Second,true\r\n\r\nN2,x,1,1,Third,no\nN3,1\n"),
        header.replace('\n', "\r\n") + "a,1,2,3,First,true",
    ];
    let mut seeds = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let packed = zstd::encode_all(text.as_bytes(), 3).expect("memory can be packed");
        seeds.push([&[at as u8 * 2][..], text.as_bytes()].concat());
        seeds.push([&[at as u8 * 2 + 1][..], &packed].concat());
    }
    seeds
}
