//! The options of the RocksDB backend, as `state.rocksdb.` takes them. Present with the feature `rocksdb`.

use super::{BackendOptions, Contradiction, Setting, keys::ROCKSDB};
use gress_core::ByteSize;
use gress_state_rocksdb::RocksDbConfig;

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

    fn check_together(&self, settings: &[Setting], memory: Option<ByteSize>) -> Result<(), Contradiction> {
        let mut config = RocksDbConfig::default();
        let unset = |reason| Contradiction { keys: Vec::new(), reason };
        settings.iter().try_for_each(|setting| config.set(&setting.key, &setting.value)).map_err(unset)?;
        config.validate().map_err(|reason| Contradiction { keys: named(&reason, settings), reason })?;
        fits(&config, memory)
    }
}

/// The settings that `reason` speaks of; all of them if it uses other words.
fn named(reason: &str, settings: &[Setting]) -> Vec<String> {
    let full = |setting: &Setting| format!("{ROCKSDB}{}", setting.key);
    let named = settings.iter().filter(|setting| reason.contains(&format!("`{}: ", setting.key)));
    let keys: Vec<_> = named.map(full).collect();
    match keys.is_empty() {
        true => settings.iter().map(full).collect(),
        false => keys,
    }
}

/// Explicit sizes are parts of the budget, and the table of live values needs one too.
fn fits(config: &RocksDbConfig, memory: Option<ByteSize>) -> Result<(), Contradiction> {
    let parts = [("block_cache_size", config.block_cache_size), ("db_write_buffer_size", config.db_write_buffer_size)];
    let explicit = parts.iter().filter_map(|(key, size)| size.map(|size| (*key, size.bytes())));
    let sum = explicit.clone().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(bytes));
    match memory {
        Some(budget) if sum >= budget.bytes() => Err(Contradiction {
            keys: [String::from("state.memory")]
                .into_iter()
                .chain(explicit.map(|(key, _)| format!("{ROCKSDB}{key}")))
                .collect(),
            reason: format!(
                "explicit sizes are parts of the budget, and {sum} bytes leave nothing of it for the table of live \
                 values: raise `state.memory` or drop them"
            ),
        }),
        _ => Ok(()),
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
    fn a_budget_that_its_explicit_parts_use_up_is_refused() {
        let settings = [("state.memory", "64MiB"), ("state.rocksdb.block_cache_size", "64MiB")];
        let text = outcome(&settings);
        assert!(
            text.starts_with("`state.memory` is `64MiB`, set in code, and `state.rocksdb.block_cache_size`"),
            "{text}"
        );
        assert_eq!(outcome(&[("state.memory", "65MiB"), settings[1]]), "");
    }
}
