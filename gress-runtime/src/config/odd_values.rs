//! Whatever value stands at a key, the error names file, key and value, and says what would be valid.

use super::{BackendOptions, Config, RocksDbOptions, keys::ROCKSDB, load::load_bytes, problem::quoted};
use gress_core::{ByteSize, ErrorKind};
use proptest::{prelude::*, sample::Index};
use std::path::Path;

/// How many files are made.
const CASES: u32 = 10_000;

/// What the other keys say.
const OTHERS: [(&str, &str); 4] =
    [("state.memory", "64MB"), ("checkpoint.directory", "/c"), ("state.directory", "/s"), ("parallelism", "2")];

/// Valid for one key, wrong or contradictory for another.
const VALUES: [&str; 34] = [
    "-1",
    "0",
    "1",
    "2",
    "8",
    "20",
    "128",
    "1000",
    "65536",
    "4294967296",
    "18446744073709551615",
    "99999999999999999999",
    "1.5",
    "1e3",
    "64KiB",
    "16MiB",
    "1GB",
    "17179869184GiB",
    "1s",
    "10 ms",
    "true",
    "false",
    "yes",
    "null",
    "balanced",
    "low-latency",
    "large-state",
    "zstd",
    "memory",
    "rocksdb",
    "/c",
    "/s",
    "[::1]:9000",
    "",
];

/// How sentences say what would be valid.
const SAYS_WHAT_IS_VALID: [&str; 10] = [
    "valid is ",
    "valid are ",
    "neither `true` nor `false`",
    "is not a whole number from ",
    "must be at most",
    "must fit into",
    "set one of them to ",
    "set both to ",
    "drop one",
    "need directories of their own",
];

fn keys() -> Vec<String> {
    let options = RocksDbOptions.keys().iter().map(|key| format!("{ROCKSDB}{key}"));
    Config::keys().map(|(key, _)| key.to_owned()).chain(options).collect()
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&VALUES[..]).prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => (0..100_u64, prop::sample::select(&["KiB", "MB", "GiB", "ms", "h"][..])).prop_map(|(n, unit)| format!("{n}{unit}")),
        // Without what an error shows escaped.
        1 => "[^\\pC\\p{Zl}\\p{Zp}]{0,100}",
    ]
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// One key for both spellings.
fn option(key: &str) -> &str {
    RocksDbOptions.canonical(key.strip_prefix(ROCKSDB).unwrap_or(key))
}

/// Loads a file in which `odd` stands between the others, and holds the outcome to what is promised.
fn load(odd: &[(String, String)]) -> Result<(), TestCaseError> {
    let others = OTHERS.iter().map(|(key, value)| (String::from(*key), String::from(*value)));
    let others = others.filter(|(key, _)| odd.iter().all(|(odd, _)| odd != key));
    // In quotes any text is valid YAML.
    let line = |(key, value): (String, String)| format!("{key}: '{}'\n", value.replace('\'', "''"));
    let file: String = others.chain(odd.iter().cloned()).map(line).collect();
    let Err(error) = load_bytes(Path::new("flights.yaml"), file.as_bytes()) else { return Ok(()) };
    prop_assert_eq!(error.kind(), ErrorKind::Config);
    for line in error.to_string().lines() {
        prop_assert!(line.contains("flights.yaml"), "{line}");
        let told = odd.iter().any(|(key, value)| {
            // As it is written or, where it was right by itself, as it is understood.
            let shown = if value.trim().is_empty() { "is empty".to_owned() } else { quoted(value) };
            let understood = value.parse().map_or_else(|_| shown.clone(), ByteSize::exact);
            let has_value = line.contains(shown.trim_matches('`')) || line.contains(&understood);
            has_value && (line.contains(key.as_str()) || line.contains(last_part(option(key))))
        });
        prop_assert!(told, "neither key nor value: {line}");
        prop_assert!(SAYS_WHAT_IS_VALID.iter().any(|words| line.contains(words)), "nothing that is valid: {line}");
    }
    Ok(())
}

#[test]
fn an_odd_value_at_any_key_is_taken_or_refused_with_what_would_be_valid() {
    let keys = keys();
    let cases = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    proptest!(cases, |(odd in prop::collection::vec((any::<Index>(), value()), 1..4))| {
        let mut odd: Vec<_> = odd.into_iter().map(|(index, value)| (keys[index.index(keys.len())].clone(), value)).collect();
        // A key that is given twice is another error.
        odd.sort_by(|a, b| option(&a.0).cmp(option(&b.0)));
        odd.dedup_by(|a, b| option(&a.0) == option(&b.0));
        load(&odd)?;
    });
}
