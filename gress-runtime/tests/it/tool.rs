//! The program `gress`, as a shell sees it.

use std::{
    fs,
    process::{Command, Output},
};
use tempfile::TempDir;

/// A folder with `job.yaml` in it.
fn folder(yaml: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("job.yaml"), yaml).unwrap();
    folder
}

/// Runs `gress` in `folder` with an environment of nothing but `variables`.
fn gress(folder: &TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gress"));
    let command = command.current_dir(folder.path()).env_clear().args(arguments);
    command.envs(variables.iter().copied()).output().unwrap()
}

/// Standard output and error of a run that ends with `code`.
fn told(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    (out, err)
}

fn explained(folder: &TempDir, more: &[&str], variables: &[(&str, &str)]) -> String {
    let arguments = [&["config", "explain", "job.yaml"], more].concat();
    let (out, err) = told(&gress(folder, &arguments, variables), 0);
    assert_eq!(err, "");
    out
}

/// The words of a row.
fn row(table: &str, key: &str) -> String {
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(key)).unwrap_or_default();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn explain_tells_file_environment_flag_and_default_apart() {
    let folder = folder("state.backend: memory\nparallelism: 2\nbatch.size: 5\n");
    let variables = [("GRESS__BATCH__SIZE", "7"), ("HOME", "/")];
    let table = explained(&folder, &["--set", "checkpoint.retained=4"], &variables);
    assert_eq!(row(&table, "parallelism"), "parallelism 2 job.yaml:2");
    assert_eq!(row(&table, "batch.size"), "batch.size 7 environment GRESS__BATCH__SIZE");
    assert_eq!(row(&table, "checkpoint.retained"), "checkpoint.retained 4 code");
    assert_eq!(row(&table, "name"), "name job default");
    let table = explained(&folder, &["--no-environment"], &variables);
    assert_eq!(row(&table, "batch.size"), "batch.size 5 job.yaml:3");
}

#[test]
fn explain_divides_memory_over_all_keyed_steps() {
    let folder = folder("state: {backend: memory, memory: 14MiB}\nparallelism: 2\n");
    let share = "budget.table_of_each_task";
    assert_eq!(row(&explained(&folder, &[], &[]), share), format!("{share} 6MiB derived from budget.table"));
    let table = explained(&folder, &["--keyed-steps", "3"], &[]);
    assert_eq!(row(&table, share), format!("{share} 2MiB derived from budget.table"));
}

#[test]
fn json_is_an_object_a_line() {
    let folder = folder("state.backend: memory\n");
    let text = explained(&folder, &["--json"], &[]);
    let objects: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let backend = objects.iter().find(|object| object["key"] == "state.backend").unwrap();
    let wanted =
        serde_json::json!({"key": "state.backend", "value": "memory", "source": "file", "path": "job.yaml", "line": 1});
    assert_eq!(*backend, wanted);
}

#[cfg(feature = "rocksdb")]
#[test]
fn explain_shows_presets_and_what_memory_stands_for() {
    let folder = folder("state:\n  memory: 480MiB\n  rocksdb:\n    preset: large-state\n    block_size: 8KiB\n");
    let table = explained(&folder, &[], &[]);
    for (key, told) in [
        ("compression", "zstd preset large-state"),
        ("block_size", "8KiB job.yaml:5"),
        ("block_cache_size", "140MiB derived from state.memory"),
        ("db_write_buffer_size", "40MiB derived from state.memory"),
    ] {
        let key = format!("state.rocksdb.{key}");
        assert_eq!(row(&table, &key), format!("{key} {told}"));
    }
    assert_eq!(row(&table, "budget.table"), "budget.table 240MiB derived from state.memory");
}

#[test]
fn problems_are_lines_and_exit_code_1() {
    let folder = folder("paralelism: 2\nbatch.size: 0\n");
    for command in ["explain", "check"] {
        let (out, err) = told(&gress(&folder, &["config", command, "job.yaml"], &[]), 1);
        assert_eq!(out, "");
        assert_eq!(
            err,
            "unknown key `paralelism` in job.yaml, line 1: did you mean `parallelism`?\n`batch.size` is `0`, set in \
             job.yaml, line 2: valid is a whole number of events from 1 to 65536\n"
        );
    }
    let (_, err) = told(&gress(&folder, &["config", "check", "none.yaml"], &[]), 1);
    assert!(err.contains("none.yaml") && err.lines().count() == 1, "{err}");
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_budget_too_small_for_all_keyed_steps_is_a_problem() {
    let folder = folder("state.memory: 1MiB\nparallelism: 8\n");
    told(&gress(&folder, &["config", "check", "job.yaml"], &[]), 0);
    let (_, err) = told(&gress(&folder, &["config", "check", "job.yaml", "--keyed-steps", "2"], &[]), 1);
    assert!(err.contains("job.yaml, line 1: with 16 keyed tasks RocksDB needs"), "{err}");
}

#[cfg(feature = "rocksdb")]
#[test]
fn what_contradicts_advice_is_a_warning_and_no_problem() {
    let folder = folder("state.rocksdb.use_direct_reads: true\n");
    let (out, err) = told(&gress(&folder, &["config", "check", "job.yaml"], &[]), 0);
    assert_eq!(out, "job.yaml is valid\n");
    assert!(err.starts_with("warning: `state.rocksdb`: `use_direct_reads: true`"), "{err}");
    assert_eq!(err.lines().count(), 1);
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let folder = folder("");
    for arguments in [
        &["config", "explain"][..],
        &["config", "explain", "job.yaml", "--set", "parallelism"],
        &["config", "explain", "job.yaml", "--yaml"],
        &["config", "check", "job.yaml", "--json"],
        &["confg"],
        &[],
    ] {
        let (out, _) = told(&gress(&folder, arguments, &[]), 2);
        assert_eq!(out, "");
    }
}
