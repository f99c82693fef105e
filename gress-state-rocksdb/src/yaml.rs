//! A config from YAML: the section `state.rocksdb` of a job's file, or its content alone.

use crate::options::RocksDbConfig;
use gress_core::{Error, Result};
use std::path::Path;
use yaml_rust2::{Yaml, YamlLoader, yaml::Hash};

impl RocksDbConfig {
    /// Reads the options below `state.rocksdb`, or, where the text has no `state`, its own. An option is written as in a
    /// job's config: sizes as bytes or with a unit.
    ///
    /// ```
    /// use gress_core::ByteSize;
    /// use gress_state_rocksdb::{Preset, RocksDbConfig};
    ///
    /// let config = RocksDbConfig::from_yaml(
    ///     "
    /// state:
    ///   backend: rocksdb
    ///   rocksdb:
    ///     path: /var/lib/trips/rocksdb
    ///     preset: low-latency
    ///     block_cache_size: 536870912   # or 512MiB
    ///     allow_mmap_reads: true
    /// ",
    /// )
    /// .expect("the options are valid");
    /// assert_eq!(config.preset, Preset::LowLatency);
    /// assert_eq!(config.effective().block_cache_size, ByteSize::mib(512));
    /// ```
    ///
    /// # Errors
    /// `Config`: text that is no YAML; an option that is unknown or has no valid value, by key and value, with what would
    /// be valid; options that contradict each other.
    pub fn from_yaml(text: &str) -> Result<Self> {
        let documents = YamlLoader::load_from_str(text).map_err(|e| Error::config(format!("this is no YAML: {e}")))?;
        let config = match documents.as_slice() {
            [] => Ok(RocksDbConfig::default()),
            [document] => read(document),
            more => Err(format!("there are {} documents in it; valid is one", more.len())),
        };
        let config = config.map_err(Error::config)?;
        config.validate().map_err(Error::config)?;
        Ok(config)
    }

    /// As [`RocksDbConfig::from_yaml`], from a file.
    ///
    /// # Errors
    /// As [`RocksDbConfig::from_yaml`], with the file's path; a file that cannot be read.
    pub fn from_yaml_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::config(format!("`{}` cannot be read: {e}", path.display())).because(e))?;
        RocksDbConfig::from_yaml(&text).map_err(|e| e.at(format!("`{}`", path.display())))
    }
}

fn read(document: &Yaml) -> Result<RocksDbConfig, String> {
    let root = mapping(document, "the file")?;
    let options = match root.get(&Yaml::String("state".into())) {
        None => root,
        Some(state) => match mapping(state, "`state`")?.get(&Yaml::String("rocksdb".into())) {
            None => return Ok(RocksDbConfig::default()),
            Some(options) => mapping(options, "`state.rocksdb`")?,
        },
    };
    let mut config = RocksDbConfig::default();
    let mut problems = Vec::new();
    for (key, value) in options {
        let set = scalar(key).and_then(|key| config.set(&key, &scalar_of(&key, value)?));
        problems.extend(set.err());
    }
    match problems.is_empty() {
        true => Ok(config),
        false => Err(problems.join("; ")),
    }
}

fn mapping<'y>(yaml: &'y Yaml, what: &str) -> Result<&'y Hash, String> {
    static NOTHING: std::sync::LazyLock<Hash> = std::sync::LazyLock::new(Hash::new);
    match yaml {
        Yaml::Null => Ok(&NOTHING),
        yaml => yaml.as_hash().ok_or_else(|| format!("{what} is no mapping of options to values")),
    }
}

fn scalar_of(key: &str, value: &Yaml) -> Result<String, String> {
    scalar(value).map_err(|_| format!("`{key}` has no single value: valid is text, a number, `true` or `false`"))
}

/// A scalar as it was written, as far as YAML keeps that.
fn scalar(yaml: &Yaml) -> Result<String, String> {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => Ok(text.clone()),
        Yaml::Integer(number) => Ok(number.to_string()),
        Yaml::Boolean(value) => Ok(value.to_string()),
        _ => Err("an option's name is no text".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Durability, Preset};
    use gress_core::ByteSize;

    fn problem(text: &str) -> String {
        RocksDbConfig::from_yaml(text).unwrap_err().to_string()
    }

    #[test]
    fn a_section_and_its_content_alone_are_read_alike() {
        let alone = RocksDbConfig::from_yaml("preset: large-state\ndurability: wal_sync\nblock_cache_size: 0").unwrap();
        let text = "state: {rocksdb: {preset: large-state, durability: wal_sync, block_cache_size: 0}}\nname: trips";
        assert_eq!(RocksDbConfig::from_yaml(text).unwrap(), alone);
        assert_eq!((alone.preset, alone.durability), (Preset::LargeState, Some(Durability::WalSync)));
        assert_eq!(alone.effective().block_cache_size, ByteSize(0));
    }

    #[test]
    fn nothing_is_the_default() {
        for text in ["", "# nothing", "state:", "state: {backend: memory}", "state: {rocksdb: }"] {
            assert_eq!(RocksDbConfig::from_yaml(text).unwrap(), RocksDbConfig::default(), "{text}");
        }
    }

    #[test]
    fn every_problem_is_reported_with_key_value_and_what_would_be_valid() {
        let text = problem("state:\n  rocksdb:\n    block_cache_sise: 1\n    max_background_jobs: many\n");
        assert!(text.contains("did you mean `block_cache_size`?"), "{text}");
        assert!(text.contains("`max_background_jobs`: `many` is not a whole number"), "{text}");
        assert!(problem("bloom_bits_per_key: [1]").contains("`bloom_bits_per_key` has no single value"));
        assert!(problem("- a").contains("no mapping"));
        assert!(problem("a: b: c").contains("no YAML"));
        assert!(problem("preset: balanced\n---\npreset: balanced").contains("2 documents"));
        assert!(problem("preset: low-latency\nuse_direct_reads: true").contains("contradicts"));
    }
}
