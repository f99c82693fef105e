//! Each preset's numbers, as RocksDB has them; written out again here, because they are a contract.
//!
//! The bits of a filter do not stand in the file of options: `filter` measures them.

use crate::{config, factory, number, open, options_file::OptionsFile, store};
use gress_core::ErrorKind;
use gress_state::testing::Scratch;
use gress_state_rocksdb::RocksDbFactory;
use std::path::Path;

/// What a database of these settings runs with, and the capacity of its cache.
fn effective(settings: &[(&str, &str)]) -> (OptionsFile, u64) {
    let (factory, scratch) = (factory(settings), Scratch::new());
    let backend = open(&factory, &scratch);
    let _store = store(&*backend, "state");
    let file = OptionsFile::read(scratch.path(), "operator/state");
    let capacity = number(&*backend, "rocksdb.block-cache-capacity");
    backend.close().expect("the database can be closed");
    (file, capacity)
}

fn assert_preset(name: &str, cache: u64, numbers: &[(&str, &str)]) {
    let (file, capacity) = effective(&[("preset", name)]);
    assert_eq!(capacity, cache, "cache of {name}");
    file.assert_has(name, numbers);
    let of_all = [
        ("block_size", "4096"),
        ("filter_policy", "bloomfilter"),
        ("index_type", "kTwoLevelIndexSearch"),
        ("partition_filters", "true"),
        ("pin_top_level_index_and_filter", "true"),
        ("whole_key_filtering", "true"),
        ("cache_index_and_filter_blocks", "true"),
        ("pin_l0_filter_and_index_blocks_in_cache", "true"),
        ("atomic_flush", "false"),
        ("keep_log_file_num", "4"),
        ("max_log_file_size", "4194304"),
        ("avoid_flush_during_shutdown", "true"),
    ];
    file.assert_has(name, &of_all);
}

#[test]
fn balanced_has_its_numbers() {
    let numbers = [
        ("write_buffer_size", "67108864"),
        ("max_write_buffer_number", "3"),
        ("db_write_buffer_size", "0"),
        ("compression", "kSnappyCompression"),
        ("max_background_jobs", "4"),
        ("max_subcompactions", "2"),
        ("level0_file_num_compaction_trigger", "4"),
        ("level0_slowdown_writes_trigger", "20"),
        ("level0_stop_writes_trigger", "36"),
        ("target_file_size_base", "67108864"),
        ("max_bytes_for_level_base", "268435456"),
        ("max_total_wal_size", "0"),
        ("max_open_files", "1000"),
        ("optimize_filters_for_hits", "false"),
        ("allow_mmap_reads", "false"),
        ("use_direct_reads", "false"),
        ("use_direct_io_for_flush_and_compaction", "false"),
        ("bytes_per_sync", "2097152"),
    ];
    assert_preset("balanced", 128 << 20, &numbers);
}

#[test]
fn low_latency_has_its_numbers() {
    let numbers = [
        ("write_buffer_size", "134217728"),
        ("max_write_buffer_number", "4"),
        ("db_write_buffer_size", "536870912"),
        ("compression", "kSnappyCompression"),
        ("max_background_jobs", "8"),
        ("max_subcompactions", "4"),
        ("level0_file_num_compaction_trigger", "2"),
        ("level0_slowdown_writes_trigger", "8"),
        ("level0_stop_writes_trigger", "12"),
        ("target_file_size_base", "134217728"),
        ("max_bytes_for_level_base", "536870912"),
        ("max_total_wal_size", "536870912"),
        ("max_open_files", "1000"),
        ("optimize_filters_for_hits", "false"),
        ("allow_mmap_reads", "true"),
        ("use_direct_reads", "false"),
        ("use_direct_io_for_flush_and_compaction", "false"),
        ("bytes_per_sync", "1048576"),
    ];
    assert_preset("low-latency", 512 << 20, &numbers);
}

#[test]
fn high_throughput_has_its_numbers() {
    let direct = direct_io_here();
    let numbers = [
        ("write_buffer_size", "268435456"),
        ("max_write_buffer_number", "6"),
        ("db_write_buffer_size", "1073741824"),
        ("compression", "kSnappyCompression"),
        ("max_background_jobs", "16"),
        ("max_subcompactions", "8"),
        ("level0_file_num_compaction_trigger", "8"),
        ("level0_slowdown_writes_trigger", "32"),
        ("level0_stop_writes_trigger", "48"),
        ("target_file_size_base", "268435456"),
        ("max_bytes_for_level_base", "1073741824"),
        ("max_total_wal_size", "1073741824"),
        ("max_open_files", "1000"),
        ("optimize_filters_for_hits", "false"),
        ("allow_mmap_reads", "false"),
        ("use_direct_reads", direct),
        ("use_direct_io_for_flush_and_compaction", direct),
        ("bytes_per_sync", "8388608"),
    ];
    assert_preset("high-throughput", 1 << 30, &numbers);
}

#[test]
fn large_state_has_its_numbers() {
    let direct = direct_io_here();
    let numbers = [
        ("write_buffer_size", "268435456"),
        ("max_write_buffer_number", "8"),
        ("db_write_buffer_size", "2147483648"),
        ("compression", "kZSTD"),
        ("max_background_jobs", "12"),
        ("max_subcompactions", "6"),
        ("level0_file_num_compaction_trigger", "4"),
        ("level0_slowdown_writes_trigger", "24"),
        ("level0_stop_writes_trigger", "40"),
        ("target_file_size_base", "268435456"),
        ("max_bytes_for_level_base", "1073741824"),
        ("max_total_wal_size", "1073741824"),
        ("max_open_files", "5000"),
        ("optimize_filters_for_hits", "false"),
        ("allow_mmap_reads", "false"),
        ("use_direct_reads", direct),
        ("use_direct_io_for_flush_and_compaction", direct),
        ("bytes_per_sync", "4194304"),
    ];
    assert_preset("large-state", 2 << 30, &numbers);
}

#[test]
fn explicit_values_beat_the_preset_also_where_they_are_0_or_false() {
    let (file, capacity) = effective(&[
        ("preset", "low-latency"),
        ("block_cache_size", "0"),
        ("write_buffer_size", "1MiB"),
        ("db_write_buffer_size", "0"),
        ("bytes_per_sync", "0"),
        ("max_sub_compactions", "1"),
        ("max_open_files", "-1"),
        ("bloom_bits_per_key", "0"),
        ("compression", "lz4"),
        ("allow_mmap_reads", "false"),
        ("optimize_filters_for_hits", "true"),
        ("partition_index_and_filters", "false"),
    ]);
    assert_eq!(capacity, 0);
    let wanted = [
        ("write_buffer_size", "1048576"),
        ("db_write_buffer_size", "0"),
        ("bytes_per_sync", "0"),
        ("max_subcompactions", "1"),
        ("max_open_files", "-1"),
        ("filter_policy", "nullptr"),
        ("compression", "kLZ4Compression"),
        ("allow_mmap_reads", "false"),
        ("optimize_filters_for_hits", "true"),
        ("index_type", "kBinarySearch"),
        // Not given: the preset's.
        ("max_background_jobs", "8"),
    ];
    file.assert_has("the config", &wanted);
}

#[test]
fn a_contradiction_is_refused_before_anything_is_opened() {
    let contradicting = config(&[("allow_mmap_reads", "true"), ("use_direct_reads", "true")]);
    let error = RocksDbFactory::new(contradicting, 1).expect_err("the settings contradict each other");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().starts_with("`state.rocksdb`: `allow_mmap_reads: true` contradicts"), "{error}");
}

/// Whether the scratch directory's file system takes direct I/O, as it stands in the file of options.
fn direct_io_here() -> &'static str {
    let scratch = Scratch::new();
    match direct_io_opens(&scratch.path().join("probe")) {
        true => "true",
        false => "false",
    }
}

#[cfg(target_os = "linux")]
fn direct_io_opens(path: &Path) -> bool {
    use std::os::unix::fs::OpenOptionsExt;
    let flag = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).expect("a flag of the kernel fits");
    std::fs::OpenOptions::new().write(true).create(true).truncate(true).custom_flags(flag).open(path).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn direct_io_opens(_path: &Path) -> bool {
    true
}
