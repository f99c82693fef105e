//! The built examples.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::SystemTime,
};

const ADVICE: &str = "`cargo test -p gress-examples` builds it; who runs `--test it` alone must build examples first";

static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| find("flights"));

/// The path of the job's program.
pub(crate) fn program() -> &'static Path {
    PROGRAM.as_ref().unwrap_or_else(|what| panic!("{what}: {ADVICE}"))
}

/// The path of another example.
#[cfg(feature = "rocksdb")]
pub(crate) fn example(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|what| panic!("{what}: {ADVICE}"))
}

/// Cargo builds examples before the integration tests of their package, in a folder beside theirs, but not when it is
/// asked for one test alone. An old program must not pass for the one that the sources say.
fn find(example: &str) -> Result<PathBuf, String> {
    let tests = std::env::current_exe().expect("a test knows where its program is");
    let examples = tests.parent().and_then(Path::parent).expect("it stands in target/<profile>/deps").join("examples");
    let program = examples.join(example);
    if !program.exists() {
        return Err(format!("{} is missing", program.display()));
    }
    let (built, tests_built) = (modified(&program), modified(&tests));
    // What was changed after the tests were built is the next build's business.
    let missed = |source: &&str| {
        let changed = modified(Path::new(source));
        built < changed && changed < tests_built
    };
    let sources = fs::read_to_string(examples.join(format!("{example}.d"))).unwrap_or_default();
    match sources.split_whitespace().skip(1).find(missed) {
        Some(source) => Err(format!("{} is older than {source}", program.display())),
        None => Ok(program),
    }
}

/// Of what does not exist, no time.
fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
