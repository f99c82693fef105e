//! Config files and variables: a config or an error of kind `Config`, and a config explains itself as a file that loads.

use gress_core::ErrorKind;
use gress_runtime::config::Config;
use std::{cell::OnceCell, fs};
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A file; after a zero byte, variables, one a line.
pub fn check(input: &[u8]) {
    let (file, variables) = match input.iter().position(|byte| *byte == 0) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[][..]),
    };
    let variables = String::from_utf8_lossy(variables);
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let variables: Vec<_> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("the temporary folder is writable"));
        let path = folder.path().join("job.yaml");
        fs::write(&path, file).expect("the temporary folder is writable");
        match Config::load(Some(&path), variables, &[]) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Config, "{error}"),
            Ok(config) => {
                let explained = config.settings().iter().map(|setting| format!("{setting}\n")).collect::<String>();
                fs::write(&path, &explained).expect("the temporary folder is writable");
                let again = Config::from_yaml_file(&path).unwrap_or_else(|error| panic!("{error}:\n{explained}"));
                let values =
                    |config: &Config| config.settings().into_iter().map(|s| (s.key, s.value)).collect::<Vec<_>>();
                assert_eq!(values(&again), values(&config), "{explained}");
            }
        }
    });
}

/// Configs of the kind that people write.
pub fn seeds() -> Vec<Vec<u8>> {
    let configs = [
        "name: flights\nparallelism: 2\nbatch: {size: 100}\ncheckpoint:\n  interval: 30s\n  directory: /c\n  retained: 5\n",
        "state:\n  backend: memory\n  memory: 512MB\n  directory: w\n  rocksdb:\n    path: /r\n    preset: low-latency\n",
        "metrics:\n  address: 127.0.0.1:9000\n",
        "a: &a [1, 2]\nb: *a\nname: \"x\\u0041\"\nlist:\n  - - 1\n    - ? k\n      : v\n",
        "name: |\n  text\n  more\nparallelism: 0x10\nbatch.size: 1_000\n--- \n...\n",
        "parallelism: 3\0GRESS__STATE__BACKEND=memory\nGRESS__CHECKPOINT__INTERVAL=1h\ngress__batch__size=7\n",
    ];
    configs.into_iter().map(|config| config.as_bytes().to_vec()).collect()
}
