//! Who set a value.

use serde::{Serialize, Serializer};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// Who set a value: the place to go to in order to change it.
///
/// The last two are where a value comes from that nobody set, in an [`Explanation`](super::Explanation).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Origin {
    /// Nobody.
    Default,
    /// A config file.
    File {
        /// As it was named when the config was loaded.
        #[serde(serialize_with = "as_text")]
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
    /// A preset, for an option that the config leaves to it.
    Preset {
        /// Its name.
        preset: String,
    },
    /// Other values.
    Derived {
        /// Their keys.
        from: String,
    },
}

impl Origin {
    /// As a column of a table has it: `flights.yaml:3`, `environment GRESS__PARALLELISM`, `preset balanced`.
    pub fn place(&self) -> String {
        match self {
            Origin::File { path, line: Some(line) } => format!("{}:{line}", path.display()),
            Origin::Environment { variable } => format!("environment {variable}"),
            other => other.to_string(),
        }
    }
}

/// Paths need not be UTF-8, JSON must.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
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
            Origin::Preset { preset } => write!(f, "preset {preset}"),
            Origin::Derived { from } => write!(f, "derived from {from}"),
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
