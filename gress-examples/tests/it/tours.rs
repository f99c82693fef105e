//! The examples of state without a job run to their end, and say what the guides say of them.

use crate::program::example;
use gress_state_rocksdb::{RocksDbBackend, RocksDbConfig};
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// What the example prints. It must end well.
fn run(name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(example(name));
    let ended = command.args(arguments).output().unwrap_or_else(|e| panic!("{name} {arguments:?}: {e}"));
    let text = |bytes| String::from_utf8(bytes).expect("examples print UTF-8");
    let (stdout, stderr) = (text(ended.stdout), text(ended.stderr));
    assert!(ended.status.success(), "{name} {arguments:?}: {}\n{stdout}{stderr}", ended.status);
    stdout
}

#[test]
fn the_same_program_prints_the_same_on_memory_and_on_rocksdb() {
    let [memory, rocksdb] = ["memory", "rocksdb"].map(|backend| run("state_backend", &["--backend", backend]));
    assert_eq!(memory, rocksdb);
    for line in
        ["batch: 4 clicks, -, 1 click", "snapshot: 4 entries written, 4 read", "after 30 minutes: ada 3", "errors 0"]
    {
        assert!(memory.contains(line), "`{line}` is missing in:\n{memory}");
    }
}

#[test]
fn every_preset_keeps_the_same_logbooks_also_as_checkpoint_snapshot_and_under_another_preset() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let path = |name: &str| folder.path().join(name).to_str().expect("its name is UTF-8").to_owned();
    fs::create_dir(path("data")).expect("the temporary folder is writable");
    let told = run("rocksdb_state", &["--flights", "2000", "--dir", &path("data")]);
    let rows: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
    for preset in ["low-latency", "high-throughput", "large-state", "balanced"] {
        let row = rows.iter().find(|row| row.first() == Some(&preset)).unwrap_or_else(|| panic!("{preset}:\n{told}"));
        assert_eq!(row[1..3], counted(2000), "{told}");
        assert!(Path::new(&path("data")).join(format!("{preset}-checkpoint/checkpoint.json")).exists());
    }
    assert!(told.contains("`balanced`, opened as `large-state`: 1996 flights"), "{told}");
    assert!(told.contains("compression zstd"), "{told}");
}

/// Aircraft and miles, counted by other means in the first rows.
fn counted(rows: usize) -> [String; 2] {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights.csv.zst");
    let packed = fs::read(path).expect("the data is in the repository");
    let text = String::from_utf8(zstd::decode_all(packed.as_slice()).expect("it is zstd")).expect("it is UTF-8");
    let rows = text.lines().skip(1).take(rows).map(|line| line.split(',').collect::<Vec<_>>());
    let flown: Vec<_> = rows.filter(|row| row[11] != "NA").collect();
    let aircraft: BTreeSet<&str> = flown.iter().map(|row| row[11]).collect();
    let miles = flown.iter().map(|row| row[15].parse::<u64>().expect("a distance is a number")).sum::<u64>();
    [aircraft.len().to_string(), miles.to_string()]
}

/// A property that RocksDB renames would make the advice of the guides useless.
#[test]
fn every_property_that_the_guides_name_is_one_that_rocksdb_has() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let state = RocksDbBackend::open(RocksDbConfig::balanced(folder.path())).expect("the state can be opened");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut named = BTreeSet::new();
    for guide in ["state-backend.md", "tuning.md"] {
        let text = fs::read_to_string(docs.join(guide)).expect("the guide is in the repository");
        let in_backticks = text.split('`').filter(|name| name.starts_with("rocksdb.") && !name.contains(' '));
        named.extend(in_backticks.map(str::to_owned));
    }
    assert!(named.len() > 8, "{named:?}");
    for property in named {
        let found = state.property(&property).expect("the state is open");
        assert!(found.is_some(), "RocksDB has no property `{property}`");
    }
}
