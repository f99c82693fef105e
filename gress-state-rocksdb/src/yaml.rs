//! A config from YAML: the section `state.rocksdb` of a job's file, or its content alone.

use crate::options::RocksDbConfig;
use gress_core::{Error, Result};
use std::{collections::BTreeSet, fs::File, io::Read, path::Path};
use yaml_rust2::{Event, parser::Parser, scanner::TScalarStyle};

#[cfg(test)]
mod mutations;

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
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(TEXT_BYTES_MAX as u64 + 1).read_to_string(&mut text))
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

/// No config is longer; another kind of file may be, and a device has no end.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Of a key or value, as many characters are shown as tell what it is.
const SHOWN_CHARS_MAX: usize = 80;
/// A text can hold thousands of wrong keys; nobody reads more problems than these.
const PROBLEMS_SHOWN_MAX: usize = 50;

fn read(text: &str) -> Result<RocksDbConfig, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("from line 1 on there is no config: valid are texts of up to {TEXT_BYTES_MAX} bytes"));
    }
    let lines = lines(text).map_err(|problem| one_line(&problem))?;
    let mut options = GivenOptions { config: RocksDbConfig::default(), given: BTreeSet::new() };
    // A section may stand in one key: `state.rocksdb`.
    let paths: Vec<Vec<&str>> =
        lines.iter().map(|line| line.path.iter().flat_map(|key| key.split('.')).collect()).collect();
    let is_job = paths.iter().any(|path| path[0] == "state");
    let mut problems = Vec::new();
    for (Line { value, number, .. }, path) in lines.iter().zip(&paths) {
        let outcome = match path[..] {
            ["state", "rocksdb", option] if is_job => options.set(option, value),
            [option] if !is_job => options.set(option, value),
            ["state", "rocksdb", ..] => Err(no_option(path)),
            _ if is_job => continue,
            _ => Err(no_option(path)),
        };
        problems.extend(outcome.err().map(|problem| one_line(&format!("line {number}: {problem}"))));
    }
    if problems.is_empty() {
        return Ok(options.config);
    }
    if let Some(more @ 1..) = problems.len().checked_sub(PROBLEMS_SHOWN_MAX) {
        problems.truncate(PROBLEMS_SHOWN_MAX);
        problems.push(format!("and {more} more problems"));
    }
    Err(problems.join("; "))
}

/// The options that a text gives, each once.
struct GivenOptions {
    config: RocksDbConfig,
    given: BTreeSet<String>,
}

impl GivenOptions {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let key = shown(key);
        if value.contains(char::is_control) {
            return Err(format!("`{key}`: `{}` has a control character; valid is one line of text", shown(value)));
        }
        // Only a path may be long.
        let set = if key == "path" { self.config.set(&key, value) } else { self.config.set(&key, &shown(value)) };
        set.and_then(|()| match self.given.insert(key.clone()) {
            true => Ok(()),
            false => Err(twice(&key)),
        })
    }
}

fn no_option(path: &[&str]) -> String {
    format!("`{}` is no option of RocksDB: valid is one value for each option", shown(&path.join(".")))
}

fn twice(key: &str) -> String {
    format!("`{}` is given twice; valid is once", shown(key))
}

/// `text`, cut where it is long.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Whatever a sentence quotes, it stays one line.
fn one_line(sentence: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let escaped = |c: char| if breaks(c) { c.escape_default().to_string() } else { c.to_string() };
    sentence.chars().map(escaped).collect()
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
            Event::MappingStart(..) if open.len() == DEPTH_MAX => {
                return problem("nested too deep; valid are options with one value each");
            }
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
                None => return problem(&format!("`{}` is no option; valid is `option: value`", shown(&text))),
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
                        return problem(&twice(&text));
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
    fn a_section_in_one_key_is_read_and_an_option_given_both_ways_is_refused() {
        let config =
            RocksDbConfig::from_yaml("state: {backend: rocksdb}\nstate.rocksdb: {block_cache_size: 8MiB}").unwrap();
        assert_eq!(config.block_cache_size, Some(ByteSize::mib(8)));
        assert_eq!(RocksDbConfig::from_yaml("state.rocksdb.block_cache_size: 8MiB").unwrap(), config);
        let text = problem("state: {rocksdb: {block_size: 4KiB}}\nstate.rocksdb: {block_size: 8KiB}");
        assert!(text.contains("line 2: `block_size` is given twice"), "{text}");
    }

    #[test]
    fn what_stands_below_an_option_or_in_place_of_all_is_refused_and_not_passed_over() {
        let text = problem("state:\n  rocksdb:\n    block_size:\n      bytes: 1");
        assert!(text.contains("line 4: `state.rocksdb.block_size.bytes` is no option of RocksDB"), "{text}");
        assert!(problem("state: {rocksdb: true}").contains("line 1: `state.rocksdb` is no option of RocksDB"));
    }

    #[test]
    fn an_error_is_one_line_however_long_or_odd_the_value_is() {
        let text = problem("path: \"/tmp/a\\0b\\n\"");
        assert!(text.contains("line 1: `path`: `/tmp/a\\u{0}b\\n` has a control character"), "{text}");
        let text = problem(&format!("block_size: {}", "x".repeat(1_000_000)));
        assert!(text.chars().count() < 300 && text.contains("x…` is not a size"), "{text}");
        let text = problem(&(0..1_000).map(|n| format!("key{n}: 1\n")).collect::<String>());
        assert!(text.ends_with("; and 950 more problems"), "{text}");
    }

    #[test]
    fn a_text_longer_than_any_config_is_refused_and_a_device_is_not_read_without_end() {
        assert!(problem(&" ".repeat(TEXT_BYTES_MAX + 1)).contains("up to 1048576 bytes"));
        let error = RocksDbConfig::from_yaml_file("/dev/zero").unwrap_err().to_string();
        assert!(error.contains("`/dev/zero`") && error.contains("up to 1048576 bytes"), "{error}");
    }

    #[test]
    fn a_text_that_would_grow_without_end_is_refused() {
        assert!(problem("a: &a [x]\nb: [*a, *a]").contains("a list"));
        assert!(problem("a: &a x\nb: *a").contains("line 2: an alias"));
        let deep: String = (0..100_000).map(|_| "{a: ").collect();
        assert!(problem(&deep).contains("nested") || problem(&deep).contains("recursion"));
    }
}
