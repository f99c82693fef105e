//! The order of the workspace, as far as the compiler does not hold it: module docs, file names and lengths, the direction
//! of dependencies, and that documents name only what exists.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Longer than any file should be: more than one noun lives in it.
const LINES_MAX: usize = 700;

/// Names that say nothing: whoever wants one of them has not found the name yet.
const JUNK_DRAWERS: [&str; 6] = ["utils", "util", "helpers", "helper", "common", "misc"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace is above this crate")
}

/// A file of the workspace: its path from the root, with `/`, and its text.
struct File {
    path: String,
    text: String,
}

/// Files whose names end in one of `endings`, outside of build output, version control and hidden folders.
fn files(endings: &[&str]) -> Vec<File> {
    let (root, mut folders, mut found) = (root(), vec![root()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the workspace can be read") {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // `target` may be a link to a folder outside, and is not followed either.
            if name == "target" || name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let text = fs::read_to_string(&path).expect("source and documents are UTF-8");
                let path = path.strip_prefix(&root).expect("it lies below the root").to_string_lossy().into_owned();
                found.push(File { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no file ends in {endings:?}: the walk is wrong");
    found
}

fn documents() -> Vec<File> {
    files(&[".md"]).into_iter().filter(|file| !file.path.contains('/') || file.path.starts_with("docs/")).collect()
}

/// Fails with all `problems`, one a line.
fn none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n  {}\n", problems.join("\n  "));
}

#[test]
fn every_module_begins_with_what_it_is() {
    let bare = |file: &File| !file.text.starts_with("//! ");
    none(files(&[".rs"]).iter().filter(|f| bare(f)).map(|f| format!("{} does not begin with `//!`", f.path)).collect());
}

#[test]
fn no_file_is_a_junk_drawer() {
    let stem = |path: &str| Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = |path: &str| path.split('/').any(|part| JUNK_DRAWERS.contains(&part));
    let junk = |file: &&File| JUNK_DRAWERS.contains(&stem(&file.path).as_str()) || folder(&file.path);
    none(files(&[".rs"]).iter().filter(junk).map(|f| format!("{}: name what is in it", f.path)).collect());
}

#[test]
fn no_file_is_longer_than_700_lines() {
    let long = |file: &File| {
        let lines = file.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{} has {lines} lines: which two nouns live in it?", file.path))
    };
    none(files(&[".rs", ".md", ".sh"]).iter().filter_map(long).collect());
}

#[test]
fn every_allowed_lint_has_a_reason() {
    let mut problems = Vec::new();
    for file in files(&[".rs"]) {
        // Put together, so that this line is none itself.
        for begin in ["#[", "#!["].map(|bracket| format!("{bracket}allow(")) {
            for (at, _) in file.text.match_indices(&begin) {
                let end = file.text[at..].find(")]").map_or(file.text.len(), |end| at + end);
                if !file.text[at..end].contains("reason = \"") {
                    let line = file.text[..at].lines().count();
                    problems.push(format!("{}, line {line}: an allowed lint needs a reason", file.path));
                }
            }
        }
    }
    none(problems);
}

/// Names of dependencies of all kinds in a crate's `Cargo.toml`.
fn dependencies(krate: &str) -> BTreeSet<String> {
    let path = root().join(krate).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut names = BTreeSet::new();
    let mut in_dependencies = false;
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            in_dependencies = header.ends_with("dependencies");
            // `[dependencies.name]`
            if let Some((section, name)) = header.rsplit_once('.')
                && section.ends_with("dependencies")
            {
                names.insert(name.to_owned());
            }
        } else if in_dependencies && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            names.extend((!name.is_empty()).then(|| name.trim_matches('"').to_owned()));
            // A renamed package.
            names.extend(
                line.split_once("package = \"").and_then(|(_, rest)| rest.split('"').next()).map(str::to_owned),
            );
        }
    }
    assert!(!names.is_empty(), "{krate} has dependencies: the reading of its Cargo.toml is wrong");
    names
}

#[test]
fn gress_state_names_no_backend_and_core_names_no_gress_crate() {
    let gress = |krate: &str| -> Vec<String> {
        dependencies(krate).into_iter().filter(|name| name.starts_with("gress-") && name != krate).collect()
    };
    assert_eq!(gress("gress-core"), [""; 0]);
    assert_eq!(gress("gress-state"), ["gress-core"]);
    assert_eq!(gress("gress-state-rocksdb"), ["gress-core", "gress-state"]);
    assert_eq!(gress("gress-runtime"), ["gress-core", "gress-state", "gress-state-rocksdb"]);
    assert_eq!(gress("crash-test"), [""; 0], "what judges the library must not share its code");
    for krate in ["gress-core", "gress-state", "gress-runtime"] {
        let names = dependencies(krate);
        assert!(!names.iter().any(|name| matches!(name.as_str(), "rocksdb" | "librocksdb-sys")), "{krate}: {names:?}");
    }
}

/// Its documents may speak of it, its code may not.
#[test]
fn gress_state_has_no_path_into_rocksdb() {
    let state = files(&[".rs"]).into_iter().filter(|file| file.path.starts_with("gress-state/"));
    let code = state.map(|File { path, text }| {
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        (path, text.lines().filter(is_code).map(str::to_owned).collect::<Vec<_>>())
    });
    let names = |line: &String| line.contains("rocksdb::") || line.contains("gress_state_rocksdb");
    none(code.filter(|(_, lines)| lines.iter().any(names)).map(|(path, _)| format!("{path} names RocksDB")).collect());
}

#[test]
fn every_config_key_is_documented() {
    let documents: String = documents().into_iter().filter(|f| f.path.starts_with("docs/")).map(|f| f.text).collect();
    let told = |key: &str| documents.contains(&format!("`{key}`"));
    let known = gress_runtime::config::Config::keys().map(|(key, _)| key);
    none(known.filter(|key| !told(key)).map(|key| format!("no document explains `{key}`")).collect());
}

/// In the table of options they stand without `state.rocksdb.`.
#[cfg(feature = "rocksdb")]
#[test]
fn every_option_of_rocksdb_is_documented() {
    use gress_runtime::config::{BackendOptions, RocksDbOptions};
    let guide = fs::read_to_string(root().join("docs/state-backend.md")).expect("there is a guide");
    let told = |key: &str| ["", "state.rocksdb."].iter().any(|section| guide.contains(&format!("`{section}{key}`")));
    let missing = RocksDbOptions.keys().iter().filter(|key| !told(key));
    none(missing.map(|key| format!("the guide does not explain `state.rocksdb.{key}`")).collect());
}

#[test]
fn links_lead_to_what_exists() {
    let mut problems = Vec::new();
    for File { path, text } in documents() {
        let folder = root().join(&path).parent().expect("a file lies in a folder").to_owned();
        for (_, rest) in text.match_indices("](").map(|(at, _)| text[at..].split_at(2)) {
            let target = rest.split(')').next().unwrap_or_default();
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
            let file = if file.is_empty() { root().join(&path) } else { folder.join(file) };
            let is_there = match (file.exists(), anchor) {
                (true, Some(anchor)) => headings(&file).contains(anchor),
                (exists, _) => exists,
            };
            if !is_there {
                problems.push(format!("{path} links to `{target}`, which is not there"));
            }
        }
    }
    none(problems);
}

/// The anchors of a document's headings.
fn headings(document: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(document).unwrap_or_default();
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let letter = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    headings.map(|heading| heading.chars().filter_map(letter).collect()).collect()
}

#[test]
fn every_code_block_says_its_language_and_none_is_ignored() {
    let mut problems = Vec::new();
    for File { path, text } in documents() {
        let fences = text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("```"));
        for (line, fence) in fences.step_by(2) {
            let language = fence.trim_start().trim_start_matches('`');
            if language.is_empty() || language.contains("ignore") {
                problems.push(format!("{path}, line {}: `{language}`: compile it, or call it `text`", line + 1));
            }
        }
    }
    none(problems);
}

#[test]
fn every_config_in_a_document_loads() {
    let mut problems = Vec::new();
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let file = folder.path().join("job.yaml");
    for File { path, text } in documents() {
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            fs::write(&file, block).expect("the temporary folder is writable");
            if let Err(error) = gress_runtime::config::Config::from_yaml_file(&file) {
                problems.push(format!("{path}: {error}"));
            }
        }
    }
    none(problems);
}

#[test]
fn the_architecture_names_code_and_tests_that_exist() {
    let architecture = fs::read_to_string(root().join("docs/architecture.md")).expect("the architecture is written");
    let code: String = files(&[".rs"]).into_iter().map(|file| file.text).collect();
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    // Pictures have backticks of their own.
    let prose: String = architecture.split("```").step_by(2).collect();
    let paths = quoted(&prose).into_iter().filter(|name| name.ends_with(".rs") && name.contains('/'));
    let mut problems: Vec<_> =
        paths.filter(|path| !root().join(path).exists()).map(|path| format!("there is no `{path}`")).collect();
    let invariants =
        prose.split("## ").find(|section| section.starts_with("Invariants")).expect("there are invariants");
    let is_test = |name: &String| name.matches('_').count() >= 3 && !name.contains(['.', '/', ' ']);
    let tests: Vec<_> = quoted(invariants).into_iter().filter(is_test).collect();
    assert!(tests.len() > 10, "the invariants name the tests that hold them: {tests:?}");
    problems.extend(
        tests.iter().filter(|t| !code.contains(&format!("fn {t}("))).map(|t| format!("there is no test `{t}`")),
    );
    none(problems);
}

/// The names in backticks of a text.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What shows a promise: a test or suite by its function, a benchmark by its command, or a script.
fn is_there(name: &str, code: &str) -> bool {
    match name.strip_prefix("gress-bench -- ") {
        Some(command) => {
            let command = command.split(' ').next().unwrap_or_default();
            root().join(format!("benches/src/command/{command}.rs")).exists()
        }
        None if name.contains('/') => root().join(name).exists(),
        None => code.contains(&format!("fn {name}(")),
    }
}

#[test]
fn every_promise_of_the_state_backend_names_what_shows_it() {
    let guide = fs::read_to_string(root().join("docs/state-backend.md")).expect("there is a guide");
    let promises = guide.split("\n## ").find(|section| section.starts_with("Promises")).expect("there are promises");
    let rows: Vec<_> = promises.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20, "the promises are rows of a table: {rows:?}");
    let code: String = files(&[".rs"]).into_iter().map(|file| file.text).collect();
    let mut problems = Vec::new();
    for row in rows {
        let (promise, shown) = row.trim_matches(['|', ' ']).rsplit_once(" | ").expect("a row has two cells");
        let names = quoted(shown);
        if names.is_empty() {
            problems.push(format!("nothing shows that {promise}"));
        }
        let missing = names.iter().filter(|name| !is_there(name, &code));
        problems.extend(missing.map(|name| format!("there is no `{name}`, which is to show that {promise}")));
    }
    none(problems);
}
