//! The table of known keys: for each its name, what is valid, how it is set and how it is shown.
//!
//! Setting and showing are inverse to each other, so that one table serves files, the environment, code, `validate` and
//! `explain`. A new key is one entry here and one field.

use super::{Config, duration};
use gress_core::{ByteSize, state_name};
use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

/// Settings with this prefix are the backend's own; see [`BackendOptions`](super::BackendOptions).
pub(crate) const ROCKSDB: &str = "state.rocksdb.";

/// Keys below [`ROCKSDB`] that may be suggested even if nobody can say which keys there are.
pub(super) const ROCKSDB_ALWAYS: [&str; 2] = ["preset", "path"];

/// One key that a config can have.
pub(super) struct Key {
    /// Dotted, as in a file.
    pub(super) name: &'static str,
    /// Completes "valid is …".
    pub(super) valid: &'static str,
    /// Puts a value into the config; `None`, and the config as before, if it is not valid.
    pub(super) set: fn(&mut Config, &str) -> Option<()>,
    /// The value as `set` reads it back; `None` if it is unset.
    pub(super) get: fn(&Config) -> Option<String>,
}

/// Every key outside `state.rocksdb.`, in the order in which they are shown.
pub(super) const KEYS: &[Key] = &[
    Key {
        name: "name",
        valid: "1 to 64 ASCII letters, digits, `-`, `_` or `.`, not beginning with `.`",
        set: |config, text| {
            state_name::check_name(text).ok()?;
            config.name = text.into();
            Some(())
        },
        get: |config| Some(config.name.clone()),
    },
    Key {
        name: "parallelism",
        valid: "a whole number from 1 to 128",
        set: |config, text| {
            config.parallelism = count(text, 1..=128)?;
            Some(())
        },
        get: |config| Some(config.parallelism.to_string()),
    },
    Key {
        name: "batch.size",
        valid: "a whole number of events from 1 to 65536",
        set: |config, text| {
            config.batch.size = count(text, 1..=65_536)?;
            Some(())
        },
        get: |config| Some(config.batch.size.to_string()),
    },
    Key {
        name: "checkpoint.interval",
        valid: "a duration from `10ms` to `8760h`, such as `500ms`, `30s` or `5m`",
        set: |config, text| {
            config.checkpoint.interval = time(text, Duration::from_millis(10)..=Duration::from_secs(8760 * 3600))?;
            Some(())
        },
        get: |config| Some(duration::format(config.checkpoint.interval)),
    },
    Key {
        name: "checkpoint.directory",
        valid: "the path of a directory",
        set: |config, text| {
            config.checkpoint.directory = Some(directory(text)?);
            Some(())
        },
        get: |config| config.checkpoint.directory.as_deref().map(path_text),
    },
    Key {
        name: "checkpoint.retained",
        valid: "a whole number from 2 to 1000 (a damaged checkpoint needs one before it)",
        set: |config, text| {
            config.checkpoint.retained = count(text, 2..=1000)?;
            Some(())
        },
        get: |config| Some(config.checkpoint.retained.to_string()),
    },
    Key {
        name: "state.backend",
        valid: "`memory` or `rocksdb`",
        set: |config, text| {
            config.state.backend = text.parse().ok()?;
            Some(())
        },
        get: |config| Some(config.state.backend.to_string()),
    },
    Key {
        name: "state.memory",
        valid: "a size above 0, in bytes (`134217728`) or with a unit (`512MB`, `512MiB`)",
        set: |config, text| {
            config.state.memory = Some(text.parse().ok().filter(|size: &ByteSize| size.bytes() > 0)?);
            Some(())
        },
        get: |config| config.state.memory.map(ByteSize::exact),
    },
    Key {
        name: "state.directory",
        valid: "the path of a directory",
        set: |config, text| {
            config.state.directory = Some(directory(text)?);
            Some(())
        },
        get: |config| config.state.directory.as_deref().map(path_text),
    },
    Key {
        name: "metrics.address",
        valid: "an IP address and a port (`127.0.0.1:9000`, `[::1]:9000`), or a port of this machine alone (`9000`)",
        set: |config, text| {
            config.metrics.address = Some(address(text)?);
            Some(())
        },
        get: |config| config.metrics.address.map(|address| address.to_string()),
    },
];

/// The entry of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether `name` has keys below it.
pub(super) fn is_section(name: &str) -> bool {
    let below = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    KEYS.iter().any(|key| below(key.name)) || below(ROCKSDB)
}

fn count(text: &str, valid: RangeInclusive<usize>) -> Option<usize> {
    text.trim().parse().ok().filter(|number| valid.contains(number))
}

fn time(text: &str, valid: RangeInclusive<Duration>) -> Option<Duration> {
    duration::parse(text).filter(|duration| valid.contains(duration))
}

fn directory(text: &str) -> Option<PathBuf> {
    (!text.trim().is_empty()).then(|| PathBuf::from(text))
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Loopback unless the text names an address.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let loopback = |port: &str| port.parse().ok().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    match text.strip_prefix("localhost:") {
        Some(port) => loopback(port),
        None => text.parse().ok().or_else(|| loopback(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_valid_and_reads_back() {
        let defaults = Config::default();
        for key in KEYS {
            if let Some(text) = (key.get)(&defaults) {
                let mut config = Config::default();
                assert_eq!((key.set)(&mut config, &text), Some(()), "{} {text}", key.name);
                assert_eq!((key.get)(&config), Some(text));
            }
        }
    }

    #[test]
    fn values_are_shown_as_they_read_back() {
        for (name, value, shown) in [
            ("state.memory", "512MB", "512MB"),
            ("state.memory", "1 GiB", "1GiB"),
            ("state.memory", "1000001", "1000001"),
            ("checkpoint.interval", "120s", "2m"),
            ("metrics.address", "9000", "127.0.0.1:9000"),
            ("metrics.address", "localhost:9000", "127.0.0.1:9000"),
            ("metrics.address", "0.0.0.0:9000", "0.0.0.0:9000"),
            ("state.backend", "memory", "memory"),
        ] {
            let key = find(name).expect(name);
            let mut config = Config::default();
            assert_eq!((key.set)(&mut config, value), Some(()), "{name} {value}");
            assert_eq!((key.get)(&config).as_deref(), Some(shown));
            assert_eq!((key.set)(&mut config, shown), Some(()), "{name} {shown}");
            assert_eq!((key.get)(&config).as_deref(), Some(shown));
        }
    }

    #[test]
    fn a_value_out_of_range_is_refused() {
        for (name, values) in [
            ("name", ["", ".x", "a/b", "a b"].as_slice()),
            ("parallelism", &["0", "129", "-1", "1.0", "0x1", "four", "99999999999999999999"]),
            ("batch.size", &["0", "65537"]),
            ("checkpoint.interval", &["9ms", "9999h", "0"]),
            ("checkpoint.retained", &["1", "0", "1001"]),
            ("checkpoint.directory", &["", " "]),
            ("state.backend", &["RocksDB", "disk"]),
            ("state.memory", &["0", "0MB", "-1", "much"]),
            ("metrics.address", &["65536", "example.org:80", "127.0.0.1", ":9000"]),
        ] {
            for value in values {
                let key = find(name).expect(name);
                assert_eq!((key.set)(&mut Config::default(), value), None, "{name} {value}");
            }
        }
    }

    #[test]
    fn sections_are_what_has_keys_below() {
        for section in ["batch", "checkpoint", "state", "state.rocksdb", "metrics"] {
            assert!(is_section(section), "{section}");
        }
        for other in ["", "name", "state.backend", "stat", "state.rocksdb.preset"] {
            assert!(!is_section(other), "{other}");
        }
    }
}
