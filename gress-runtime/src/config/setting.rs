//! One key with its value and who set it; a config as a list of them.

use super::{
    Config, Origin,
    keys::{KEYS, ROCKSDB},
};
use std::fmt;

/// One value, as text, and who set it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// The key, dotted.
    pub key: String,
    /// The value as a config file would have it.
    pub value: String,
    /// Who set it.
    pub origin: Origin,
}

/// One line of YAML, with the origin as a comment: `parallelism: 4  # flights.yaml, line 2`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setting { key, value, origin } = self;
        match is_plain(value) {
            true => write!(f, "{key}: {value}  # {origin}"),
            false => write!(f, "{key}: '{}'  # {origin}", value.replace('\'', "''")),
        }
    }
}

/// Whether YAML reads `value` back as it is without quotes. Cautious: quotes never hurt.
fn is_plain(value: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':');
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'/';
    value.bytes().all(inner)
        && value.bytes().next().is_some_and(first)
        && !value.ends_with(':')
        && !value.eq_ignore_ascii_case("null")
}

/// Each value that is set or has a default, in the order of the table, then the backend's own.
pub(super) fn settings(config: &Config) -> Vec<Setting> {
    let defaults = Config::default();
    let known = KEYS.iter().filter_map(|key| {
        let value = (key.get)(config)?;
        let origin = config.origins.of(key.name, &value, (key.get)(&defaults).as_deref());
        Some(Setting { key: key.name.into(), value, origin })
    });
    let backend = config
        .state
        .rocksdb
        .iter()
        .map(|setting| Setting { key: format!("{ROCKSDB}{}", setting.key), ..setting.clone() });
    known.chain(backend).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn load(code: &[(&str, &str)]) -> Config {
        let code: Vec<_> = code.iter().map(|(key, value)| (*key, value.to_string())).collect();
        Config::load_for(None, None, [], &code).expect("a valid config")
    }

    #[test]
    fn settings_name_each_value_and_who_set_it() {
        let mut config = load(&[("checkpoint.interval", "2s"), ("state.rocksdb.preset", "balanced")]);
        config.parallelism = 3;
        let lines: Vec<_> = config.settings().iter().map(Setting::to_string).collect();
        assert_eq!(
            lines,
            [
                "name: job  # default",
                "parallelism: 3  # code",
                "batch.size: 1024  # default",
                "checkpoint.interval: 2s  # code",
                "checkpoint.retained: 3  # default",
                "state.backend: rocksdb  # default",
                "state.rocksdb.preset: balanced  # code",
            ]
        );
    }

    #[test]
    fn a_value_that_code_changes_after_loading_is_no_longer_the_files() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&file, "checkpoint.interval: 7s\nparallelism: 2").expect("written");
        let mut config = Config::from_yaml_file(file.path()).expect("a valid config");
        config.checkpoint.interval = Duration::from_secs(8);
        let origin = |key| config.settings().into_iter().find(|s| s.key == key).map(|s| s.origin);
        assert_eq!(origin("checkpoint.interval"), Some(Origin::Code));
        assert_eq!(origin("parallelism"), Some(Origin::File { path: file.path().into(), line: Some(2) }));
    }

    #[test]
    fn settings_print_as_a_file_that_loads_to_the_same_config() {
        let odd =
            ["it's", "a: b # c", "null", "~", "- x", "[1]", "true", "1e9", ".inf", "tail:", "*x", "0x10", " padded "];
        for value in odd {
            let config = load(&[
                ("name", "007"),
                ("state.backend", "memory"),
                ("metrics.address", "[::1]:9000"),
                ("state.memory", "100000001"),
                ("checkpoint.directory", value),
                ("state.rocksdb.path", value),
            ]);
            let file = tempfile::NamedTempFile::new().expect("a file");
            let text: String = config.settings().iter().map(|setting| format!("{setting}\n")).collect();
            std::fs::write(&file, &text).expect("written");
            let again = Config::load_for(None, Some(file.path()), [], &[]).expect(&text);
            let values = |config: &Config| config.settings().into_iter().map(|s| (s.key, s.value)).collect::<Vec<_>>();
            assert_eq!(values(&again), values(&config), "{text}");
        }
    }
}
