//! The options of the RocksDB backend, as `state.rocksdb.` takes them. Present with the feature `rocksdb`.

use super::{BackendOptions, Config, Contradiction, Origin, Row, Setting, keys::ROCKSDB};
use crate::{
    backends,
    budget::{self, Parts},
};
use gress_core::Result;
use gress_state_rocksdb::{ResolvedFrom, RocksDbConfig};

/// Asks the backend itself, so that its options are listed in one place.
#[derive(Clone, Copy, Debug)]
pub struct RocksDbOptions;

impl BackendOptions for RocksDbOptions {
    fn keys(&self) -> &[&str] {
        RocksDbConfig::KEYS
    }

    fn check(&self, key: &str, value: &str) -> Result<(), String> {
        let verdict = RocksDbConfig::default().set(key, value);
        // The key is named already.
        verdict.map_err(|reason| reason.strip_prefix(&format!("`{key}`: ")).unwrap_or(&reason).to_owned())
    }

    fn canonical<'k>(&self, key: &'k str) -> &'k str {
        RocksDbConfig::canonical(key)
    }

    /// Judges what RocksDB would get, the parts of the budget included. On the memory backend, that is what is set.
    fn check_together(&self, config: &Config) -> Result<(), Contradiction> {
        let parts = budget::divide(config, config.parallelism)?;
        let options = backends::resolved_options(config, &parts)?;
        let settings = &config.state.rocksdb;
        options.validate_for_job().map_err(|reason| Contradiction { keys: named(&reason, settings), reason })
    }
}

/// A row for each option in force, preset and path first.
pub(super) fn rows(config: &Config, parts: &Parts) -> Result<Vec<Row>> {
    let options =
        backends::resolved_options(config, parts).map_err(|contradiction| contradiction.into_error(config))?;
    let set = |key: &str| config.state.rocksdb.iter().find(|setting| RocksDbConfig::canonical(&setting.key) == key);
    let row = |key: &str, value: Option<String>, origin| Row { key: format!("{ROCKSDB}{key}"), value, origin };
    let derived = |key: &str| Origin::Derived { from: String::from(key) };
    let plain = |key: &str, default: Option<String>| match set(key) {
        Some(setting) => row(key, Some(setting.value.clone()), setting.origin.clone()),
        None => row(key, default, Origin::Default),
    };
    let resolved = options.resolved().into_iter().map(|option| {
        let origin = match (set(option.key), option.from) {
            (Some(setting), _) => setting.origin.clone(),
            (None, ResolvedFrom::Config) => derived("state.memory"),
            (None, ResolvedFrom::Preset) => Origin::Preset { preset: options.preset.to_string() },
            (None, ResolvedFrom::Following(key)) => derived(&format!("{ROCKSDB}{key}")),
        };
        row(option.key, Some(option.value), origin)
    });
    let resolved: Vec<_> = resolved.collect();
    let shown =
        |key: &&&str| resolved.iter().any(|row| row.key.strip_prefix(ROCKSDB) == Some(RocksDbConfig::canonical(key)));
    let others = RocksDbConfig::KEYS.iter().filter(|key| !shown(key));
    let default = |key: &str| (key == "preset").then(|| options.preset.to_string());
    let others: Vec<_> = others.map(|key| plain(key, default(key))).collect();
    Ok(others.into_iter().chain(resolved).collect())
}

/// The settings that `reason` speaks of; all of them if it uses other words.
fn named(reason: &str, settings: &[Setting]) -> Vec<String> {
    let full = |setting: &Setting| format!("{ROCKSDB}{}", setting.key);
    let named =
        settings.iter().filter(|setting| reason.contains(&format!("`{}: ", RocksDbConfig::canonical(&setting.key))));
    let keys: Vec<_> = named.map(full).collect();
    match keys.is_empty() {
        true => settings.iter().map(full).collect(),
        false => keys,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn outcome(settings: &[(&str, &str)]) -> String {
        let code: Vec<_> = settings.iter().map(|(key, value)| (*key, value.to_string())).collect();
        match Config::load(None, [], &code) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_backends_own_keys_and_values_are_checked_with_the_config() {
        assert_eq!(outcome(&[("state.rocksdb.preset", "low-latency"), ("state.rocksdb.block_cache_size", "0")]), "");
        let text = outcome(&[("state.rocksdb.block_cache_sise", "1")]);
        assert!(text.ends_with("did you mean `state.rocksdb.block_cache_size`?"), "{text}");
        let text = outcome(&[("state.rocksdb.allow_mmap_reads", "yes")]);
        let wanted = "`state.rocksdb.allow_mmap_reads` is `yes`, set in code: `yes` is neither `true` nor `false`";
        assert_eq!(text, wanted);
    }

    #[test]
    fn options_that_exclude_each_other_are_named_with_their_places() {
        let text = outcome(&[("state.rocksdb.preset", "low-latency"), ("state.rocksdb.use_direct_reads", "true")]);
        assert!(text.starts_with("`state.rocksdb.use_direct_reads` is `true`, set in code: "), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_log_that_only_plain_states_have_is_refused_with_the_config() {
        let text = outcome(&[("state.rocksdb.durability", "wal")]);
        assert!(text.starts_with("`state.rocksdb.durability` is `wal`, set in code: "), "{text}");
        assert!(text.contains("leave it out, or set `checkpoint`"), "{text}");
        assert_eq!(outcome(&[("state.rocksdb.durability", "checkpoint")]), "");
    }

    #[test]
    fn a_budget_that_its_explicit_parts_use_up_is_refused() {
        let settings = [("state.memory", "64MiB"), ("state.rocksdb.block_cache_size", "64MiB")];
        let text = outcome(&settings);
        assert!(
            text.starts_with("`state.memory` is `64MiB`, set in code, and `state.rocksdb.block_cache_size`"),
            "{text}"
        );
        assert!(text.contains("the block cache 64MiB (`block_cache_size`)"), "{text}");
        assert_eq!(outcome(&[("state.memory", "65MiB"), settings[1]]), "");
    }

    #[test]
    fn a_budget_is_divided_over_at_least_as_many_tasks_as_one_keyed_step_has() {
        let settings = [("state.memory", "512KiB"), ("parallelism", "8")];
        assert!(outcome(&settings).starts_with("`state.memory` is `512KiB`, set in code: with 8 keyed tasks "));
        assert_eq!(outcome(&settings[..1]), "");
        assert_eq!(outcome(&[settings[0], settings[1], ("state.backend", "memory")]), "");
    }

    #[test]
    fn a_buffer_may_be_larger_than_the_presets_limit_where_a_budget_replaces_that() {
        let buffer = [("state.rocksdb.preset", "low-latency"), ("state.rocksdb.write_buffer_size", "600MiB")];
        assert!(outcome(&buffer).contains("is above `db_write_buffer_size: 512.0 MiB` (of preset `low-latency`)"));
        assert_eq!(outcome(&[buffer[0], buffer[1], ("state.memory", "4GiB")]), "");
    }
}
