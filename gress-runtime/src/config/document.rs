//! The layer that a YAML file makes.
//!
//! The crate `config` turns the text into values; the [`Outline`] has looked at it before, and adds lines and spellings.

use super::{
    Origin,
    keys::is_section,
    layer::{RawValue, Shape},
    outline::Outline,
};
use config::{File, FileFormat, Map, Source, Value, ValueKind};
use std::{fs, io::Read, path::Path};

/// Larger than any config by a factor of a hundred.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads the file at `path`; `Err` is a sentence that names it.
pub(super) fn read(path: &Path) -> Result<Vec<RawValue>, String> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read the config file {}: {error}", path.display()))?;
    parse(path, &bytes)
}

/// What `bytes`, the content of `path`, say.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<RawValue>, String> {
    let file = path.display();
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("{file} is larger than {FILE_BYTES_MAX} bytes: that is no config file"));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        format!("{file}, line {line}: not valid UTF-8")
    })?;
    layer(path, text)
}

/// What `text`, the content of `path`, says; in the order of its lines.
fn layer(path: &Path, text: &str) -> Result<Vec<RawValue>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let file = path.display();
    let outline = Outline::of(text).map_err(|flaw| format!("{file}, line {}: {}", flaw.line, flaw.what))?;
    if outline.is_empty() {
        return Ok(Vec::new());
    }
    let document = File::from_str(text, FileFormat::Yaml).collect().map_err(|error| format!("{file}: {error}"))?;
    let mut values = Vec::new();
    flatten("", document, path, &outline, &mut values);
    values.sort_by(|a, b| (line_of(a), &a.key).cmp(&(line_of(b), &b.key)));
    Ok(values)
}

/// Appends what stands in `mapping`, and in the sections below it; their depth is that of the table of keys.
fn flatten(prefix: &str, mapping: Map<String, Value>, path: &Path, outline: &Outline, values: &mut Vec<RawValue>) {
    for (name, value) in mapping {
        let key = format!("{prefix}{name}");
        let entry = outline.get(&key);
        let shape = match value.kind {
            ValueKind::Table(section) if is_section(&key) => {
                flatten(&format!("{key}."), section, path, outline, values);
                continue;
            }
            ValueKind::Table(_) => Shape::Mapping,
            ValueKind::Array(_) => Shape::List,
            ValueKind::Nil => Shape::Empty,
            ValueKind::String(text) => Shape::scalar(text),
            number => Shape::Scalar(entry.and_then(|e| e.spelling.clone()).unwrap_or_else(|| number.to_string())),
        };
        let origin = Origin::File { path: path.to_owned(), line: entry.map(|entry| entry.line) };
        values.push(RawValue { key, shape, origin });
    }
}

fn line_of(value: &RawValue) -> Option<usize> {
    match value.origin {
        Origin::File { line, .. } => line,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, Shape)> {
        let layer = layer(Path::new("flights.yaml"), text).expect(text);
        layer.into_iter().map(|value| (value.key, value.shape)).collect()
    }

    #[test]
    fn nested_and_dotted_keys_are_the_same_and_values_keep_their_spelling() {
        let text = "state:\n  backend: rocksdb\n  rocksdb.rate: 1.10\nname: 007\nstate.rocksdb: {mmap: True}\n";
        let scalar = |key: &str, text: &str| (key.to_owned(), Shape::Scalar(text.into()));
        assert_eq!(
            values(text),
            [
                scalar("state.backend", "rocksdb"),
                scalar("state.rocksdb.rate", "1.10"),
                scalar("name", "007"),
                scalar("state.rocksdb.mmap", "True"),
            ]
        );
    }

    #[test]
    fn what_is_not_a_scalar_is_kept_for_the_error() {
        let text = "name: [a]\nparallelism: {a: 1}\nstate:\nbatch: 'x'\nmetrics: ''\nnew: {a: {b: 1}}\n";
        let shapes: Vec<_> = values(text).into_iter().map(|(_, shape)| shape).collect();
        let text = Shape::Scalar("x".into());
        assert_eq!(shapes, [Shape::List, Shape::Mapping, Shape::Empty, text, Shape::Empty, Shape::Mapping]);
    }

    #[test]
    fn a_file_without_keys_says_nothing() {
        for text in ["", "# nothing\n", "---\n", "\u{feff}"] {
            assert_eq!(values(text), []);
        }
        assert_eq!(values("\u{feff}name: x").len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_taken_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let refusal = |name: &str, content: Option<&[u8]>| {
            let path = folder.path().join(name);
            content.into_iter().for_each(|content| fs::write(&path, content).expect("written"));
            let sentence = read(&path).expect_err(name);
            assert!(sentence.contains(&path.display().to_string()), "{sentence}");
            sentence
        };
        assert!(refusal("missing.yaml", None).contains("No such file"));
        assert!(refusal(".", None).contains("directory"));
        assert!(refusal("huge.yaml", Some(&vec![b' '; (1 << 20) + 1])).contains("larger than 1048576 bytes"));
        assert!(refusal("latin1.yaml", Some(b"name: a\n# caf\xe9\n")).contains("line 2: not valid UTF-8"));
        assert!(refusal("utf16.yaml", Some(b"\xff\xfen\0")).contains("not valid UTF-8"));
        assert!(refusal("broken.yaml", Some(b"name: a\nstate: {\n")).contains("line 3: not valid YAML"));
    }
}
