//! One budget for the databases of a process.

use crate::{apply, config, factory, has, number, open, options_file::OptionsFile, store};
use gress_state::testing::{Entry, Scratch};
use gress_state_rocksdb::RocksDbFactory;

const USAGE: &str = "rocksdb.block-cache-usage";

#[test]
fn two_databases_of_a_process_share_one_cache() {
    let factory = RocksDbFactory::new(config(&[("block_cache_size", "8MiB")]), 2).expect("the config is valid");
    let scratches = [Scratch::new(), Scratch::new()];
    let backends = scratches.each_ref().map(|scratch| open(&factory, scratch));
    let store = store(&*backends[0], "state");
    apply(&*store, (0..20_000_u32).map(|n| Entry::put(n.to_be_bytes(), n.to_string())));
    let before = number(&*backends[1], USAGE);
    (0..20_000_u32).step_by(50).for_each(|n| assert!(has(&*store, &n.to_be_bytes())));
    let usage = backends.each_ref().map(|backend| number(&**backend, USAGE));
    assert!(usage[0] > before + 100_000, "reading fills the cache: {before}, then {usage:?}");
    assert_eq!(usage[0], usage[1], "the other database sees the same cache");
    for backend in &backends {
        assert_eq!(number(&**backend, "rocksdb.block-cache-capacity"), 8 << 20, "it is as large as the config says");
    }
}

#[test]
fn buffers_jobs_and_files_are_divided_over_the_databases() {
    let factory = RocksDbFactory::new(config(&[("preset", "low-latency")]), 4).expect("the config is valid");
    let scratch = Scratch::new();
    let backend = open(&factory, &scratch);
    let _store = store(&*backend, "state");
    let wanted = [
        ("write_buffer_size", "33554432"),
        ("max_background_jobs", "2"),
        ("max_open_files", "250"),
        ("db_write_buffer_size", "536870912"),
    ];
    OptionsFile::read(scratch.path(), "operator/state").assert_has("one of four", &wanted);
}

#[test]
fn a_shared_cache_counts_in_equal_parts() {
    let factory = RocksDbFactory::new(config(&[]), 2).expect("the config is valid");
    let scratch = Scratch::new();
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    apply(&*store, (0..50_000_u32).map(|n| Entry::put(n.to_be_bytes(), [7; 64])));
    (0..50_000_u32).step_by(10).for_each(|n| assert!(has(&*store, &n.to_be_bytes())));
    let stats = backend.stats().expect("the database has stats");
    assert_eq!(stats.entries, 50_000);
    assert!(stats.memory_bytes >= number(&*backend, USAGE) / 2 && stats.disk_bytes > 100_000, "{stats:?}");
}

#[test]
fn properties_that_are_numbers_are_summed_over_stores_and_texts_name_their_store() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    for (state, entries) in [("one", 30_u32), ("two", 12)] {
        apply(&*store(&*backend, state), (0..entries).map(|n| Entry::put(n.to_be_bytes(), "x")));
    }
    assert_eq!(number(&*backend, "rocksdb.estimate-num-keys"), 42);
    let text = backend.property("rocksdb.levelstats").expect("a property can be read").expect("it is known");
    assert!(text.contains("operator/one:\n") && text.contains("operator/two:\n"), "{text}");
    for unknown in ["rocksdb.no-such", "", "rocksdb.\0"] {
        assert_eq!(backend.property(unknown).expect("any name can be asked for"), None);
    }
}

#[test]
fn reads_and_writes_are_timed_unless_the_config_says_not_to() {
    let timed = |settings: &[(&str, &str)], histogram: &str| {
        let (factory, scratch) = (factory(settings), Scratch::new());
        let backend = open(&factory, &scratch);
        let store = store(&*backend, "state");
        apply(&*store, [Entry::put("a", "1")]);
        assert!(has(&*store, b"a"));
        store.multi_get(&[b"a"], &mut |_, _| ()).expect("many keys can be read");
        backend.property(histogram).expect("a property can be read")
    };
    for histogram in ["rocksdb.db.get.micros", "rocksdb.db.multiget.micros", "rocksdb.db.write.micros"] {
        let text = timed(&[], histogram).expect("statistics are on");
        assert!(text.starts_with("count=1 ") && text.contains(" p99="), "{histogram}: {text}");
        let text = timed(&[("enable_latency_tracking", "false")], histogram).expect("statistics are on");
        assert!(text.starts_with("count=0 "), "{histogram}: {text}");
        assert_eq!(timed(&[("enable_statistics", "false")], histogram), None);
    }
}
