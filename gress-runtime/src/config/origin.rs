//! Who set a value.

use std::{collections::BTreeMap, fmt, path::PathBuf};

/// Who set a value: the place to go to in order to change it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Nobody.
    Default,
    /// A config file.
    File {
        /// As it was named when the config was loaded.
        path: PathBuf,
        /// Counted from 1.
        line: Option<usize>,
    },
    /// An environment variable.
    Environment {
        /// Its name, as it is spelled there.
        variable: String,
    },
    /// The program, or a flag that it takes.
    Code,
}

/// Reads on after "set in": `flights.yaml, line 3`, `environment variable GRESS__PARALLELISM`, `code`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line: None } => write!(f, "{}", path.display()),
            Origin::File { path, line: Some(line) } => write!(f, "{}, line {line}", path.display()),
            Origin::Environment { variable } => write!(f, "environment variable {variable}"),
            Origin::Code => f.write_str("code"),
        }
    }
}

/// The origin of each value that a config was loaded with. Opaque; the default remembers nothing.
///
/// The fields of a config are open, so an origin is kept together with the value it belongs to: once the value is
/// another one, code has changed it.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<&'static str, (String, Origin)>);

impl Origins {
    /// Remembers that `origin` gave `key` the value `value`.
    pub(super) fn record(&mut self, key: &'static str, value: String, origin: Origin) {
        self.0.insert(key, (value, origin));
    }

    /// Who gave `key` the value `value`, if `default` is what it has by itself.
    pub(super) fn of(&self, key: &str, value: &str, default: Option<&str>) -> Origin {
        match self.0.get(key) {
            Some((recorded, origin)) if recorded == value => origin.clone(),
            None if default == Some(value) => Origin::Default,
            _ => Origin::Code,
        }
    }
}
