//! The `OPTIONS` file that RocksDB writes: what it really runs with.

use std::{collections::BTreeMap, path::Path};

/// Values by key, of the database and of one column family with its table.
pub(crate) struct OptionsFile(BTreeMap<String, String>);

impl OptionsFile {
    /// The newest file of `directory`, and in it the sections of column family `family`.
    pub(crate) fn read(directory: &Path, family: &str) -> Self {
        let names = std::fs::read_dir(directory).expect("the directory can be listed");
        let names = names.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"));
        let newest = names.filter(|name| name.starts_with("OPTIONS-")).max().expect("there is a file of options");
        let text = std::fs::read_to_string(directory.join(newest)).expect("the file can be read");
        let wanted = [
            "DBOptions".into(),
            format!("CFOptions \"{family}\""),
            format!("TableOptions/BlockBasedTable \"{family}\""),
        ];
        let (mut values, mut inside) = (BTreeMap::new(), false);
        for line in text.lines().map(str::trim) {
            if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                inside = wanted.iter().any(|wanted| wanted == section);
            } else if let (true, Some((key, value))) = (inside, line.split_once('=')) {
                values.insert(key.to_owned(), value.to_owned());
            }
        }
        OptionsFile(values)
    }

    pub(crate) fn get(&self, key: &str) -> &str {
        self.0.get(key).unwrap_or_else(|| panic!("the file has `{key}`"))
    }

    /// Asserts that these keys have these values.
    pub(crate) fn assert_has(&self, of: &str, wanted: &[(&str, &str)]) {
        for (key, value) in wanted {
            assert_eq!(self.get(key), *value, "`{key}` of {of}");
        }
    }
}
