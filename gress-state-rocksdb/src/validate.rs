//! Which settings cannot work together, or at all. Pure: a config in, sentences out.

use crate::{
    durability::Durability,
    options::{Options, RocksDbConfig},
};
use gress_core::ByteSize;
use std::fmt::Display;

impl RocksDbConfig {
    /// Checks the resolved options against each other.
    ///
    /// # Errors
    /// Every contradiction, each with its keys, their values, where these come from, and what would be valid.
    pub fn validate(&self) -> Result<(), String> {
        let mut review = Review { config: self, options: &self.effective(), problems: Vec::new() };
        review.sizes();
        review.counts();
        review.level0();
        review.buffers();
        review.cache();
        review.reads();
        review.writes();
        review.statistics();
        match review.problems.is_empty() {
            true => Ok(()),
            false => Err(review.problems.join("; ")),
        }
    }

    /// Checks the resolved options for the states of a job.
    ///
    /// # Errors
    /// Those of [`RocksDbConfig::validate`], and a durability with a log.
    pub fn validate_for_job(&self) -> Result<(), String> {
        let logged = self.durability.filter(|durability| *durability != Durability::Checkpoint);
        let problem = logged.map(|durability| {
            format!(
                "`durability: {durability}` is for plain key-value states, a job's log are its checkpoints and its source: \
                 leave it out, or set `checkpoint`"
            )
        });
        let problems: Vec<_> = problem.into_iter().chain(self.validate().err()).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }
}

struct Review<'c> {
    config: &'c RocksDbConfig,
    options: &'c Options,
    problems: Vec<String>,
}

impl Review<'_> {
    fn sizes(&mut self) {
        let o = self.options;
        self.at_least("write_buffer_size", o.write_buffer_size.0, 64 << 10);
        self.at_least("block_size", o.block_size.0, 1 << 10);
        self.at_least("target_file_size_base", o.target_file_size_base.0, 64 << 10);
        self.at_least("max_bytes_for_level_base", o.max_bytes_for_level_base.0, 64 << 10);
        self.at_most("block_size", o.block_size.0, 16 << 20);
        self.at_most("write_buffer_size", o.write_buffer_size.0, 64 << 30);
        if o.rate_limiter_bytes_per_second.0 > 0 {
            self.at_least("rate_limiter_bytes_per_second", o.rate_limiter_bytes_per_second.0, 1 << 20);
        }
    }

    fn counts(&mut self) {
        let o = self.options;
        self.at_least("max_write_buffer_number", o.max_write_buffer_number.into(), 2);
        self.at_least("max_background_jobs", o.max_background_jobs.into(), 1);
        self.at_least("max_sub_compactions", o.max_sub_compactions.into(), 1);
        self.at_least("level0_file_num_compaction_trigger", o.level0_file_num_compaction_trigger.into(), 1);
        self.at_most("max_write_buffer_number", o.max_write_buffer_number.into(), 64);
        self.at_most("max_background_jobs", o.max_background_jobs.into(), 1_024);
        self.at_most("max_sub_compactions", o.max_sub_compactions.into(), 1_024);
        self.at_most("wal_sync_interval_ms", o.wal_sync_interval_ms.into(), 60_000);
        self.at_most("bloom_bits_per_key", o.bloom_bits_per_key.into(), 100);
        self.at_most("level0_stop_writes_trigger", o.level0_stop_writes_trigger.into(), 1 << 30);
        if o.max_open_files != -1 && o.max_open_files < 20 {
            let said = self.said("max_open_files", o.max_open_files);
            self.problems.push(format!("{said} cannot work: valid are -1 (all files) and 20 or more"));
        }
    }

    fn level0(&mut self) {
        let o = self.options;
        let triggers = [
            ("level0_file_num_compaction_trigger", o.level0_file_num_compaction_trigger),
            ("level0_slowdown_writes_trigger", o.level0_slowdown_writes_trigger),
            ("level0_stop_writes_trigger", o.level0_stop_writes_trigger),
        ];
        for pair in triggers.windows(2) {
            let ((lower, low), (upper, high)) = (pair[0], pair[1]);
            if low > high {
                let (low, high) = (self.said(lower, low), self.said(upper, high));
                self.problems.push(format!("{low} is above {high}: the first must be at most the second"));
            }
        }
    }

    fn buffers(&mut self) {
        let o = self.options;
        let (one, all) = (o.write_buffer_size, o.db_write_buffer_size);
        if all.0 > 0 && one > all {
            let (one, all) = (self.said("write_buffer_size", one), self.said("db_write_buffer_size", all));
            let advice = "one buffer must fit into the limit over all; 0 sets no limit";
            self.problems.push(format!("{one} is above {all}: {advice}"));
        }
    }

    fn cache(&mut self) {
        let (cache, block) = (self.options.block_cache_size, self.options.block_size);
        if cache.0 > 0 && cache < block {
            let (cache, block) = (self.said("block_cache_size", cache), self.said("block_size", block));
            self.problems
                .push(format!("{cache} is below {block}: valid are sizes that hold a block, and 0 for no cache"));
        }
    }

    fn reads(&mut self) {
        if self.options.allow_mmap_reads && self.options.use_direct_reads {
            let (mapped, direct) = (self.said("allow_mmap_reads", true), self.said("use_direct_reads", true));
            let advice = "a file is mapped or read past the page cache, not both; set one of them to false";
            self.problems.push(format!("{mapped} contradicts {direct}: {advice}"));
        }
    }

    fn writes(&mut self) {
        let (rate, each) = (self.options.rate_limiter_bytes_per_second, self.options.bytes_per_sync);
        if rate.0 > 0 && each.0 == 0 {
            let (rate, each) =
                (self.said("rate_limiter_bytes_per_second", rate), self.said("bytes_per_sync", ByteSize(0)));
            let advice =
                "with a limit RocksDB hands files to the disk as they grow; set the first to 0 or the second above";
            self.problems.push(format!("{rate} contradicts {each}: {advice}"));
        }
    }

    fn statistics(&mut self) {
        if self.options.enable_latency_tracking && !self.options.enable_statistics {
            let (timed, counted) = (self.said("enable_latency_tracking", true), self.said("enable_statistics", false));
            let advice = "what is not counted is not timed; set both to true or both to false";
            self.problems.push(format!("{timed} contradicts {counted}: {advice}"));
        }
    }

    fn at_least(&mut self, key: &str, value: u64, least: u64) {
        if value < least {
            self.problems.push(format!("{} is too small: valid are {least} and more", self.said(key, value)));
        }
    }

    fn at_most(&mut self, key: &str, value: u64, most: u64) {
        if value > most {
            self.problems.push(format!("{} is too large: valid are {most} and less", self.said(key, value)));
        }
    }

    /// `` `key: value` ``, and the preset where the value comes from it.
    fn said(&self, key: &str, value: impl Display) -> String {
        match self.config.gives(key) {
            true => format!("`{key}: {value}`"),
            false => format!("`{key}: {value}` (of preset `{}`)", self.config.preset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    fn problem(preset: Preset, settings: &[(&str, &str)]) -> String {
        let mut config = RocksDbConfig { preset, ..RocksDbConfig::default() };
        for (key, value) in settings {
            config.set(key, value).unwrap();
        }
        config.validate().err().unwrap_or_default()
    }

    #[test]
    fn every_preset_is_valid_as_it_stands() {
        for preset in Preset::ALL {
            assert_eq!(problem(preset, &[]), "", "{preset}");
        }
    }

    #[test]
    fn mapped_and_direct_reads_contradict_each_other() {
        let text = problem(Preset::LowLatency, &[("use_direct_reads", "true")]);
        assert!(text.contains("`allow_mmap_reads: true` (of preset `low-latency`)"), "{text}");
        assert!(text.contains("`use_direct_reads: true`:"), "{text}");
        assert_eq!(problem(Preset::LowLatency, &[("use_direct_reads", "true"), ("allow_mmap_reads", "false")]), "");
    }

    #[test]
    fn level_0_triggers_ascend() {
        let text = problem(Preset::Balanced, &[("level0_slowdown_writes_trigger", "3")]);
        assert!(text.contains("`level0_file_num_compaction_trigger: 4` (of preset `balanced`) is above"), "{text}");
        let equal = [("level0_slowdown_writes_trigger", "4"), ("level0_stop_writes_trigger", "4")];
        assert_eq!(problem(Preset::Balanced, &equal), "");
    }

    #[test]
    fn a_zero_is_refused_where_it_cannot_work_and_taken_where_it_can() {
        for key in [
            "write_buffer_size",
            "max_write_buffer_number",
            "block_size",
            "max_background_jobs",
            "max_sub_compactions",
            "target_file_size_base",
            "max_open_files",
        ] {
            assert!(problem(Preset::Balanced, &[(key, "0")]).contains(&format!("`{key}: 0`")), "{key}");
        }
        for key in
            ["block_cache_size", "db_write_buffer_size", "bloom_bits_per_key", "bytes_per_sync", "max_total_wal_size"]
        {
            assert_eq!(problem(Preset::Balanced, &[(key, "0")]), "", "{key}");
        }
    }

    #[test]
    fn a_buffer_above_the_limit_over_all_is_refused() {
        let text = problem(Preset::Balanced, &[("write_buffer_size", "64MiB"), ("db_write_buffer_size", "32MiB")]);
        assert!(text.contains("is above `db_write_buffer_size: 32.0 MiB`"), "{text}");
        assert_eq!(problem(Preset::LowLatency, &[("db_write_buffer_size", "32MiB")]), "");
    }

    #[test]
    fn a_cache_holds_a_block_or_nothing() {
        let text = problem(Preset::Balanced, &[("block_cache_size", "1KiB")]);
        assert!(text.contains("`block_cache_size: 1.0 KiB` is below `block_size: 4.0 KiB` (of preset"), "{text}");
        assert_eq!(problem(Preset::Balanced, &[("block_cache_size", "4KiB")]), "");
    }

    #[test]
    fn timing_needs_statistics() {
        let both = [("enable_statistics", "false"), ("enable_latency_tracking", "true")];
        assert!(problem(Preset::Balanced, &both).contains("contradicts `enable_statistics: false`"));
        assert_eq!(problem(Preset::Balanced, &both[..1]), "");
    }

    #[test]
    fn all_problems_are_reported_together() {
        let text = problem(Preset::Balanced, &[("block_size", "0"), ("max_background_jobs", "0")]);
        assert!(text.contains("block_size") && text.contains("; ") && text.contains("max_background_jobs"), "{text}");
    }
}
