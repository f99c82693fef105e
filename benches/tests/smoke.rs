//! Every command runs, says what it promises, and writes the same as JSON. Sizes are tiny: the figures mean nothing.

use serde_json::Value;
use std::process::Command;

/// Runs `gress-bench` with these arguments. Gives what it wrote as JSON.
fn bench(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let json = folder.path().join("report.json");
    let mut program = Command::new(env!("CARGO_BIN_EXE_gress-bench"));
    program.args(arguments).arg("--short").arg("--json").arg(&json).arg("--directory").arg(folder.path());
    let output = program.output().expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    let text = std::fs::read_to_string(&json).expect("the report was written");
    serde_json::from_str(&text).expect("the report is JSON")
}

/// The rows of the table whose title begins so.
fn rows(report: &Value, title: &str) -> Vec<Value> {
    let tables = report["tables"].as_object().expect("there are tables");
    let (_, rows) = tables.iter().find(|(name, _)| name.starts_with(title)).expect("there is such a table");
    rows.as_array().expect("a table has rows").clone()
}

#[test]
fn compare_runs_every_workload_on_every_engine_that_it_makes_sense_on() {
    // Those that are larger than memory need a control group, which not every user can make.
    let names = "counter-1k,counter-100k,counter-1m,counter-10m,counter-zipf,strings,windows,lists,maps,chain,shuffle";
    let report = bench(&["compare", "--events", "20000", "--workloads", names]);
    let rows = rows(&report, "medians");
    // Raw RocksDB has no chain of functions, and a chain no state for backends and checkpoints.
    assert_eq!(rows.len(), 10 * 6 + 2);
    assert!(rows.iter().all(|row| row["events/s"].as_u64() > Some(0)), "{rows:?}");
    assert_eq!(report["limits"].as_array().map(Vec::len), Some(5));
}

#[test]
fn state_measures_eight_operations_on_memory_and_on_each_preset_beside_raw_rocksdb() {
    let report = bench(&["state", "--size", "200KiB", "--seconds", "0.005", "--values", "100", "--skew", "zipf"]);
    let rows = rows(&report, "1");
    assert_eq!(rows.len(), 9 * 8);
    assert!(rows.iter().all(|row| row["operations/s"].as_u64() > Some(0)), "{rows:?}");
}

#[test]
fn latency_compares_both_sources_and_takes_checkpoints() {
    let report = bench(&["latency", "--seconds", "0.1", "--checkpoint-seconds", "0.02", "--cache", "512KiB"]);
    for from in ["cached", "disk"] {
        let rows = rows(&report, &format!("latency, {from}"));
        assert_eq!(rows.len(), 6);
        assert!(rows.iter().all(|row| row["p99"].as_u64() > Some(0) && row["checkpoints"].as_u64() > Some(0)));
    }
    assert_eq!(report["limits"].as_array().map(Vec::len), Some(8));
}

#[test]
fn overhead_makes_as_many_calls_as_it_is_told() {
    for engine in ["gress", "raw"] {
        for operation in ["get-with", "get", "put", "batch-put"] {
            let flags = ["overhead", "--engine", engine, "--operation", operation, "--count", "7", "--keys", "100"];
            assert_eq!(bench(&flags)["settings"]["calls"], "7");
        }
    }
}

#[test]
fn batches_are_compared_in_each_durability() {
    let rows = rows(&bench(&["batches", "--seconds", "0.02"]), "batches of 100");
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row["ratio"].as_f64() > Some(0.0)), "{rows:?}");
}

#[test]
fn large_reads_back_what_it_wrote() {
    let report = bench(&["large", "--budget", "2MiB", "--seconds", "0.02"]);
    assert_eq!(rows(&report, "large-state").len(), 4);
    assert_eq!(rows(&report, "memory").len(), 1);
}

#[test]
fn a_job_counts_more_keys_than_fit_into_its_memory() {
    let report = bench(&["large", "--job", "--budget", "16MiB", "--times", "1"]);
    assert!(rows(&report, "a job that counts")[0]["events/s"].as_u64() > Some(0));
}

#[test]
fn tombstones_are_scanned_on_memory_and_on_each_preset() {
    for how in [&[][..], &["--by", "batch", "--at-rest"], &["--by", "range"]] {
        let arguments = [&["tombstones", "--deletes", "300", "--scans", "3"][..], how].concat();
        assert_eq!(rows(&bench(&arguments), "a scan of the range").len(), 9);
    }
}

#[test]
fn compression_stores_both_encodings_in_each_way() {
    let rows = rows(&bench(&["compression", "--records", "500"]), "flights");
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row["raw / disk"].as_f64() > Some(0.1)), "{rows:?}");
}

#[test]
fn sampling_times_gets_and_puts_in_each_setting() {
    let report = bench(&["sampling", "--calls", "50", "--rounds", "1"]);
    assert_eq!((rows(&report, "get").len(), rows(&report, "put").len()), (5, 5));
}

#[test]
fn uploads_are_counted_and_what_they_stored_is_recovered() {
    let report = bench(&["uploads", "--state", "1MiB", "--value", "300", "--changed", "0.1", "--checkpoints", "30"]);
    let (written, ratios) = (rows(&report, "bytes written"), rows(&report, "bytes written for each changed one"));
    assert_eq!((written.len(), ratios.len(), rows(&report, "what is kept").len()), (2, 2, 2));
    for row in &written {
        let figure = |column: &str| row[column].as_u64().unwrap_or_default();
        // Thirty times a tenth is three times the state, of which each byte is sealed once; the base is folded twice.
        let states = figure("changed") as f64 / figure("bytes") as f64;
        assert!((2.9..3.1).contains(&states), "{row}");
        assert!(figure("seals") > figure("changed") && figure("folds") > figure("bytes"), "{row}");
        assert!(figure("first checkpoint") > figure("bytes"), "{row}");
    }
}

#[test]
fn pauses_are_measured_with_and_without_checkpoints() {
    let report = bench(&["pauses", "--seconds", "0.6", "--keys", "10000", "--interval-millis", "100"]);
    let rows = rows(&report, "time of");
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["p99"].as_u64() > Some(0) && row["max"].as_u64() >= row["p99"].as_u64()));
    let (without, with) = (&rows[0], &rows[2]);
    assert_eq!((without["completed"].as_u64(), without["entries each"].as_u64()), (Some(0), Some(0)));
    assert!(with["completed"].as_u64() > Some(1), "{with}");
    assert!((1..=10_000).contains(&with["entries each"].as_u64().unwrap_or(0)), "{with}");
}

#[test]
fn end_to_end_times_every_event_that_was_due_at_a_rate() {
    let report = bench(&["end-to-end", "--seconds", "0.5", "--warm-up-seconds", "0.25", "--rate", "4000"]);
    let rows = rows(&report, "from the source");
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1]["arrived/s"].as_u64(), Some(4_000), "{rows:?}");
    assert!(rows.iter().all(|row| row["p50"].as_u64() > Some(0) && row["checkpoints"].as_u64() > Some(0)));
    assert_eq!(report["limits"].as_array().map(Vec::len), Some(2));
}
