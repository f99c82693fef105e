//! Which directories a job uses, and which cannot be used together.

use super::{Backend, Config, Contradiction, keys::ROCKSDB};
use std::path::{Path, PathBuf};

impl Config {
    /// What `state.rocksdb.path` says, where state goes to RocksDB.
    pub(crate) fn rocksdb_path(&self) -> Option<&Path> {
        let path = self.state.rocksdb.iter().rfind(|setting| setting.key == "path");
        path.filter(|_| self.state.backend == Backend::RocksDb).map(|setting| Path::new(&setting.value))
    }

    /// The directory below which working files go, with the key that says so; `None` for a temporary folder.
    pub(crate) fn working_directory(&self) -> Option<(PathBuf, String)> {
        let path = self.rocksdb_path().map(|path| (path, format!("{ROCKSDB}path")));
        let state = self.state.directory.as_deref().map(|path| (path, String::from("state.directory")));
        let checkpoints = self.checkpoint.directory.as_deref().map(|path| (path, String::from("checkpoint.directory")));
        state.or(path).or(checkpoints).map(|(path, key)| (path.to_owned(), key))
    }
}

/// Whether the directories can stand together.
pub(super) fn check(config: &Config) -> Result<(), Contradiction> {
    let contradiction = |keys: [&str; 2], reason: &str| {
        Err(Contradiction { keys: keys.map(String::from).to_vec(), reason: reason.into() })
    };
    let (checkpoints, state) = (config.checkpoint.directory.as_deref(), config.state.directory.as_deref());
    let (path, path_key) = (config.rocksdb_path(), format!("{ROCKSDB}path"));
    // Working files come and go; among checkpoints that would be dangerous.
    for (working_files, key) in [(state, "state.directory"), (path, &path_key)] {
        if working_files.is_some() && working_files == checkpoints {
            return contradiction(
                ["checkpoint.directory", key],
                "checkpoints and working files need directories of their own",
            );
        }
    }
    match (state, path) {
        (Some(state), Some(path)) if state != path => contradiction(
            ["state.directory", &path_key],
            "both say where working files go, and they go to one place: drop one, or set both to the same directory",
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(settings: &[(&str, &str)]) -> String {
        let code: Vec<_> = settings.iter().map(|(key, value)| (*key, value.to_string())).collect();
        match Config::load_for(None, None, [], &code) {
            Ok(config) => {
                config.working_directory().map_or("-".into(), |(path, key)| format!("{key} {}", path.display()))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn working_files_go_where_the_most_special_key_says() {
        let (checkpoints, state) = (("checkpoint.directory", "/c"), ("state.directory", "/s"));
        let path = ("state.rocksdb.path", "/p");
        assert_eq!(outcome(&[]), "-");
        assert_eq!(outcome(&[checkpoints]), "checkpoint.directory /c");
        assert_eq!(outcome(&[checkpoints, path]), "state.rocksdb.path /p");
        assert_eq!(outcome(&[checkpoints, state]), "state.directory /s");
        assert_eq!(outcome(&[state, ("state.rocksdb.path", "/s")]), "state.directory /s");
    }

    #[test]
    fn two_places_for_working_files_are_refused_where_both_count() {
        let both = [("state.directory", "/s"), ("state.rocksdb.path", "/p")];
        assert_eq!(
            outcome(&both),
            "`state.directory` is `/s`, set in code, and `state.rocksdb.path` is `/p`, set in code: both say where working \
             files go, and they go to one place: drop one, or set both to the same directory"
        );
        assert_eq!(outcome(&[both[0], both[1], ("state.backend", "memory")]), "state.directory /s");
    }

    #[test]
    fn working_files_do_not_lie_among_checkpoints() {
        for key in ["state.directory", "state.rocksdb.path"] {
            let text = outcome(&[("checkpoint.directory", "/a"), (key, "/a/")]);
            assert!(text.ends_with("checkpoints and working files need directories of their own"), "{text}");
            assert!(text.contains(&format!("`{key}` is `/a/`")), "{text}");
        }
    }
}
