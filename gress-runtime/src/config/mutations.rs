//! Whatever a file holds, loading ends in a config or in an error that names the file: never in a panic.

use super::{backend_options::of_this_build, load::load_bytes};
use gress_core::ErrorKind;
use proptest::{prelude::*, sample::Index};
use std::path::Path;

/// How many files are made.
const CASES: u32 = 10_000;

/// A valid file with every key and most of YAML's forms; the options of RocksDB follow.
const BEGINNING: &str = r#"# A job.
name: flights
parallelism: 4
batch: {size: 1000}
checkpoint:
  interval: 30s
  directory: "/var/lib/gress/checkpoints"
  retained: 3
state:
  backend: rocksdb
  memory: 4GB
  directory: '/var/lib/gress/work'
metrics.address: 127.0.0.1:9000
state.rocksdb:
  path: /var/lib/gress/work
  preset: low-latency
"#;

fn valid() -> String {
    options().fold(BEGINNING.to_owned(), |file, (key, value)| file + &format!("  {key}: {value}\n"))
}

/// Every option of RocksDB.
#[cfg(feature = "rocksdb")]
fn options() -> impl Iterator<Item = (&'static str, String)> {
    gress_state_rocksdb::RocksDbConfig::default().resolved().into_iter().map(|option| match option.key {
        // A limit: 0, the default, sets none, and a budget needs one.
        "db_write_buffer_size" => (option.key, "536870912".into()),
        key => (key, option.value),
    })
}

#[cfg(not(feature = "rocksdb"))]
fn options() -> impl Iterator<Item = (&'static str, String)> {
    std::iter::empty()
}

/// What a slip, an attack or another program may leave in a file.
const PIECES: [&str; 30] = [
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "\n",
    "\t",
    "  ",
    "&a ",
    "*a",
    "!!int ",
    "!!binary ",
    "? ",
    "| \n",
    "> \n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "'",
    "\"",
    "\\",
    "#",
    "~",
    "null",
    "<<: ",
    "\u{feff}",
    "-99999999999999999999",
    ".inf",
    "\u{85}",
];

/// One change of the file.
#[derive(Clone, Debug)]
enum Mutation {
    /// Puts a byte where another was.
    Overwrite(Index, u8),
    /// Takes bytes away.
    Delete(Index, usize),
    /// Puts a piece of YAML in between.
    Insert(Index, &'static str),
    /// Puts any text in between.
    InsertText(Index, String),
    /// Writes one line a second time, elsewhere.
    CopyLine(Index, Index),
    /// Gives a key another value.
    SetValue(Index, String),
    /// Moves a line to another level.
    Indent(Index, usize),
    /// Cuts the file short.
    Truncate(Index),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &Index, bytes: &[u8]| index.index(bytes.len() + 1);
        match self {
            Mutation::Overwrite(index, byte) => {
                let i = at(index, bytes);
                bytes.splice(i..bytes.len().min(i + 1), [*byte]);
            }
            Mutation::Delete(index, count) => {
                let from = at(index, bytes);
                bytes.drain(from..bytes.len().min(from + count));
            }
            Mutation::Insert(index, piece) => insert(bytes, at(index, bytes), piece.as_bytes()),
            Mutation::InsertText(index, text) => insert(bytes, at(index, bytes), text.as_bytes()),
            Mutation::CopyLine(from, to) => change_lines(bytes, |lines| {
                let line = lines[from.index(lines.len())].clone();
                lines.insert(to.index(lines.len()), line);
            }),
            Mutation::SetValue(index, value) => change_lines(bytes, |lines| {
                let i = index.index(lines.len());
                if let Some(colon) = lines[i].iter().position(|byte| *byte == b':') {
                    lines[i].truncate(colon + 1);
                    lines[i].extend(format!(" {value}").bytes());
                }
            }),
            Mutation::Indent(index, spaces) => change_lines(bytes, |lines| {
                let i = index.index(lines.len());
                insert(&mut lines[i], 0, " ".repeat(*spaces).as_bytes());
            }),
            Mutation::Truncate(index) => bytes.truncate(at(index, bytes)),
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}

fn change_lines(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    change(&mut lines);
    *bytes = lines.join(&b'\n');
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(index, byte)| Mutation::Overwrite(index, byte)),
        (index(), 1..40_usize).prop_map(|(index, count)| Mutation::Delete(index, count)),
        (index(), prop::sample::select(&PIECES[..])).prop_map(|(index, piece)| Mutation::Insert(index, piece)),
        (index(), "\\PC{0,20}").prop_map(|(index, text)| Mutation::InsertText(index, text)),
        (index(), index()).prop_map(|(from, to)| Mutation::CopyLine(from, to)),
        (index(), "[-+.0-9a-z\\[\\]{}~'\"|>]{0,12}").prop_map(|(index, value)| Mutation::SetValue(index, value)),
        (index(), 1..6_usize).prop_map(|(index, spaces)| Mutation::Indent(index, spaces)),
        index().prop_map(Mutation::Truncate),
    ]
}

/// An error is read by people. The list of all keys, which follows a key that is like none, is the longest.
const LINE_CHARS_MAX: usize = 2500;

/// Loads `bytes` as a file, and holds the outcome to what is promised for any file.
fn load(bytes: &[u8]) -> Result<(), TestCaseError> {
    match load_bytes(Path::new("flights.yaml"), bytes) {
        Ok(config) => prop_assert!(config.validate(of_this_build()).is_ok(), "a loaded config is valid: {config:?}"),
        Err(error) => {
            prop_assert_eq!(error.kind(), ErrorKind::Config);
            for line in error.to_string().lines().filter(|line| !line.starts_with("and ")) {
                prop_assert!(line.contains("flights.yaml"), "{line}");
                prop_assert!(line.chars().count() < LINE_CHARS_MAX && !line.contains(char::is_control), "{line}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_file_that_mutations_begin_with_is_valid() {
    let config = load_bytes(Path::new("flights.yaml"), valid().as_bytes()).expect("valid");
    assert_eq!(config.settings().iter().filter(|setting| setting.origin == super::Origin::Default).count(), 0);
}

#[test]
fn a_mutated_file_loads_or_is_refused_by_name() {
    let cases = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    let valid = valid();
    proptest!(cases, |(mutations in prop::collection::vec(mutation(), 1..5))| {
        let mut bytes = valid.as_bytes().to_vec();
        mutations.iter().for_each(|mutation| mutation.apply(&mut bytes));
        load(&bytes)?;
    });
}

#[test]
fn bombs_are_refused_by_name() {
    let mut laughs = "a0: &a0 [x, x]\n".to_owned();
    (1..60).for_each(|i| laughs += &format!("a{i}: &a{i} [*a{0}, *a{0}, *a{0}, *a{0}]\n", i - 1));
    let thousands = (0..60_000).map(|i| format!("key{i}: 1\n")).collect::<String>();
    let bombs = [
        laughs,
        thousands,
        "[".repeat(1 << 20),
        "- ".repeat(1 << 19),
        format!("name: {}", "{a: ".repeat(200_000)),
        format!("name: {}", "x".repeat(1_000_000)),
        format!("? {}\n: 1\n", "x".repeat(1_000_000)),
        format!("name: {}", "!".repeat(1_000_000)),
        format!("name: '{}'", "\n".repeat(1_000_000)),
        "&a ".repeat(300_000),
        " ".repeat((1 << 20) + 1),
    ];
    for bomb in bombs {
        let shown: String = bomb.chars().take(20).collect();
        load(bomb.as_bytes()).expect(&shown);
        assert!(load_bytes(Path::new("flights.yaml"), bomb.as_bytes()).is_err(), "{shown}");
    }
}
