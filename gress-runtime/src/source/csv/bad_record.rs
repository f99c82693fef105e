//! What is wrong with a row, in words.

use csv::{ByteRecord, DeserializeErrorKind, ErrorKind};
use serde::de::DeserializeOwned;
use std::fmt;

/// What is wrong with a row. Prints as what follows file and line: ``, column `miles`: … `` or `: …`.
#[derive(Debug)]
pub(super) struct BadRecord {
    column: Option<(String, String)>,
    what: String,
}

/// Shown of a field or name; the rest is in the file.
const SHOWN_CHARS_MAX: usize = 120;

impl BadRecord {
    pub(super) fn check_length(row: &ByteRecord, header: &ByteRecord) -> Result<(), BadRecord> {
        let (found, expected) = (row.len(), header.len());
        if found == expected {
            return Ok(());
        }
        let fields = if found == 1 { "field" } else { "fields" };
        Err(BadRecord { column: None, what: format!("it has {found} {fields}, the header has {expected}") })
    }

    /// The row is no `T`, as serde says.
    pub(super) fn of_type<T: DeserializeOwned>(row: &ByteRecord, header: &ByteRecord, error: csv::Error) -> Self {
        let ErrorKind::Deserialize { err, .. } = error.kind() else {
            return BadRecord { column: None, what: shown(error.to_string().as_bytes()) };
        };
        let what = shown(err.kind().to_string().as_bytes());
        let field = match err.field() {
            Some(field) => Some(field as usize),
            None if what.starts_with("missing field") => None,
            None => first_bad_field::<T>(row, header),
        };
        let text = |of: &ByteRecord| field.and_then(|at| of.get(at)).map(shown);
        BadRecord { column: text(header).zip(text(row)), what }
    }

    /// What is wrong with the header, if it is not the row that is wrong: then every row is, and none should be skipped.
    pub(super) fn of_header(&self, header: &ByteRecord) -> Option<String> {
        if ["duplicate field `", "unknown field `"].iter().any(|begin| self.what.starts_with(begin)) {
            return Some(format!("the header does not fit: {}", self.what));
        }
        let name = self.what.strip_prefix("missing field `")?.strip_suffix('`')?;
        if header.iter().any(|column| column == name.as_bytes()) {
            return None;
        }
        let columns: Vec<_> = header.iter().map(|column| format!("`{}`", shown(column))).collect();
        Some(format!("the header has no column `{name}`; there are {}", columns.join(", ")))
    }
}

/// Finds the field that serde's error does not name: as long as it is cut off, the error is that the row ends too early.
fn first_bad_field<T: DeserializeOwned>(row: &ByteRecord, header: &ByteRecord) -> Option<usize> {
    let ends_too_early = |len: usize| {
        let begin: ByteRecord = row.iter().take(len).collect();
        let error = begin.deserialize::<T>(Some(header)).err();
        error.is_some_and(|e| match e.kind() {
            ErrorKind::Deserialize { err, .. } => matches!(err.kind(), DeserializeErrorKind::UnexpectedEndOfRow),
            _ => false,
        })
    };
    (0..row.len()).find(|at| !ends_too_early(at + 1))
}

/// One line of bounded length.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(one_line).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn one_line(char: char) -> impl Iterator<Item = char> {
    let escaped = char.is_control().then(|| char.escape_default());
    let kept = (!char.is_control()).then_some(char);
    escaped.into_iter().flatten().chain(kept)
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some((column, field)) => write!(f, ", column `{column}`: {}: `{field}`", self.what),
            None => write!(f, ": {}", self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_short_line() {
        assert_eq!(shown(b"a\r\n\xff"), "a\\r\\n\u{fffd}");
        assert_eq!(shown("ö".repeat(121).as_bytes()), "ö".repeat(120) + "…");
    }
}
