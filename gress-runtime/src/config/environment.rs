//! The layer that environment variables make.

use super::{
    Origin,
    layer::{RawValue, Shape},
};
use gress_core::{Error, Result};
use std::ffi::OsString;

/// Begins the name of each variable that is meant for Gress, in any case.
const PREFIX: &str = "GRESS__";
/// Stands for the dot between the parts of a key.
const SEPARATOR: &str = "__";

/// The `GRESS__…` variables of this process, for [`Config::load`](super::Config::load).
///
/// # Errors
///
/// Of kind `Config` if one of them is not UTF-8; what other variables hold does not matter.
pub fn process_environment() -> Result<Vec<(String, String)>> {
    select(std::env::vars_os())
}

fn select(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>> {
    let ours = variables.filter(|(name, _)| key_part(&name.to_string_lossy()).is_some());
    ours.map(|(name, value)| match (name.into_string(), value.into_string()) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        (Ok(name), Err(_)) => Err(Error::config(format!("environment variable {name} is not valid UTF-8"))),
        (Err(name), _) => Err(Error::config(format!(
            "environment variable {} has a name that is not valid UTF-8",
            name.to_string_lossy()
        ))),
    })
    .collect()
}

/// The variables with the prefix, as raw values; in the order of their names, so that problems are too.
pub(super) fn layer(mut variables: Vec<(String, String)>) -> Vec<RawValue> {
    variables.sort();
    let value = |(variable, value): (String, String)| {
        let key = key_part(&variable)?.to_lowercase().replace(SEPARATOR, ".");
        Some(RawValue { key, shape: Shape::scalar(value), origin: Origin::Environment { variable } })
    };
    variables.into_iter().filter_map(value).collect()
}

/// What follows the prefix.
fn key_part(variable: &str) -> Option<&str> {
    let (prefix, key) = variable.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(variables: &[&str]) -> Vec<String> {
        let variables = variables.iter().map(|name| (name.to_string(), "1".into())).collect();
        layer(variables).into_iter().map(|value| value.key).collect()
    }

    #[test]
    fn two_underscores_are_a_dot_and_one_belongs_to_the_key() {
        assert_eq!(keys(&["GRESS__STATE__ROCKSDB__BLOCK_CACHE_SIZE"]), ["state.rocksdb.block_cache_size"]);
        assert_eq!(keys(&["gress__Parallelism"]), ["parallelism"]);
    }

    #[test]
    fn variables_without_the_prefix_are_not_looked_at() {
        assert!(keys(&["GRESS_LOG", "GRESS", "PATH", "", "XGRESS__NAME", "GRESSÄ_NAME", "ÄÄÄÄ"]).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn only_a_variable_of_ours_has_to_be_utf8() {
        use std::os::unix::ffi::OsStringExt;
        let bad = || OsString::from_vec(vec![0xff]);
        let named = |name: &str| [(OsString::from(name), bad())].into_iter();
        assert_eq!(select(named("OTHER")).expect("not ours"), []);
        let error = select(named("GRESS__NAME")).expect_err("not UTF-8");
        assert_eq!(error.to_string(), "environment variable GRESS__NAME is not valid UTF-8");
        let odd_name = OsString::from_vec(b"GRESS__\xff".to_vec());
        assert!(select([(odd_name, OsString::new())].into_iter()).is_err());
        assert!(select([(bad(), OsString::new())].into_iter()).is_ok());
    }
}
