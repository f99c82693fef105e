//! The four presets, number by number.

use crate::{
    nearest::nearest,
    options::Options,
    setting::{Compression, Setting},
};
use gress_core::ByteSize;
use std::{fmt, str::FromStr};

/// A named set of values for every option. An explicit value in the config overrides the preset's, `0` and `false`
/// included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Reads return soon: a large cache, memory-mapped files, compaction that keeps few files in level 0.
    LowLatency,
    /// Most writes per second: large buffers, compaction that waits, direct I/O.
    HighThroughput,
    /// State larger than memory: dense compression, many open files, direct I/O.
    LargeState,
    /// Modest in everything.
    #[default]
    Balanced,
}

impl Preset {
    /// All presets.
    pub const ALL: [Preset; 4] = [Preset::LowLatency, Preset::HighThroughput, Preset::LargeState, Preset::Balanced];

    /// The name in `state.rocksdb.preset`.
    pub fn name(self) -> &'static str {
        match self {
            Preset::LowLatency => "low-latency",
            Preset::HighThroughput => "high-throughput",
            Preset::LargeState => "large-state",
            Preset::Balanced => "balanced",
        }
    }

    /// The value of every option.
    pub fn options(self) -> Options {
        match self {
            Preset::Balanced => balanced(),
            Preset::LowLatency => low_latency(),
            Preset::HighThroughput => high_throughput(),
            Preset::LargeState => large_state(),
        }
    }
}

fn balanced() -> Options {
    Options {
        write_buffer_size: ByteSize::mib(64),
        max_write_buffer_number: 3,
        db_write_buffer_size: ByteSize(0),
        block_cache_size: ByteSize::mib(128),
        block_size: ByteSize::kib(4),
        bloom_bits_per_key: 10,
        // In one piece, the filter of a file outgrows a shard of the cache and is read anew for each key.
        partition_index_and_filters: true,
        compression: Compression::Snappy,
        max_background_jobs: 4,
        max_sub_compactions: 2,
        level0_file_num_compaction_trigger: 4,
        level0_slowdown_writes_trigger: 20,
        level0_stop_writes_trigger: 36,
        target_file_size_base: ByteSize::mib(64),
        max_bytes_for_level_base: ByteSize::mib(256),
        max_total_wal_size: ByteSize(0),
        max_open_files: 1_000,
        // Off for all: without the last level's filter each absent key reads the disk, and a stream asks for absent keys
        // whenever it sees a key for the first time.
        optimize_filters_for_hits: false,
        allow_mmap_reads: false,
        use_direct_reads: false,
        use_direct_io_for_flush_and_compaction: false,
        bytes_per_sync: ByteSize::mib(2),
        rate_limiter_bytes_per_second: ByteSize(0),
        wal_sync_interval_ms: 0,
        enable_statistics: true,
        enable_latency_tracking: true,
    }
}

fn low_latency() -> Options {
    Options {
        write_buffer_size: ByteSize::mib(128),
        max_write_buffer_number: 4,
        db_write_buffer_size: ByteSize::mib(512),
        block_cache_size: ByteSize::mib(512),
        max_background_jobs: 8,
        max_sub_compactions: 4,
        level0_file_num_compaction_trigger: 2,
        level0_slowdown_writes_trigger: 8,
        level0_stop_writes_trigger: 12,
        target_file_size_base: ByteSize::mib(128),
        max_bytes_for_level_base: ByteSize::mib(512),
        max_total_wal_size: ByteSize::mib(512),
        allow_mmap_reads: true,
        bytes_per_sync: ByteSize::mib(1),
        // Both keep short what a read waits for while a checkpoint, a flush or a compaction writes.
        rate_limiter_bytes_per_second: ByteSize::mib(512),
        wal_sync_interval_ms: 20,
        ..balanced()
    }
}

fn high_throughput() -> Options {
    Options {
        write_buffer_size: ByteSize::mib(256),
        max_write_buffer_number: 6,
        db_write_buffer_size: ByteSize::gib(1),
        block_cache_size: ByteSize::gib(1),
        max_background_jobs: 16,
        max_sub_compactions: 8,
        level0_file_num_compaction_trigger: 8,
        level0_slowdown_writes_trigger: 32,
        level0_stop_writes_trigger: 48,
        target_file_size_base: ByteSize::mib(256),
        max_bytes_for_level_base: ByteSize::gib(1),
        max_total_wal_size: ByteSize::gib(1),
        use_direct_reads: true,
        use_direct_io_for_flush_and_compaction: true,
        bytes_per_sync: ByteSize::mib(8),
        ..balanced()
    }
}

fn large_state() -> Options {
    Options {
        write_buffer_size: ByteSize::mib(256),
        max_write_buffer_number: 8,
        db_write_buffer_size: ByteSize::gib(2),
        block_cache_size: ByteSize::gib(2),
        compression: Compression::Zstd,
        max_background_jobs: 12,
        max_sub_compactions: 6,
        level0_slowdown_writes_trigger: 24,
        level0_stop_writes_trigger: 40,
        target_file_size_base: ByteSize::mib(256),
        max_bytes_for_level_base: ByteSize::gib(1),
        max_total_wal_size: ByteSize::gib(1),
        max_open_files: 5_000,
        use_direct_reads: true,
        use_direct_io_for_flush_and_compaction: true,
        bytes_per_sync: ByteSize::mib(4),
        ..balanced()
    }
}

impl FromStr for Preset {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Preset::ALL.map(Preset::name);
        let found = Preset::ALL.into_iter().find(|preset| preset.name() == text);
        found.ok_or_else(|| {
            let (valid, near) = (known.join("`, `"), nearest(text, &known));
            format!("`{text}` is not a preset: valid are `{valid}`; did you mean `{near}`?")
        })
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Setting for Preset {
    fn parse(text: &str) -> Result<Self, String> {
        text.trim().parse()
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}
