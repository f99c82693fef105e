//! Every option, once: its key, its type, and what it means.

use crate::{
    durability::Durability,
    nearest::nearest,
    preset::Preset,
    setting::{Compression, Setting},
};
use gress_core::ByteSize;
use std::path::PathBuf;

/// From one list: the resolved [`Options`], the [`RocksDbConfig`] that may leave each out, and the keys between them.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident $(| $alias:ident)?: $type:ty,)*) => {
        /// The value of every option: what a preset gives, and what a config resolves to.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Options {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Options {
            /// Every option and its value, as a config file would have it.
            pub fn settings(&self) -> Vec<(&'static str, String)> {
                vec![$((stringify!($name), self.$name.to_text()),)*]
            }
        }

        /// What stands below `state.rocksdb` in a config: a preset, and the options that differ from it.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct RocksDbConfig {
            /// Where the values come from that are not given here.
            pub preset: Preset,
            /// Of a job, the folder below which each task opens its database, whose content does not outlive a process.
            /// Of a plain key-value state, the folder of its database.
            pub path: Option<PathBuf>,
            /// What a write to a plain key-value state survives; `wal` unless it is given. A job takes no other than
            /// `checkpoint`.
            pub durability: Option<Durability>,
            /// Of how many operations on a plain key-value state one is timed, 0 for none; 16 unless it is given.
            pub latency_sampling: Option<u32>,
            $($(#[$doc])* pub $name: Option<$type>,)*
        }

        impl RocksDbConfig {
            /// The keys that [`RocksDbConfig::set`] knows, both spellings where there are two.
            pub const KEYS: &'static [&'static str] =
                &["preset", "path", "durability", "latency_sampling", $(stringify!($name), $(stringify!($alias),)?)*];

            /// Sets the option that `key` names to what `value` says.
            ///
            /// # Errors
            /// An unknown key (with the nearest known one) or a value that cannot be read (with what would be valid).
            pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
                match key {
                    "preset" => self.preset = read(key, value)?,
                    "path" => self.path = Some(PathBuf::from(value)),
                    "durability" => self.durability = Some(read(key, value)?),
                    "latency_sampling" => self.latency_sampling = Some(read(key, value)?),
                    $(stringify!($name) $(| stringify!($alias))? => self.$name = Some(read(key, value)?),)*
                    _ => return Err(unknown(key)),
                }
                Ok(())
            }

            $($(#[$doc])*
            #[must_use]
            pub fn $name(self, $name: $type) -> Self {
                RocksDbConfig { $name: Some($name), ..self }
            })*

            /// Whether the config gives this option itself, instead of leaving it to the preset.
            pub(crate) fn gives(&self, key: &str) -> bool {
                match key {
                    $(stringify!($name) => self.$name.is_some(),)*
                    _ => false,
                }
            }

            /// The preset's values, replaced by the explicit ones.
            fn merged(&self) -> Options {
                let preset = self.preset.options();
                Options { $($name: self.$name.unwrap_or(preset.$name),)* }
            }
        }
    };
}

options! {
    /// Size at which a buffer of writes is flushed. Per process: divided over its databases.
    write_buffer_size: ByteSize,
    /// Buffers of one store, the one being filled included, before writes wait. At least 2.
    max_write_buffer_number: u32,
    /// Limit over all buffers of the process; 0 sets none. Over it RocksDB flushes; writers wait only for the buffers of
    /// their store, see `max_write_buffer_number`, which follows an explicit limit.
    db_write_buffer_size: ByteSize,
    /// Size of the cache of blocks, index and filters, which all databases of the process share.
    block_cache_size: ByteSize,
    /// Uncompressed size of a block: the unit of reading and caching.
    block_size: ByteSize,
    /// Bits of bloom filter for each key; 0 builds no filter.
    bloom_bits_per_key: u32,
    /// Whether index and filters are cached in small parts instead of one piece per file.
    partition_index_and_filters: bool,
    /// Compression of blocks.
    compression: Compression,
    /// Flushes and compactions that run at once. Per process: divided over its databases.
    max_background_jobs: u32,
    /// Threads that share one compaction.
    max_sub_compactions | max_subcompactions: u32,
    /// Files in level 0 that start a compaction.
    level0_file_num_compaction_trigger: u32,
    /// Files in level 0 that slow writes down.
    level0_slowdown_writes_trigger: u32,
    /// Files in level 0 that stop writes.
    level0_stop_writes_trigger: u32,
    /// Size of files in level 1.
    target_file_size_base: ByteSize,
    /// Size of level 1.
    max_bytes_for_level_base: ByteSize,
    /// Size at which logs are given up; 0 leaves it to RocksDB. Without effect while the log is off, as it is for jobs.
    max_total_wal_size: ByteSize,
    /// Files that are kept open, -1 for all. Per process: divided over its databases.
    max_open_files: i32,
    /// Whether the last level has no filter, so that keys that are there cost less and absent ones more.
    optimize_filters_for_hits: bool,
    /// Whether files are mapped into memory. A mapped file that is cut short kills the process.
    allow_mmap_reads: bool,
    /// Whether reads pass by the system's page cache.
    use_direct_reads: bool,
    /// Whether flushes and compactions pass by the system's page cache.
    use_direct_io_for_flush_and_compaction | use_direct_io_for_flush: bool,
    /// Bytes after which a file being written is handed to the disk; 0 leaves it to the system.
    bytes_per_sync: ByteSize,
    /// Bytes a second that flushes and compactions write at most, so that reads from the same disk wait less behind them;
    /// 0 sets no limit. RocksDB goes down to a twentieth of it while less is enough, and up again as it is used up. Per
    /// process: divided over its databases.
    rate_limiter_bytes_per_second: ByteSize,
    /// Milliseconds after which a log that has grown is synced in the background; 0 leaves it to the system. With
    /// `durability: wal` a power cut costs no more than what was written since, and reads from the same disk wait less. Has
    /// no effect on the other two.
    wal_sync_interval_ms: u32,
    /// Whether RocksDB counts what it does.
    enable_statistics: bool,
    /// Whether RocksDB also times what it does. Needs `enable_statistics`.
    enable_latency_tracking: bool,
}

/// The four presets, for a plain key-value state in `path`. What a preset says is changed option by option:
///
/// ```
/// use gress_core::ByteSize;
/// use gress_state_rocksdb::{Durability, RocksDbConfig};
///
/// let config = RocksDbConfig::low_latency("/var/lib/trips/state")
///     .block_cache_size(ByteSize::gib(1))
///     .allow_mmap_reads(false)
///     .durability(Durability::WalSync);
/// assert!(config.validate().is_ok());
/// ```
impl RocksDbConfig {
    /// [`Preset::LowLatency`] in `path`.
    pub fn low_latency(path: impl Into<PathBuf>) -> Self {
        RocksDbConfig::of(Preset::LowLatency, path)
    }

    /// [`Preset::HighThroughput`] in `path`.
    pub fn high_throughput(path: impl Into<PathBuf>) -> Self {
        RocksDbConfig::of(Preset::HighThroughput, path)
    }

    /// [`Preset::LargeState`] in `path`.
    pub fn large_state(path: impl Into<PathBuf>) -> Self {
        RocksDbConfig::of(Preset::LargeState, path)
    }

    /// [`Preset::Balanced`] in `path`.
    pub fn balanced(path: impl Into<PathBuf>) -> Self {
        RocksDbConfig::of(Preset::Balanced, path)
    }

    /// `preset` in `path`.
    pub fn of(preset: Preset, path: impl Into<PathBuf>) -> Self {
        RocksDbConfig { preset, path: Some(path.into()), ..RocksDbConfig::default() }
    }

    /// What a write to a plain key-value state survives.
    #[must_use]
    pub fn durability(self, durability: Durability) -> Self {
        RocksDbConfig { durability: Some(durability), ..self }
    }

    /// Of `operations` on a plain key-value state one is timed; 0 times none.
    #[must_use]
    pub fn latency_sampling(self, operations: u32) -> Self {
        RocksDbConfig { latency_sampling: Some(operations), ..self }
    }

    /// Every option and its value, as a config file would have them.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![("preset", self.preset.to_string())];
        settings.extend(self.path.as_ref().map(|path| ("path", path.display().to_string())));
        settings.push(("durability", self.durability.unwrap_or_default().to_string()));
        settings.push(("latency_sampling", self.latency_sampling.unwrap_or(DEFAULT_SAMPLING).to_string()));
        settings.extend(self.effective().settings());
        settings
    }

    /// The value of every option: the preset's, replaced by explicit ones.
    ///
    /// Some of a preset's values follow an explicit one: buffers shrink to fit a smaller `db_write_buffer_size` (two of
    /// them at least), there are as many of them as fit into it, nothing is timed where statistics are off, and no rate is
    /// limited where `bytes_per_sync` is 0, which RocksDB would not leave so.
    pub fn effective(&self) -> Options {
        let mut options = self.merged();
        let limit = options.db_write_buffer_size;
        if self.gives("db_write_buffer_size") && limit.0 > 0 {
            if self.write_buffer_size.is_none() {
                options.write_buffer_size = options.write_buffer_size.min(ByteSize(limit.0 / 2));
            }
            if self.max_write_buffer_number.is_none() {
                options.max_write_buffer_number = options.max_write_buffer_number.min(options.buffers_within(limit));
            }
        }
        if self.rate_limiter_bytes_per_second.is_none() && options.bytes_per_sync.0 == 0 {
            options.rate_limiter_bytes_per_second = ByteSize(0);
        }
        if self.enable_latency_tracking.is_none() {
            options.enable_latency_tracking &= options.enable_statistics;
        }
        options
    }
}

/// Of this many operations on a plain key-value state one is timed.
pub(crate) const DEFAULT_SAMPLING: u32 = 16;

impl Options {
    /// How many buffers fit into a limit over all; two at least, so that one is filled while the other is flushed.
    fn buffers_within(&self, limit: ByteSize) -> u32 {
        u32::try_from(limit.0 / self.write_buffer_size.0.max(1)).unwrap_or(u32::MAX).max(2)
    }

    /// What one of `instances` databases of a process gets. The cache and the limit over all buffers are shared and stay.
    pub(crate) fn share_of(&self, instances: usize) -> Options {
        let parts = u32::try_from(instances).unwrap_or(u32::MAX).max(1);
        let smallest_buffer = self.write_buffer_size.min(ByteSize::mib(1));
        let files = i32::try_from(parts).unwrap_or(i32::MAX);
        Options {
            write_buffer_size: ByteSize(self.write_buffer_size.0 / u64::from(parts)).max(smallest_buffer),
            // One flush and one compaction.
            max_background_jobs: (self.max_background_jobs / parts).max(self.max_background_jobs.min(2)),
            max_open_files: match self.max_open_files {
                -1 => -1,
                all => (all / files).max(all.min(64)),
            },
            rate_limiter_bytes_per_second: ByteSize(self.rate_limiter_bytes_per_second.0.div_ceil(u64::from(parts))),
            ..self.clone()
        }
    }
}

fn read<T: Setting>(key: &str, value: &str) -> Result<T, String> {
    T::parse(value).map_err(|reason| format!("`{key}`: {reason}"))
}

fn unknown(key: &str) -> String {
    let near = nearest(key, RocksDbConfig::KEYS);
    format!("`{key}` is not an option of RocksDB that Gress knows; did you mean `{near}`?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_accepted_and_both_spellings_are_one_option() {
        for key in RocksDbConfig::KEYS {
            let value = match *key {
                "preset" => "balanced",
                "compression" => "zstd",
                "durability" => "wal",
                key if key.starts_with("use_") || key.starts_with("allow_") || key.starts_with("enable_") => "true",
                "partition_index_and_filters" | "optimize_filters_for_hits" => "false",
                _ => "8",
            };
            assert_eq!(RocksDbConfig::default().set(key, value), Ok(()), "{key}");
        }
        let mut config = RocksDbConfig::default();
        config.set("max_subcompactions", "3").unwrap();
        assert_eq!(config.max_sub_compactions, Some(3));
    }

    #[test]
    fn the_settings_of_a_config_are_read_back_as_they_were() {
        let config = RocksDbConfig::large_state("a/b").durability(Durability::WalSync).bloom_bits_per_key(0);
        let mut read = RocksDbConfig::default();
        for (key, value) in config.settings() {
            read.set(key, &value).unwrap();
        }
        assert_eq!(read.effective(), config.effective());
        assert_eq!((read.preset, &read.path, read.durability), (config.preset, &config.path, config.durability));
        assert_eq!(read.latency_sampling, Some(DEFAULT_SAMPLING));
    }

    #[test]
    fn a_wrong_key_or_value_is_refused_with_what_would_be_valid() {
        let refused = |key, value| RocksDbConfig::default().set(key, value).unwrap_err();
        assert!(refused("block_cache_sise", "1").contains("did you mean `block_cache_size`?"));
        assert!(refused("block_cache_size", "many").contains("valid are bytes"));
        assert!(refused("preset", "low_latency").contains("did you mean `low-latency`?"));
        assert!(refused("allow_mmap_reads", "yes").contains("neither `true` nor `false`"));
        assert!(refused("max_background_jobs", "-1").contains("`max_background_jobs`"));
        assert!(refused("compression", "zst").contains("did you mean `zstd`?"));
    }

    #[test]
    fn an_explicit_value_beats_the_preset_also_where_it_is_0_or_false() {
        let mut config = RocksDbConfig { preset: Preset::LowLatency, ..RocksDbConfig::default() };
        config.set("allow_mmap_reads", "false").unwrap();
        config.set("block_cache_size", "0").unwrap();
        config.set("db_write_buffer_size", "0").unwrap();
        let options = config.effective();
        let preset = Preset::LowLatency.options();
        let (zero, off) = (ByteSize(0), false);
        let wanted = Options { allow_mmap_reads: off, block_cache_size: zero, db_write_buffer_size: zero, ..preset };
        assert_eq!(options, wanted);
    }

    #[test]
    fn a_presets_buffer_follows_an_explicit_limit_over_all_buffers() {
        let mut config = RocksDbConfig::default();
        config.set("db_write_buffer_size", "32MiB").unwrap();
        assert_eq!(config.effective().write_buffer_size, ByteSize::mib(16));
        config.set("write_buffer_size", "20MiB").unwrap();
        assert_eq!(config.effective().write_buffer_size, ByteSize::mib(20));
    }

    #[test]
    fn a_presets_limit_of_the_rate_follows_files_that_are_left_to_the_system() {
        let config = RocksDbConfig { preset: Preset::LowLatency, ..RocksDbConfig::default() };
        assert_eq!(config.effective().rate_limiter_bytes_per_second, ByteSize::mib(512));
        let config = config.bytes_per_sync(ByteSize(0));
        assert_eq!(config.effective().rate_limiter_bytes_per_second, ByteSize(0));
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn no_more_buffers_wait_than_fit_into_an_explicit_limit_over_all() {
        let numbers = |preset, settings: &[(&str, &str)]| {
            let mut config = RocksDbConfig { preset, ..RocksDbConfig::default() };
            settings.iter().for_each(|(key, value)| config.set(key, value).unwrap());
            config.effective().max_write_buffer_number
        };
        let limit = ("db_write_buffer_size", "32MiB");
        assert_eq!(numbers(Preset::LargeState, &[limit, ("write_buffer_size", "8MiB")]), 4);
        assert_eq!(numbers(Preset::LargeState, &[limit, ("write_buffer_size", "1MiB")]), 8, "the preset's");
        assert_eq!(numbers(Preset::Balanced, &[limit]), 2, "of half the limit each");
        assert_eq!(numbers(Preset::Balanced, &[limit, ("write_buffer_size", "32MiB")]), 2, "and never fewer");
        assert_eq!(numbers(Preset::Balanced, &[limit, ("max_write_buffer_number", "5")]), 5);
        assert_eq!(numbers(Preset::Balanced, &[("db_write_buffer_size", "0")]), 3);
    }

    #[test]
    fn a_presets_numbers_are_divided_over_the_databases_of_a_process() {
        let whole = Preset::LargeState.options();
        assert_eq!(whole.share_of(1), whole);
        let share = whole.share_of(4);
        assert_eq!(share.write_buffer_size, ByteSize::mib(64));
        assert_eq!((share.max_background_jobs, share.max_open_files), (3, 1_250));
        assert_eq!(share.block_cache_size, whole.block_cache_size);
        let share = whole.share_of(1_000);
        assert_eq!((share.write_buffer_size, share.max_background_jobs), (ByteSize::mib(1), 2));
        assert_eq!(share.max_open_files, 64);
    }
}
