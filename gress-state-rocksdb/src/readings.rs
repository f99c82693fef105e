//! What a database tells of itself for metrics: a fixed list of properties and counters, by RocksDB's own names with the
//! unit added.

use crate::{database::Open, stats::sum};
use gress_state::Reading;
use rocksdb::{Error, Options, statistics::Ticker};

/// Properties that are summed over the stores.
const OF_STORES: [(&str, &str); 5] = [
    ("rocksdb_estimate_num_keys", "rocksdb.estimate-num-keys"),
    ("rocksdb_cur_size_all_mem_tables_bytes", "rocksdb.cur-size-all-mem-tables"),
    ("rocksdb_estimate_table_readers_mem_bytes", "rocksdb.estimate-table-readers-mem"),
    ("rocksdb_total_sst_files_size_bytes", "rocksdb.total-sst-files-size"),
    ("rocksdb_estimate_pending_compaction_bytes", "rocksdb.estimate-pending-compaction-bytes"),
];

/// Properties of the whole database, or of what databases share.
const OF_THE_DATABASE: [(&str, &str); 5] = [
    ("rocksdb_block_cache_usage_bytes", "rocksdb.block-cache-usage"),
    ("rocksdb_num_running_compactions", "rocksdb.num-running-compactions"),
    ("rocksdb_num_running_flushes", "rocksdb.num-running-flushes"),
    ("rocksdb_is_write_stopped", "rocksdb.is-write-stopped"),
    ("rocksdb_actual_delayed_write_rate_bytes_per_second", "rocksdb.actual-delayed-write-rate"),
];

/// Files of each level. RocksDB gives them as text.
const FILES: [(&str, &str); 7] = [
    ("rocksdb_num_files_at_level0", "rocksdb.num-files-at-level0"),
    ("rocksdb_num_files_at_level1", "rocksdb.num-files-at-level1"),
    ("rocksdb_num_files_at_level2", "rocksdb.num-files-at-level2"),
    ("rocksdb_num_files_at_level3", "rocksdb.num-files-at-level3"),
    ("rocksdb_num_files_at_level4", "rocksdb.num-files-at-level4"),
    ("rocksdb_num_files_at_level5", "rocksdb.num-files-at-level5"),
    ("rocksdb_num_files_at_level6", "rocksdb.num-files-at-level6"),
];

/// Counters; they need `enable_statistics`. What was written against what flush and compaction wrote is the write
/// amplification.
const COUNTERS: [(&str, Ticker); 8] = [
    ("rocksdb_bloom_filter_useful_total", Ticker::BloomFilterUseful),
    ("rocksdb_block_cache_hit_total", Ticker::BlockCacheHit),
    ("rocksdb_block_cache_miss_total", Ticker::BlockCacheMiss),
    ("rocksdb_stall_micros_total", Ticker::StallMicros),
    ("rocksdb_written_bytes_total", Ticker::BytesWritten),
    ("rocksdb_flush_write_bytes_total", Ticker::FlushWriteBytes),
    ("rocksdb_compact_read_bytes_total", Ticker::CompactReadBytes),
    ("rocksdb_compact_write_bytes_total", Ticker::CompactWriteBytes),
];

/// All of the lists above, as far as the database has them.
pub(crate) fn readings(open: &Open, options: &Options, counted: bool) -> Result<Vec<Reading>, Error> {
    let mut readings = Vec::new();
    for (name, property) in OF_STORES {
        readings.push(Reading::Level(name, sum(open, property)? as f64));
    }
    for (name, property) in OF_THE_DATABASE {
        readings.extend(open.db.property_int_value(property)?.map(|value| Reading::Level(name, value as f64)));
    }
    for (name, property) in FILES {
        readings.push(Reading::Level(name, files(open, property)? as f64));
    }
    let errors = open.db.property_int_value("rocksdb.background-errors")?;
    readings.extend(errors.map(|errors| Reading::Total("rocksdb_background_errors_total", errors)));
    if counted {
        let count = |(name, ticker)| Reading::Total(name, options.get_ticker_count(ticker));
        readings.extend(COUNTERS.map(count));
    }
    Ok(readings)
}

fn files(open: &Open, property: &str) -> Result<u64, Error> {
    let mut files = 0;
    for (_, family) in open.families() {
        let text = open.db.property_value_cf(&family, property)?;
        files += text.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(files)
}
