//! From Gress's options to RocksDB's.

use crate::{
    logs::Logs,
    options::Options,
    shared::{Shared, to_usize},
};
use gress_core::ByteSize;
use rocksdb::{BlockBasedIndexType, BlockBasedOptions, statistics::StatsLevel};
use std::time::Duration;

/// RocksDB's options for one database and all its column families.
pub(crate) fn translate(options: &Options, shared: &Shared, logs: Logs) -> Result<rocksdb::Options, rocksdb::Error> {
    // There are no setters for these. What is thrown away need not be flushed first.
    let unsettable = format!("avoid_flush_during_shutdown=true;{}", logs.option());
    let mut to = rocksdb::Options::default().get_options_from_string(unsettable)?;
    to.create_if_missing(true);
    to.set_env(&shared.env);
    to.set_block_based_table_factory(&table(options, shared));
    // Left on, it loses the newest record of a column family at times; nothing here needs families to agree.
    to.set_atomic_flush(false);
    buffers(&mut to, options, shared);
    compaction(&mut to, options);
    files(&mut to, options);
    statistics(&mut to, options);
    Ok(to)
}

/// The options `all` of a database, for a file with few entries: it is at level 0 for a short time, where each read of a key
/// asks it, and its filter in one piece answers at a third of the cost of one in parts.
pub(crate) fn for_small_file(all: &rocksdb::Options, options: &Options, shared: &Shared) -> rocksdb::Options {
    let mut to = all.clone();
    let whole = Options { partition_index_and_filters: false, ..options.clone() };
    to.set_block_based_table_factory(&table(&whole, shared));
    to
}

/// A part of an index or filter. With RocksDB's own 4 KiB it is the search for the part, among thousands, that takes the
/// time of a read.
const PARTITION_BYTES: usize = 32 << 10;

fn table(options: &Options, shared: &Shared) -> BlockBasedOptions {
    let mut to = BlockBasedOptions::default();
    to.set_block_size(to_usize(options.block_size.0));
    to.set_block_cache(&shared.cache);
    // Inside the cache, so that the budget holds however large the state is.
    to.set_cache_index_and_filter_blocks(true);
    to.set_cache_index_and_filter_blocks_with_high_priority(true);
    to.set_pin_l0_filter_and_index_blocks_in_cache(true);
    to.set_whole_key_filtering(true);
    if options.bloom_bits_per_key > 0 {
        to.set_bloom_filter(options.bloom_bits_per_key.into(), false);
    }
    if options.partition_index_and_filters {
        to.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        to.set_partition_filters(true);
        to.set_metadata_block_size(PARTITION_BYTES);
        to.set_pin_top_level_index_and_filter(true);
    }
    to
}

fn buffers(to: &mut rocksdb::Options, options: &Options, shared: &Shared) {
    to.set_write_buffer_size(to_usize(options.write_buffer_size.0));
    to.set_max_write_buffer_number(int(options.max_write_buffer_number));
    // The manager is what limits; the option repeats its number for whoever reads the file of options.
    to.set_db_write_buffer_size(to_usize(options.db_write_buffer_size.0));
    to.set_write_buffer_manager(&shared.write_buffers);
    to.set_max_total_wal_size(options.max_total_wal_size.0);
    if let Some(bytes) = file_buffer(options.db_write_buffer_size) {
        to.set_compaction_readahead_size(to_usize(bytes.0));
        to.set_writable_file_max_buffer_size(bytes.0.min(FILE_BUFFER_WRITTEN.0));
    }
}

/// What RocksDB reads ahead of each input of a compaction by itself, and what it collects of a file before it writes.
const FILE_BUFFER: ByteSize = ByteSize::mib(2);
const FILE_BUFFER_WRITTEN: ByteSize = ByteSize::mib(1);

/// The buffer of a file that a compaction reads; `None` leaves it to RocksDB. A compaction of level 0 reads a dozen files
/// and more at once, each through such a buffer, and none of it counts as cache or as write buffers: so it is a small part
/// of a limit that someone has set. With RocksDB's own 2 MiB it took more than the write buffers of a small budget.
fn file_buffer(write_buffers: ByteSize) -> Option<ByteSize> {
    let part = ByteSize(write_buffers.0 / 64);
    (write_buffers.0 > 0 && part < FILE_BUFFER).then(|| part.max(ByteSize::kib(64)))
}

fn compaction(to: &mut rocksdb::Options, options: &Options) {
    to.set_compression_type(options.compression.to_rocksdb());
    to.set_max_background_jobs(int(options.max_background_jobs));
    to.set_max_subcompactions(options.max_sub_compactions);
    to.set_level_zero_file_num_compaction_trigger(int(options.level0_file_num_compaction_trigger));
    to.set_level_zero_slowdown_writes_trigger(int(options.level0_slowdown_writes_trigger));
    to.set_level_zero_stop_writes_trigger(int(options.level0_stop_writes_trigger));
    to.set_target_file_size_base(options.target_file_size_base.0);
    to.set_max_bytes_for_level_base(options.max_bytes_for_level_base.0);
    to.set_optimize_filters_for_hits(options.optimize_filters_for_hits);
    // A file with a stretch of entries of which half are deletes is compacted, however small it is. Scans go around what is
    // known to be empty (see `emptied`), and this removes what nobody knows, or knows no more after an opening: 100,000
    // deletes in files take a scan 5 to 50 ms.
    to.add_compact_on_deletion_collector_factory(DELETES_WINDOW, DELETES_WINDOW / 2, 0.0);
}

/// Entries of a file, in order, among which deletes are counted.
const DELETES_WINDOW: usize = 10_000;

/// Bytes of a log after which the system is told to write them. Left to a sync, all since the last one come at once, and
/// reads from the disk wait behind them: the p99 of reads during checkpoints was 12 ms without and 1.4 ms with it.
const LOG_BYTES_PER_SYNC: u64 = 512 << 10;

/// How often a rate limiter gives out its bytes; it tunes itself after each hundred times. With RocksDB's own 100 ms a write
/// of 1 MiB waits that long, and a bulk load needs minutes until it may write fast.
const RATE_REFILL: Duration = Duration::from_millis(2);

fn files(to: &mut rocksdb::Options, options: &Options) {
    to.set_max_open_files(options.max_open_files);
    to.set_allow_mmap_reads(options.allow_mmap_reads);
    to.set_use_direct_reads(options.use_direct_reads);
    to.set_use_direct_io_for_flush_and_compaction(options.use_direct_io_for_flush_and_compaction);
    to.set_bytes_per_sync(options.bytes_per_sync.0);
    to.set_wal_bytes_per_sync(LOG_BYTES_PER_SYNC);
    if options.rate_limiter_bytes_per_second.0 > 0 {
        let rate = i64::try_from(options.rate_limiter_bytes_per_second.0).unwrap_or(i64::MAX);
        to.set_auto_tuned_ratelimiter(rate, RATE_REFILL.as_micros() as i64, 10);
    }
    // RocksDB's own `LOG` files, which grow without end otherwise.
    to.set_keep_log_file_num(4);
    to.set_max_log_file_size(4 << 20);
}

fn statistics(to: &mut rocksdb::Options, options: &Options) {
    if !options.enable_statistics {
        return;
    }
    to.enable_statistics();
    to.set_statistics_level(match options.enable_latency_tracking {
        true => StatsLevel::ExceptDetailedTimers,
        false => StatsLevel::ExceptHistogramOrTimers,
    });
}

fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn the_buffers_of_files_follow_the_limit_over_all_write_buffers() {
        let of = |limit| file_buffer(limit).map(|bytes| bytes.0 >> 10);
        assert_eq!(of(ByteSize(0)), None, "no limit");
        assert_eq!(of(ByteSize::mib(2)), Some(64));
        assert_eq!(of(ByteSize::mib(32)), Some(512));
        assert_eq!(of(ByteSize::mib(128)), None, "2 MiB, RocksDB's own");
        for preset in Preset::ALL {
            assert_eq!(of(preset.options().db_write_buffer_size), None, "{preset}");
        }
    }
}
