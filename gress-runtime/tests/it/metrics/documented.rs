//! `docs/metrics.md` lists what jobs and key-value states publish: all of it and nothing else.

use super::scrape::Scrape;
use crate::sums::{Count, Sum, checkpointed};
use gress_runtime::{ByteSize, config::Backend, prelude::*};
use std::{collections::BTreeMap, path::Path};

/// Name and type of each metric in the document's tables.
fn documented() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut metrics = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `gress_")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`');
        assert!(cells.len() == 8, "a row has name, type, unit, labels, meaning and when to act: {line}");
        assert!(metrics.insert(name.to_owned(), cells[2].to_owned()).is_none(), "`{name}` stands twice");
    }
    metrics
}

/// A job that does everything that is counted: event time, windows, late events, state that does not fit, checkpoints.
fn published(backend: Backend, folder: &Path) -> BTreeMap<String, String> {
    // Small batches make many steps, so that the stepper's clock comes to the times at which tasks publish.
    let mut config = checkpointed(2, 32, folder);
    config.state.backend = backend;
    config.state.memory = Some(ByteSize(8 << 20));
    let job = Job::new(config);
    let numbers = job.source("numbers", FromVec::new((0..150_000_u64).collect::<Vec<_>>()));
    let timed = numbers.event_time(|n| Timestamp::from_millis(*n as i64), Watermarks::monotone());
    let counts = timed.key_by(|n| *n).process("counts", |state| Count { seen: state.value("seen") });
    counts.sink("counts-out", Discard);
    timed.key_by(|n| n % 3).window(Tumbling::every(seconds(1))).aggregate("sums", Sum::default()).sink("out", Discard);
    let (report, scrape) = Scrape::of(|| job.run_seeded(1).unwrap());
    assert!(report.progress.checkpoints > 0);
    assert!(scrape.sum("gress_state_spills_total", &[("state", "seen")]) > 0.0, "else no backend is opened");
    if backend == Backend::RocksDb {
        assert!(scrape.sum("gress_rocksdb_estimate_num_keys", &[("operator", "counts")]) > 0.0);
        assert!(scrape.sum("gress_rocksdb_written_bytes_total", &[("operator", "counts")]) > 0.0);
    }
    scrape.types
}

const OF_KEY_VALUES: &str = "gress_key_value_";

#[cfg(feature = "rocksdb")]
#[test]
fn the_documents_list_is_what_a_job_on_rocksdb_publishes() {
    let folder = tempfile::tempdir().unwrap();
    let mut of_jobs = documented();
    of_jobs.retain(|name, _| !name.starts_with(OF_KEY_VALUES));
    assert_eq!(published(Backend::RocksDb, folder.path()), of_jobs);
}

#[cfg(feature = "rocksdb")]
#[test]
fn the_documents_list_is_what_a_key_value_state_on_rocksdb_publishes() {
    use gress_state_rocksdb::{RocksDbBackend, RocksDbConfig};
    let folder = tempfile::tempdir().unwrap();
    let ((), scrape) = Scrape::of(|| {
        let state = RocksDbBackend::open(RocksDbConfig::balanced(folder.path())).unwrap();
        state.put(b"key", b"value").unwrap();
        assert_eq!(state.batch_get(["key", "other"]).unwrap().len(), 2);
        state.publish_metrics("trips").unwrap();
        state.put(b"key", b"value").unwrap();
        state.publish_metrics("trips").unwrap();
    });
    let mut of_key_values = documented();
    of_key_values.retain(|name, _| name.starts_with(OF_KEY_VALUES) || name.starts_with("gress_rocksdb_"));
    assert_eq!(scrape.types, of_key_values);
    let puts = [("state", "trips"), ("operation", "put")];
    assert_eq!(scrape.sum("gress_key_value_operations_total", &puts), 2.0);
    assert_eq!(scrape.sum("gress_key_value_misses_total", &[("state", "trips")]), 1.0);
    assert!(scrape.sum("gress_key_value_latency_seconds", &[("operation", "put"), ("quantile", "1")]) > 0.0);
}

#[test]
fn a_job_on_memory_publishes_the_list_without_what_rocksdb_tells() {
    let folder = tempfile::tempdir().unwrap();
    let mut without = documented();
    without.retain(|name, _| !name.starts_with("gress_rocksdb_") && !name.starts_with(OF_KEY_VALUES));
    assert_eq!(published(Backend::Memory, folder.path()), without);
}
