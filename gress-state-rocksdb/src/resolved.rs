//! Every option as text, with where its value comes from: what a user is shown.

use crate::options::RocksDbConfig;

/// One option as a config resolves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedOption {
    /// Its key, in the first spelling where there are two.
    pub key: &'static str,
    /// The value as a config would have it.
    pub value: String,
    /// Where it comes from.
    pub from: ResolvedFrom,
}

/// Where the value of an option comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolvedFrom {
    /// The config itself.
    Config,
    /// The preset.
    Preset,
    /// The preset, but for this option of the config, which it follows.
    Following(&'static str),
}

/// Options of a preset that follow one of the config; see [`RocksDbConfig::effective`].
const FOLLOWERS: [(&str, &str); 3] = [
    ("write_buffer_size", "db_write_buffer_size"),
    ("max_write_buffer_number", "db_write_buffer_size"),
    ("enable_latency_tracking", "enable_statistics"),
];

impl RocksDbConfig {
    /// The value of every option, as [`effective`](RocksDbConfig::effective) has it, and where it comes from.
    pub fn resolved(&self) -> Vec<ResolvedOption> {
        let pairs = self.effective().settings().into_iter().zip(self.preset.options().settings());
        let resolved = pairs.map(|((key, value), (_, of_preset))| {
            let followed = FOLLOWERS.iter().find(|(follower, _)| *follower == key).map(|(_, followed)| *followed);
            let from = match followed {
                _ if self.gives(key) => ResolvedFrom::Config,
                Some(followed) if value != of_preset => ResolvedFrom::Following(followed),
                _ => ResolvedFrom::Preset,
            };
            ResolvedOption { key, value, from }
        });
        resolved.collect()
    }

    /// The first spelling of an option's key; a key that is none of an option stays as it is.
    pub fn canonical(key: &str) -> &str {
        match key {
            "max_subcompactions" => "max_sub_compactions",
            "use_direct_io_for_flush" => "use_direct_io_for_flush_and_compaction",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn every_key_has_one_option_and_its_value_reads_back() {
        let resolved = RocksDbConfig { preset: Preset::LargeState, ..RocksDbConfig::default() }.resolved();
        let mut again = RocksDbConfig::default();
        for option in &resolved {
            assert_eq!(again.set(option.key, &option.value), Ok(()), "{option:?}");
            assert!(again.gives(option.key), "{option:?}");
        }
        assert_eq!(again.effective(), Preset::LargeState.options());
        // These say where options come from and what a database is for; they are none themselves.
        let others = ["preset", "path", "durability", "latency_sampling"];
        for key in RocksDbConfig::KEYS.iter().filter(|key| !others.contains(key)) {
            let shown = resolved.iter().filter(|option| option.key == RocksDbConfig::canonical(key));
            assert_eq!(shown.count(), 1, "{key}");
        }
    }

    #[test]
    fn an_option_says_whether_config_or_preset_gave_it_or_what_it_follows() {
        let mut config = RocksDbConfig::default();
        config.set("db_write_buffer_size", "32MiB").unwrap();
        config.set("enable_statistics", "true").unwrap();
        let of = |config: &RocksDbConfig, key| {
            let option = config.resolved().into_iter().find(|option| option.key == key).expect(key);
            (option.value, option.from)
        };
        assert_eq!(of(&config, "db_write_buffer_size"), ("32MiB".into(), ResolvedFrom::Config));
        let follows = ResolvedFrom::Following("db_write_buffer_size");
        assert_eq!(of(&config, "write_buffer_size"), ("16MiB".into(), follows));
        assert_eq!(of(&config, "enable_latency_tracking"), ("true".into(), ResolvedFrom::Preset));
        config.set("enable_statistics", "false").unwrap();
        let follows = ResolvedFrom::Following("enable_statistics");
        assert_eq!(of(&config, "enable_latency_tracking"), ("false".into(), follows));
        config.set("write_buffer_size", "16MiB").unwrap();
        assert_eq!(of(&config, "write_buffer_size").1, ResolvedFrom::Config);
    }
}
