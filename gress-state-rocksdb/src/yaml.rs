//! A config from YAML: the section `state.rocksdb` of a job's file, or its content alone.

use crate::options::RocksDbConfig;
use gress_core::{Error, Result};
use std::{collections::BTreeSet, path::Path};
use yaml_rust2::{Event, parser::Parser, scanner::TScalarStyle};

impl RocksDbConfig {
    /// Reads the options below `state.rocksdb`, or, where the text has no `state`, its own. An option is written as in a
    /// job's config: sizes as bytes or with a unit.
    ///
    /// ```
    /// use gress_core::ByteSize;
    /// use gress_state_rocksdb::{Preset, RocksDbConfig};
    ///
    /// let config = RocksDbConfig::from_yaml(
    ///     "
    /// state:
    ///   backend: rocksdb
    ///   rocksdb:
    ///     path: /var/lib/trips/rocksdb
    ///     preset: low-latency
    ///     block_cache_size: 536870912   # or 512MiB
    ///     allow_mmap_reads: true
    /// ",
    /// )
    /// .expect("the options are valid");
    /// assert_eq!(config.preset, Preset::LowLatency);
    /// assert_eq!(config.effective().block_cache_size, ByteSize::mib(512));
    /// ```
    ///
    /// # Errors
    /// `Config`: text that is no YAML; an option that is unknown or has no valid value, by key and value, with what would
    /// be valid; options that contradict each other.
    pub fn from_yaml(text: &str) -> Result<Self> {
        let config = read(text).map_err(Error::config)?;
        config.validate().map_err(Error::config)?;
        Ok(config)
    }

    /// As [`RocksDbConfig::from_yaml`], from a file.
    ///
    /// # Errors
    /// As [`RocksDbConfig::from_yaml`], with the file's path; a file that cannot be read.
    pub fn from_yaml_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::config(format!("`{}` cannot be read: {e}", path.display())).because(e))?;
        RocksDbConfig::from_yaml(&text).map_err(|e| e.at(format!("`{}`", path.display())))
    }
}

/// A key with those above it, its value, and its line.
struct Line {
    path: Vec<String>,
    value: String,
    number: usize,
}

fn read(text: &str) -> Result<RocksDbConfig, String> {
    let lines = lines(text)?;
    let is_job = lines.iter().any(|line| line.path[0] == "state");
    let mut config = RocksDbConfig::default();
    let mut problems = Vec::new();
    for Line { path, value, number } in &lines {
        let option = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["state", "rocksdb", option] if is_job => option,
            [option] if !is_job => option,
            _ if is_job => continue,
            _ => return Err(format!("line {number}: `{}` is no option of RocksDB", path.join("."))),
        };
        problems.extend(config.set(option, value).err().map(|problem| format!("line {number}: {problem}")));
    }
    match problems.is_empty() {
        true => Ok(config),
        false => Err(problems.join("; ")),
    }
}

/// Deeper than any section of a job's config.
const DEPTH_MAX: usize = 16;

/// Every key that has a value, from the parser's events: values that are built first could be copied without end by
/// aliases, or nested beyond the stack.
fn lines(text: &str) -> Result<Vec<Line>, String> {
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let (mut lines, mut open, mut documents) = (Vec::new(), Vec::<Level>::new(), 0);
    loop {
        let (event, mark) = parser.next_token().map_err(|e| format!("line {}: no YAML: {e}", e.marker().line()))?;
        let number = mark.line();
        let problem = |what: &str| Err(format!("line {number}: {what}"));
        match event {
            Event::StreamEnd => return Ok(lines),
            Event::DocumentStart if documents == 1 => return problem("a second document; valid is one"),
            Event::DocumentStart => documents += 1,
            Event::Alias(_) => return problem("an alias (`*name`); write the value out"),
            Event::SequenceStart(..) => return problem("a list; valid are options with one value each"),
            Event::MappingStart(..) if open.len() == DEPTH_MAX => return problem("nested too deep"),
            Event::MappingStart(..) if open.last().is_some_and(|level| level.key.is_none()) => {
                return problem("a key is a mapping; valid is text");
            }
            Event::MappingStart(..) => open.push(Level::default()),
            Event::MappingEnd => {
                open.pop();
                open.last_mut().and_then(|level| level.key.take());
            }
            Event::Scalar(text, style, ..) => match open.last_mut() {
                None if is_nothing(&text, style) => {}
                None => return problem(&format!("`{text}` is no option with a value")),
                Some(Level { key: Some(_), .. }) => {
                    // A key without a value is left to its default, as an empty section is.
                    if !is_nothing(&text, style) {
                        let path = open.iter().filter_map(|level| level.key.clone()).collect();
                        lines.push(Line { path, value: text, number });
                    }
                    open.last_mut().and_then(|level| level.key.take());
                }
                Some(level) => {
                    if !level.seen.insert(text.clone()) {
                        return problem(&format!("`{text}` is given twice"));
                    }
                    level.key = Some(text);
                }
            },
            _ => {}
        }
    }
}

/// A mapping that is open.
#[derive(Default)]
struct Level {
    seen: BTreeSet<String>,
    /// The key whose value comes next.
    key: Option<String>,
}

fn is_nothing(text: &str, style: TScalarStyle) -> bool {
    style == TScalarStyle::Plain && matches!(text, "" | "~" | "null")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Durability, Preset};
    use gress_core::ByteSize;

    fn problem(text: &str) -> String {
        RocksDbConfig::from_yaml(text).unwrap_err().to_string()
    }

    #[test]
    fn a_section_and_its_content_alone_are_read_alike() {
        let alone = RocksDbConfig::from_yaml("preset: large-state\ndurability: wal_sync\nblock_cache_size: 0").unwrap();
        let text = "state: {rocksdb: {preset: large-state, durability: wal_sync, block_cache_size: 0}}\nname: trips";
        assert_eq!(RocksDbConfig::from_yaml(text).unwrap(), alone);
        assert_eq!((alone.preset, alone.durability), (Preset::LargeState, Some(Durability::WalSync)));
        assert_eq!(alone.effective().block_cache_size, ByteSize(0));
    }

    #[test]
    fn nothing_is_the_default() {
        for text in ["", "# nothing", "state:", "state: {backend: memory}", "state: {rocksdb: }"] {
            assert_eq!(RocksDbConfig::from_yaml(text).unwrap(), RocksDbConfig::default(), "{text}");
        }
    }

    #[test]
    fn every_problem_is_reported_with_key_value_and_what_would_be_valid() {
        let text = problem("state:\n  rocksdb:\n    block_cache_sise: 1\n    max_background_jobs: many\n");
        assert!(text.contains("line 3: ") && text.contains("did you mean `block_cache_size`?"), "{text}");
        assert!(text.contains("line 4: `max_background_jobs`: `many` is not a whole number"), "{text}");
        assert!(problem("bloom_bits_per_key: [1]").contains("line 1: a list"));
        assert!(problem("- a").contains("a list"));
        assert!(problem("a: b: c").contains("no YAML"));
        assert!(problem("a: {b: c}").contains("`a.b` is no option"));
        assert!(problem("preset: balanced\npreset: balanced").contains("line 2: `preset` is given twice"));
        assert!(problem("preset: balanced\n---\npreset: balanced").contains("second document"));
        assert!(problem("preset: low-latency\nuse_direct_reads: true").contains("contradicts"));
    }

    #[test]
    fn a_text_that_would_grow_without_end_is_refused() {
        assert!(problem("a: &a [x]\nb: [*a, *a]").contains("a list"));
        assert!(problem("a: &a x\nb: *a").contains("line 2: an alias"));
        let deep: String = (0..100_000).map(|_| "{a: ").collect();
        assert!(problem(&deep).contains("nested") || problem(&deep).contains("recursion"));
    }
}
