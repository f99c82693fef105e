//! Inputs other than the real flights, made from them.

use crate::output::DATA;
use std::{
    fs::{self, File},
    path::Path,
};

/// The rows of the real flights, with the header line.
fn rows() -> String {
    let file = File::open(Path::new(DATA).join("flights.csv.zst")).expect("the data are in the repository");
    let bytes = zstd::decode_all(file).expect("they are compressed");
    String::from_utf8(bytes).expect("they are text")
}

fn write(folder: &Path, rows: &str) {
    let compressed = zstd::encode_all(rows.as_bytes(), 1).expect("text can be compressed");
    fs::create_dir_all(folder).expect("a temporary folder can be written");
    fs::write(folder.join("flights.csv.zst"), compressed).expect("a temporary folder can be written");
}

/// Puts a day's worth of the real flights into `folder`.
pub(crate) fn write_short(folder: &Path) {
    let rows = rows();
    let end = rows.match_indices('\n').nth(1_000).map_or(rows.len(), |(at, _)| at + 1);
    write(folder, &rows[..end]);
}

/// Puts the real flights into `folder`, with one field changed in the row before the last.
pub(crate) fn write_changed(folder: &Path) {
    let rows = rows();
    let mut lines: Vec<_> = rows.lines().collect();
    let at = lines.len() - 2;
    let changed = lines[at].replacen("2013,12,31", "2013,12,30", 1);
    assert_ne!(changed, lines[at], "the last flights left on the last day of the year");
    lines[at] = &changed;
    write(folder, &(lines.join("\n") + "\n"));
}
