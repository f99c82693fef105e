//! Every value that a job would run with, and where each comes from.
//!
//! ```text
//!  Config ──▶ settings ─────────────────────────┐
//!     │                                          ├──▶ rows ──▶ a table, or one JSON object a line
//!     ├──▶ RocksDB's options, resolved ──────────┤
//!     └──▶ budget, divided over keyed tasks ─────┘
//! ```

use super::{Config, Origin, keys::KEYS};
use crate::budget::{self, Parts};
use gress_core::{ByteSize, Error, Result};
use serde::Serialize;
use std::fmt;

/// The outcome of [`Config::explain`]. Printed it is a table, in [JSON](Explanation::json) one object for each key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    rows: Vec<Row>,
    budget: Vec<Row>,
    keyed_tasks: usize,
}

/// One key of an explanation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Row {
    /// The key, dotted. Keys below `budget.` cannot be set: they are what sizes come to.
    pub key: String,
    /// The value as a config would have it; `None` if it is unset and nothing stands in for it.
    pub value: Option<String>,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

impl Explanation {
    /// All rows: the keys of a config in the order of the documents, then what the memory budget divides into.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().chain(&self.budget)
    }

    /// The row of a key.
    pub fn get(&self, key: &str) -> Option<&Row> {
        self.rows().find(|row| row.key == key)
    }

    /// One object a line: `key`, `value` (text or null), `source` (`default`, `preset`, `file`, `environment`, `code` or
    /// `derived`), and what that source has: `path` and `line`, `variable`, `preset`, `from`.
    ///
    /// # Errors
    /// None that a config could cause.
    pub fn json(&self) -> Result<String> {
        let mut text = String::new();
        for row in self.rows() {
            let line = serde_json::to_string(row)
                .map_err(|error| Error::config(format!("`{}` cannot be shown as JSON", row.key)).because(error))?;
            text += &line;
            text.push('\n');
        }
        Ok(text)
    }
}

/// Three columns: key, value, source.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = |column: fn(&Row) -> usize| self.rows().map(column).max().unwrap_or(0);
        let keys = widest(|row| row.key.chars().count());
        let values = widest(|row| row.shown().chars().count());
        let mut line = |key: &str, value: &str, source: &str| writeln!(f, "{key:keys$}  {value:values$}  {source}");
        line("key", "value", "source")?;
        self.rows.iter().try_for_each(|row| line(&row.key, row.shown(), &row.origin.place()))?;
        let tasks = if self.keyed_tasks == 1 { "one keyed task" } else { &format!("{} keyed tasks", self.keyed_tasks) };
        writeln!(f, "\nmemory of keyed state, over {tasks}:")?;
        let mut line = |key: &str, value: &str, source: &str| writeln!(f, "{key:keys$}  {value:values$}  {source}");
        self.budget.iter().try_for_each(|row| line(&row.key, row.shown(), &row.origin.place()))
    }
}

impl Row {
    fn new(key: impl Into<String>, value: impl Into<String>, origin: Origin) -> Self {
        Row { key: key.into(), value: Some(value.into()), origin }
    }

    /// The value in a table.
    fn shown(&self) -> &str {
        self.value.as_deref().unwrap_or("-")
    }
}

/// See [`Config::explain`].
pub(super) fn explain(config: &Config, keyed_tasks: usize) -> Result<Explanation> {
    let parts = budget::divide(config, keyed_tasks).map_err(|contradiction| contradiction.into_error(config))?;
    let defaults = Config::default();
    let known = KEYS.iter().map(|key| match (key.get)(config) {
        Some(value) => {
            let origin = config.origins.of(key.name, &value, (key.get)(&defaults).as_deref());
            Row::new(key.name, value, origin)
        }
        None => unset(config, key.name),
    });
    let rows = known.chain(backends_own(config, &parts)?).collect();
    Ok(Explanation { rows, budget: budget_rows(config, &parts), keyed_tasks: parts.tasks })
}

/// What stands in for a key that nobody set.
fn unset(config: &Config, key: &str) -> Row {
    let working_files = config.working_directory().filter(|_| key == "state.directory");
    match working_files {
        Some((path, from)) => Row::new(key, path.to_string_lossy(), Origin::Derived { from }),
        None => Row { key: key.into(), value: None, origin: Origin::Default },
    }
}

/// The options of RocksDB, resolved; on memory those that are set, although they are not used.
#[cfg(feature = "rocksdb")]
fn backends_own(config: &Config, parts: &Parts) -> Result<Vec<Row>> {
    match config.state.backend {
        super::Backend::Memory => Ok(only_set(config)),
        super::Backend::RocksDb => super::rocksdb_options::rows(config, parts),
    }
}

#[cfg(not(feature = "rocksdb"))]
#[expect(clippy::unnecessary_wraps, reason = "with RocksDB it can fail")]
fn backends_own(config: &Config, _: &Parts) -> Result<Vec<Row>> {
    Ok(only_set(config))
}

fn only_set(config: &Config) -> Vec<Row> {
    let below = super::setting::settings(config).into_iter().filter(|setting| setting.key.starts_with(super::ROCKSDB));
    below.map(|setting| Row::new(setting.key, setting.value, setting.origin)).collect()
}

fn budget_rows(config: &Config, parts: &Parts) -> Vec<Row> {
    let derived = |from: &str| Origin::Derived { from: from.into() };
    let from = match (config.state.memory, &parts.rocksdb) {
        (None, Some(_)) => "state.rocksdb.block_cache_size and state.rocksdb.db_write_buffer_size",
        _ => "state.memory",
    };
    let mut rows = Vec::new();
    match parts.table {
        None => rows.push(Row::new("budget.table", "unlimited", Origin::Default)),
        Some(table) => {
            rows.push(Row::new("budget.table", table.exact(), derived(from)));
            let share = ByteSize(parts.table_share_bytes() as u64).exact();
            rows.push(Row::new("budget.table_of_each_task", share, derived("budget.table")));
        }
    }
    if let Some(rocksdb) = &parts.rocksdb {
        rows.push(Row::new(
            "budget.block_cache",
            rocksdb.block_cache.exact(),
            derived("state.rocksdb.block_cache_size"),
        ));
        let buffers = rocksdb.write_buffers.exact();
        rows.push(Row::new("budget.write_buffers", buffers, derived("state.rocksdb.db_write_buffer_size")));
    }
    if let Some(run_writers) = parts.run_writers {
        rows.push(Row::new("budget.run_writers", run_writers.exact(), derived(from)));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: &str, environment: &[(&str, &str)], code: &[(&str, &str)]) -> Config {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flights.yaml");
        std::fs::write(&path, file).expect("written");
        let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let code: Vec<_> = code.iter().map(|(key, value)| (*key, value.to_string())).collect();
        Config::load(Some(&path), environment, &code).expect("a valid config")
    }

    /// Value and place of a key; a file's folder is cut.
    fn told(explanation: &Explanation, key: &str) -> String {
        let row = explanation.get(key).expect(key);
        let place = row.origin.place();
        let place = place.rsplit('/').next().unwrap_or(&place);
        format!("{} from {place}", row.shown())
    }

    #[test]
    fn every_key_has_exactly_one_row_whoever_has_set_it() {
        let memory = config("state.backend: memory", &[], &[]).explain(1).expect("explained");
        let keys = |explanation: &Explanation| explanation.rows().map(|row| row.key.clone()).collect::<Vec<_>>();
        for (key, _) in Config::keys() {
            assert_eq!(keys(&memory).iter().filter(|k| *k == key).count(), 1, "{key}");
        }
        assert!(!keys(&memory).iter().any(|key| key.starts_with("state.rocksdb.")));
    }

    #[test]
    fn a_row_says_who_gave_the_value() {
        let explanation = config(
            "\nparallelism: 2\ncheckpoint.directory: c\nstate.backend: memory\n",
            &[("GRESS__BATCH__SIZE", "7")],
            &[("checkpoint.retained", "4")],
        )
        .explain(6)
        .expect("explained");
        for (key, value) in [
            ("name", "job from default"),
            ("parallelism", "2 from flights.yaml:2"),
            ("batch.size", "7 from environment GRESS__BATCH__SIZE"),
            ("checkpoint.retained", "4 from code"),
            ("state.memory", "- from default"),
            ("state.directory", "c from derived from checkpoint.directory"),
            ("budget.table", "unlimited from default"),
        ] {
            assert_eq!(told(&explanation, key), value, "{key}");
        }
    }

    #[test]
    fn a_table_has_a_line_a_row_in_three_columns() {
        let explanation = config("", &[], &[("state.backend", "memory"), ("state.memory", "14MiB")]).explain(4);
        let text = explanation.expect("explained").to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "key                        value   source");
        assert_eq!(lines[1], "name                       job     default");
        assert!(lines.contains(&"memory of keyed state, over 4 keyed tasks:"), "{text}");
        let last = [
            "budget.table_of_each_task  3MiB    derived from budget.table",
            "budget.run_writers         2MiB    derived from state.memory",
        ];
        assert_eq!(lines[lines.len() - 2..], last);
    }

    #[test]
    fn json_has_an_object_a_row() {
        let explanation = config("state.directory: 'a\"b'\n", &[], &[("state.backend", "memory")]).explain(1);
        let explanation = explanation.expect("explained");
        let text = explanation.json().expect("JSON");
        let objects: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert_eq!(objects.len(), explanation.rows().count());
        let of = |key: &str| objects.iter().find(|object| object["key"] == key).expect("a row for each key");
        assert_eq!(*of("parallelism"), serde_json::json!({"key": "parallelism", "value": "1", "source": "default"}));
        let directory = of("state.directory");
        assert_eq!((directory["value"].as_str(), directory["line"].as_u64()), (Some("a\"b"), Some(1)));
        assert!(of("metrics.address")["value"].is_null());
    }

    #[cfg(feature = "rocksdb")]
    #[test]
    fn every_option_of_rocksdb_is_resolved_and_says_where_it_comes_from() {
        use crate::config::{BackendOptions, RocksDbOptions};
        let file = "state:\n  memory: 480MiB\n  rocksdb: {preset: low-latency, max_subcompactions: 3, enable_statistics: \
                    false}\n";
        let explanation = config(file, &[], &[("state.rocksdb.path", "/p")]).explain(2).expect("explained");
        for key in RocksDbOptions.keys() {
            let key = RocksDbOptions.canonical(key);
            let rows = explanation.rows().filter(|row| row.key == format!("state.rocksdb.{key}"));
            assert_eq!(rows.count(), 1, "{key}");
        }
        for (key, value) in [
            ("state.directory", "/p from derived from state.rocksdb.path"),
            ("state.rocksdb.preset", "low-latency from flights.yaml:3"),
            ("state.rocksdb.path", "/p from code"),
            ("state.rocksdb.max_sub_compactions", "3 from flights.yaml:3"),
            ("state.rocksdb.max_background_jobs", "8 from preset low-latency"),
            ("state.rocksdb.block_cache_size", "140MiB from derived from state.memory"),
            ("state.rocksdb.write_buffer_size", "20MiB from derived from state.rocksdb.db_write_buffer_size"),
            ("state.rocksdb.enable_latency_tracking", "false from derived from state.rocksdb.enable_statistics"),
            ("budget.table", "240MiB from derived from state.memory"),
            ("budget.table_of_each_task", "120MiB from derived from budget.table"),
            ("budget.run_writers", "40MiB from derived from state.memory"),
        ] {
            assert_eq!(told(&explanation, key), value, "{key}");
        }
    }

    #[cfg(feature = "rocksdb")]
    #[test]
    fn a_budget_that_cannot_be_divided_is_not_explained() {
        let error = config("state.memory: 512KiB", &[], &[]).explain(8).expect_err("too small").to_string();
        assert!(error.starts_with("`state.memory` is `512KiB`, set in "), "{error}");
        assert!(error.contains("flights.yaml, line 1: with 8 keyed tasks RocksDB needs"), "{error}");
    }
}
