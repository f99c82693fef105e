//! Settings that work, but against what the tuning guide says of disks. Pure: a config in, sentences out.

use crate::options::RocksDbConfig;

impl RocksDbConfig {
    /// What is probably not meant: a sentence for each, with keys, values and what to do. None of it is an error, and what
    /// only the disk or the size of the state could tell is left out.
    pub fn advice(&self) -> Vec<String> {
        let o = self.effective();
        let mut advice = Vec::new();
        let (reads, writes) = (o.use_direct_reads, o.use_direct_io_for_flush_and_compaction);
        if reads != writes {
            advice.push(format!(
                "`use_direct_reads: {reads}` beside `use_direct_io_for_flush_and_compaction: {writes}`: files pass the page \
                 cache on one way only, so that it holds what nobody reads there or lacks what was just written; set both to \
                 true (SSDs) or both to false (hard disks)"
            ));
        }
        if reads && o.block_cache_size.bytes() == 0 {
            advice.push(String::from(
                "`use_direct_reads: true` beside `block_cache_size: 0`: nothing caches a block, so that every read goes to the \
                 disk; give the cache a size or set `use_direct_reads: false`",
            ));
        }
        if o.optimize_filters_for_hits {
            advice.push(String::from(
                "`optimize_filters_for_hits: true`: each key that is seen for the first time costs a read of the disk; set it \
                 to false unless nearly all keys that are asked for exist",
            ));
        }
        if o.bloom_bits_per_key == 0 {
            advice.push(String::from(
                "`bloom_bits_per_key: 0`: without filters each key that is seen for the first time costs a read of every \
                 level; 10 bits spare 99 of 100 of them",
            ));
        }
        advice
    }
}

#[cfg(test)]
mod tests {
    use crate::{Preset, RocksDbConfig};

    fn advice(preset: Preset, settings: &[(&str, &str)]) -> Vec<String> {
        let mut config = RocksDbConfig { preset, ..RocksDbConfig::default() };
        settings.iter().for_each(|(key, value)| config.set(key, value).unwrap());
        config.advice()
    }

    #[test]
    fn presets_follow_the_guide() {
        for preset in Preset::ALL {
            assert_eq!(advice(preset, &[]), [""; 0], "{preset}");
        }
    }

    #[test]
    fn files_that_pass_the_page_cache_on_one_way_only_are_named() {
        for (preset, key) in
            [(Preset::LowLatency, "use_direct_io_for_flush_and_compaction"), (Preset::Balanced, "use_direct_reads")]
        {
            let told = advice(preset, &[(key, "true")]);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(&format!("`{key}: true`")) && told[0].contains("set both to"), "{told:?}");
        }
    }

    #[test]
    fn reads_that_nothing_caches_or_filters_are_named() {
        let told = advice(Preset::LargeState, &[("block_cache_size", "0")]);
        assert!(told.len() == 1 && told[0].contains("`block_cache_size: 0`"), "{told:?}");
        assert_eq!(advice(Preset::Balanced, &[("block_cache_size", "0")]), [""; 0], "the page cache is one, too");
        let told = advice(Preset::Balanced, &[("optimize_filters_for_hits", "true")]);
        assert!(told.len() == 1 && told[0].contains("first time"), "{told:?}");
        let told = advice(Preset::Balanced, &[("bloom_bits_per_key", "0")]);
        assert!(told.len() == 1 && told[0].contains("`bloom_bits_per_key: 0`"), "{told:?}");
    }
}
