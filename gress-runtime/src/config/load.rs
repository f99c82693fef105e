//! Lays the layers over each other, and holds the result to the rules.

use super::{
    BackendOptions, Config, Origin, Setting, directories, document, environment,
    keys::{self, KEYS, Key, ROCKSDB},
    layer::{self, RawValue, Shape},
    problem::{Problems, quoted},
    setting::settings,
    suggest,
};
use gress_core::Result;
use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
};

/// File, environment and code over the defaults; see [`Config::load`].
pub(super) fn load(
    options: Option<&dyn BackendOptions>,
    file: Option<&Path>,
    environment: Vec<(String, String)>,
    code: &[(&str, String)],
) -> Result<Config> {
    let document = file.map_or(Ok(Vec::new()), document::read);
    lay_all(options, document, environment, code)
}

/// A file that holds `bytes`, over the defaults, without the way over the disk.
#[cfg(test)]
pub(super) fn load_bytes(path: &Path, bytes: &[u8]) -> Result<Config> {
    lay_all(super::backend_options::of_this_build(), document::parse(path, bytes), Vec::new(), &[])
}

fn lay_all(
    options: Option<&dyn BackendOptions>,
    document: Result<Vec<RawValue>, String>,
    environment: Vec<(String, String)>,
    code: &[(&str, String)],
) -> Result<Config> {
    let mut loading = Loading { options, config: Config::default(), problems: Problems::default() };
    match document {
        Ok(document) => loading.lay(document),
        Err(sentence) => loading.problems.push(sentence),
    }
    loading.lay(environment::layer(environment));
    loading.lay(layer::of_code(code));
    loading.finish()
}

/// The same rules for values that are in place; see [`Config::validate`].
pub(super) fn validate(config: &Config, options: Option<&dyn BackendOptions>) -> Result<()> {
    let mut loading = Loading { options, config: Config::default(), problems: Problems::default() };
    for Setting { key, value, origin } in settings(config) {
        loading.take(RawValue { key, shape: Shape::scalar(value), origin });
    }
    loading.finish().map(drop)
}

/// A config on its way.
struct Loading<'a> {
    options: Option<&'a dyn BackendOptions>,
    config: Config,
    problems: Problems,
}

impl Loading<'_> {
    /// Lays the values of one source over what is there. Within one source no order is meant, so no key may come twice.
    fn lay(&mut self, layer: Vec<RawValue>) {
        let mut first: HashMap<String, Origin> = HashMap::new();
        for value in layer {
            let key = match value.key.strip_prefix(ROCKSDB) {
                Some(name) => format!("{ROCKSDB}{}", canonical(name, self.options)),
                None => value.key.clone(),
            };
            match first.entry(key) {
                Entry::Occupied(first) => {
                    let (key, origin) = (quoted(&value.key), first.get());
                    self.problems.push(format!("{key} is given twice: in {origin} and in {}", value.origin));
                }
                Entry::Vacant(place) => {
                    place.insert(value.origin.clone());
                    self.take(value);
                }
            }
        }
    }

    /// Takes one value, or says why not.
    fn take(&mut self, value: RawValue) {
        if let Some(key) = keys::find(&value.key) {
            self.set(key, value);
        } else if keys::is_section(&value.key) {
            let RawValue { key, shape, origin } = value;
            let below = keys_below(&key, self.options);
            self.problems.push(format!("`{key}` {}, set in {origin}: valid are keys below it: {below}", found(&shape)));
        } else if let Some(name) =
            value.key.strip_prefix(ROCKSDB).map(str::to_owned).filter(|name| self.is_backends(name))
        {
            self.set_backends(name, value);
        } else {
            let RawValue { key, origin, .. } = value;
            let instead = instead_of(&key, self.options);
            self.problems.push(format!("unknown key {} in {origin}: {instead}", quoted(&key)));
        }
    }

    fn is_backends(&self, name: &str) -> bool {
        match self.options {
            Some(options) => options.keys().contains(&name),
            None => !name.is_empty() && !name.contains('.'),
        }
    }

    fn set(&mut self, key: &'static Key, RawValue { shape, origin, .. }: RawValue) {
        let taken = shape.value().and_then(|text| (key.set)(&mut self.config, text));
        match (taken, (key.get)(&self.config)) {
            (Some(()), Some(value)) => self.config.origins.record(key.name, value, origin),
            _ => self.wrong_value(key.name, &shape, &origin, &format!("valid is {}", key.valid)),
        }
    }

    fn set_backends(&mut self, name: String, RawValue { key, shape, origin }: RawValue) {
        let verdict = match (shape.value(), self.options) {
            (None, _) => Err("valid is one value without control characters".to_owned()),
            (Some(_), None) => Ok(()),
            (Some(text), Some(options)) => options.check(&name, text),
        };
        match (verdict, shape) {
            (Ok(()), Shape::Scalar(value)) => {
                let options = self.options;
                let settings = &mut self.config.state.rocksdb;
                settings.retain(|setting| canonical(&setting.key, options) != canonical(&name, options));
                settings.push(Setting { key: name, value, origin });
            }
            (verdict, shape) => self.wrong_value(&key, &shape, &origin, &verdict.err().unwrap_or_default()),
        }
    }

    fn wrong_value(&mut self, key: &str, shape: &Shape, origin: &Origin, valid: &str) {
        self.problems.push(format!("{} {}, set in {origin}: {valid}", quoted(key), found(shape)));
    }

    /// Looks at the values together, once each is right by itself.
    fn finish(mut self) -> Result<Config> {
        if self.problems.is_empty() {
            let backends = self.options.map_or(Ok(()), |options| options.check_together(&self.config));
            for contradiction in [directories::check(&self.config), backends].into_iter().filter_map(Result::err) {
                self.problems.push(contradiction.sentence(&settings(&self.config)));
            }
        }
        self.problems.or(self.config)
    }
}

impl Shape {
    /// The text that can be a value. Control characters can be none: a path with a zero byte, a name with a line break.
    fn value(&self) -> Option<&str> {
        match self {
            Shape::Scalar(text) if !text.chars().any(char::is_control) => Some(text),
            _ => None,
        }
    }
}

/// One name for all spellings of a key of the backend.
fn canonical<'k>(name: &'k str, options: Option<&dyn BackendOptions>) -> &'k str {
    options.map_or(name, |options| options.canonical(name))
}

/// What stands at a key, as the predicate of a sentence.
fn found(shape: &Shape) -> String {
    match shape {
        Shape::Scalar(text) => format!("is {}", quoted(text)),
        Shape::Mapping => "is a mapping".into(),
        Shape::List => "is a list".into(),
        Shape::Empty => "is empty".into(),
    }
}

/// The known key that was most likely meant, else what is known.
fn instead_of(key: &str, options: Option<&dyn BackendOptions>) -> String {
    let known = all_keys(options);
    let sections = known.iter().filter_map(|key| key.rsplit_once('.')).map(|(section, _)| section);
    match suggest::nearest(key, known.iter().map(String::as_str).chain(sections)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let section = key.rmatch_indices('.').map(|(dot, _)| &key[..dot]).find(|section| keys::is_section(section));
            format!("valid are {}", keys_below(section.unwrap_or(""), options))
        }
    }
}

/// The keys of `section`, or of all, for an error.
fn keys_below(section: &str, options: Option<&dyn BackendOptions>) -> String {
    let below =
        |key: &String| section.is_empty() || key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
    let names: Vec<_> = all_keys(options).into_iter().filter(below).map(|key| format!("`{key}`")).collect();
    names.join(", ")
}

fn all_keys(options: Option<&dyn BackendOptions>) -> Vec<String> {
    let backends = options.map_or(&keys::ROCKSDB_ALWAYS[..], |options| options.keys());
    let backends = backends.iter().map(|name| format!("{ROCKSDB}{name}"));
    KEYS.iter().map(|key| key.name.to_owned()).chain(backends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Backend, Contradiction};
    use gress_core::{ByteSize, Error, ErrorKind};
    use std::{fs, time::Duration};

    /// A backend with two switches that exclude each other.
    #[derive(Debug)]
    struct Fake;

    impl BackendOptions for Fake {
        fn keys(&self) -> &[&str] {
            &["preset", "path", "allow_mmap_reads", "mmap", "use_direct_reads"]
        }

        fn check(&self, key: &str, value: &str) -> Result<(), String> {
            match (key, value) {
                ("path", _) | ("preset", "balanced" | "low-latency") | (_, "true" | "false") => Ok(()),
                ("preset", _) => Err("valid is `balanced` or `low-latency`".into()),
                _ => Err("valid is `true` or `false`".into()),
            }
        }

        fn canonical<'k>(&self, key: &'k str) -> &'k str {
            if key == "mmap" { "allow_mmap_reads" } else { key }
        }

        fn check_together(&self, config: &Config) -> Result<(), Contradiction> {
            let (settings, memory) = (&config.state.rocksdb, config.state.memory);
            let on = |key| settings.iter().any(|setting| setting.key == key && setting.value == "true");
            let contradiction = |keys: &[&str], reason: &str| {
                let keys = keys.iter().map(|key| key.to_string()).collect();
                Err(Contradiction { keys, reason: reason.into() })
            };
            if on("allow_mmap_reads") && on("use_direct_reads") {
                return contradiction(
                    &["state.rocksdb.allow_mmap_reads", "state.rocksdb.use_direct_reads"],
                    "memory-mapped and direct reads exclude each other",
                );
            }
            match memory {
                Some(budget) if budget < ByteSize::mib(1) => contradiction(&["state.memory"], "the preset needs 1MiB"),
                _ => Ok(()),
            }
        }
    }

    /// Loads with everything given as text; a file's folder is cut from errors.
    fn load_all(file: &str, environment: &[(&str, &str)], code: &[(&str, &str)]) -> Result<Config> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flights.yaml");
        fs::write(&path, file).expect("written");
        let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let code: Vec<_> = code.iter().map(|(key, value)| (*key, value.to_string())).collect();
        Config::load_for(Some(&Fake), Some(&path), environment, &code).map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::Config);
            Error::config(error.to_string().replace(&format!("{}/", folder.path().display()), ""))
        })
    }

    fn refusal(file: &str) -> String {
        load_all(file, &[], &[]).expect_err(file).to_string()
    }

    #[test]
    fn the_file_of_the_guide_loads() {
        let config = load_all(
            "name: flights\nparallelism: 2\nbatch: {size: 100}\ncheckpoint:\n  interval: 30s\n  directory: /c\n  \
             retained: 5\nstate:\n  backend: memory\n  memory: 512MB\n  directory: w\n  rocksdb:\n    path: /r\n    preset: \
             low-latency\n    allow_mmap_reads: true\nmetrics:\n  address: 127.0.0.1:9000\n",
            &[],
            &[],
        )
        .expect("valid");
        assert_eq!((config.name.as_str(), config.parallelism, config.batch.size), ("flights", 2, 100));
        assert_eq!(config.checkpoint.interval, Duration::from_secs(30));
        assert_eq!(config.checkpoint.directory.as_deref(), Some(Path::new("/c")));
        assert_eq!((config.state.backend, config.state.memory), (Backend::Memory, Some(ByteSize(512_000_000))));
        assert_eq!(config.metrics.address, "127.0.0.1:9000".parse().ok());
        let settings: Vec<_> = config.state.rocksdb.iter().map(|s| (s.key.as_str(), s.value.as_str())).collect();
        assert_eq!(settings, [("path", "/r"), ("preset", "low-latency"), ("allow_mmap_reads", "true")]);
    }

    #[test]
    fn code_goes_over_environment_over_file_over_default() {
        let file = "parallelism: 2\nbatch.size: 2\ncheckpoint.retained: 2\nstate.rocksdb.preset: balanced\n";
        let environment =
            [("GRESS__BATCH__SIZE", "3"), ("gress__state__rocksdb__preset", "low-latency"), ("HOME", "/")];
        let environment = [environment.as_slice(), &[("GRESS__CHECKPOINT__RETAINED", "3")]].concat();
        let config = load_all(file, &environment, &[("checkpoint.retained", "4")]).expect("valid");
        assert_eq!((config.parallelism, config.batch.size, config.checkpoint.retained), (2, 3, 4));
        let origins: Vec<_> = config.settings().into_iter().map(|s| (s.key, s.origin)).collect();
        let of = |key: &str| origins.iter().find(|(k, _)| k == key).map(|(_, origin)| origin.clone());
        assert!(matches!(of("parallelism"), Some(Origin::File { line: Some(1), .. })));
        assert_eq!(of("batch.size"), Some(Origin::Environment { variable: "GRESS__BATCH__SIZE".into() }));
        assert_eq!(of("checkpoint.retained"), Some(Origin::Code));
        assert_eq!(of("checkpoint.interval"), Some(Origin::Default));
        let variable = "gress__state__rocksdb__preset".into();
        assert_eq!(of("state.rocksdb.preset"), Some(Origin::Environment { variable }));
        assert_eq!(config.state.rocksdb.len(), 1);
    }

    #[test]
    fn an_unknown_key_names_its_place_and_the_nearest_known_key() {
        for (file, error) in [
            (
                "state:\n  rocksdb:\n    presett: x\n",
                "unknown key `state.rocksdb.presett` in flights.yaml, line 3: did you mean `state.rocksdb.preset`?",
            ),
            ("sttae: {backend: memory}\n", "unknown key `sttae` in flights.yaml, line 1: did you mean `state`?"),
            ("retained: 3\n", "unknown key `retained` in flights.yaml, line 1: did you mean `checkpoint.retained`?"),
            ("batch.windows: 3\n", "unknown key `batch.windows` in flights.yaml, line 1: valid are `batch.size`"),
        ] {
            assert_eq!(refusal(file), error);
        }
        let error = load_all("", &[("GRESS__PARALELISM", "secret")], &[]).expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "unknown key `paralelism` in environment variable GRESS__PARALELISM: did you mean `parallelism`?"
        );
        let error = load_all("", &[], &[("batch.sise", "1")]).expect_err("unknown");
        assert_eq!(error.to_string(), "unknown key `batch.sise` in code: did you mean `batch.size`?");
    }

    #[test]
    fn a_wrong_value_names_place_key_value_and_what_is_valid() {
        for (file, error) in [
            (
                "\nparallelism: 0",
                "`parallelism` is `0`, set in flights.yaml, line 2: valid is a whole number from 1 to 128",
            ),
            (
                "parallelism: [1]",
                "`parallelism` is a list, set in flights.yaml, line 1: valid is a whole number from 1 to 128",
            ),
            (
                "state.backend: {memory: 1}",
                "`state.backend` is a mapping, set in flights.yaml, line 1: valid is `memory` or `rocksdb`",
            ),
            (
                "name:",
                "`name` is empty, set in flights.yaml, line 1: valid is 1 to 64 ASCII letters, digits, `-`, `_` or `.`, not beginning with `.`",
            ),
            (
                "state.directory: \"a\\0b\"",
                "`state.directory` is `a\\u{0}b`, set in flights.yaml, line 1: valid is the path of a directory",
            ),
            ("batch: 5", "`batch` is `5`, set in flights.yaml, line 1: valid are keys below it: `batch.size`"),
            (
                "state.rocksdb.preset: fast",
                "`state.rocksdb.preset` is `fast`, set in flights.yaml, line 1: valid is `balanced` or `low-latency`",
            ),
        ] {
            assert_eq!(refusal(file), error);
        }
        let error = load_all("", &[("GRESS__STATE__MEMORY", "0")], &[("checkpoint.retained", "1")]).expect_err("two");
        assert_eq!(
            error.to_string(),
            "`state.memory` is `0`, set in environment variable GRESS__STATE__MEMORY: valid is a size above 0, in bytes \
             (`134217728`) or with a unit (`512MB`, `512MiB`)\n`checkpoint.retained` is `1`, set in code: valid is a whole \
             number from 2 to 1000 (a damaged checkpoint needs one before it)"
        );
    }

    #[test]
    fn a_wrong_value_is_a_problem_also_where_another_one_overrides_it() {
        let error = load_all("parallelism: 0\n", &[("GRESS__PARALLELISM", "2")], &[]).expect_err("wrong");
        assert!(error.to_string().contains("flights.yaml, line 1"));
    }

    #[test]
    fn a_key_that_one_source_gives_twice_is_ambiguous() {
        let error = load_all("", &[("GRESS__NAME", "a"), ("gress__name", "a")], &[]).expect_err("twice");
        let sentence =
            "`name` is given twice: in environment variable GRESS__NAME and in environment variable gress__name";
        assert_eq!(error.to_string(), sentence);
        assert!(load_all("", &[], &[("name", "a"), ("name", "b")]).is_err());
        assert_eq!(refusal("name: a\nname: b\n"), "flights.yaml, line 2: `name` is given twice, first in line 1");
    }

    #[test]
    fn two_spellings_of_a_key_are_one_key() {
        let file = "state.rocksdb: {mmap: true, allow_mmap_reads: false}";
        let twice = "`state.rocksdb.mmap` is given twice: in flights.yaml, line 1 and in flights.yaml, line 1";
        assert_eq!(refusal(file), twice);
        let over = load_all("state.rocksdb.allow_mmap_reads: false", &[], &[("state.rocksdb.mmap", "true")]);
        let settings = over.expect("code goes over the file").state.rocksdb;
        assert_eq!((settings.len(), settings[0].value.as_str()), (1, "true"));
    }

    #[test]
    fn values_that_exclude_each_other_are_named_with_their_places() {
        let error = load_all(
            "state.rocksdb.allow_mmap_reads: true",
            &[("GRESS__STATE__ROCKSDB__USE_DIRECT_READS", "true")],
            &[],
        );
        assert_eq!(
            error.expect_err("contradiction").to_string(),
            "`state.rocksdb.allow_mmap_reads` is `true`, set in flights.yaml, line 1, and `state.rocksdb.use_direct_reads` is \
             `true`, set in environment variable GRESS__STATE__ROCKSDB__USE_DIRECT_READS: memory-mapped and direct reads \
             exclude each other"
        );
        assert_eq!(
            refusal("state.directory: /a/\ncheckpoint.directory: /a\n"),
            "`checkpoint.directory` is `/a`, set in flights.yaml, line 2, and `state.directory` is `/a/`, set in flights.yaml, \
             line 1: checkpoints and working files need directories of their own"
        );
        assert!(refusal("state.memory: 1KiB").ends_with("the preset needs 1MiB"));
    }

    #[test]
    fn without_a_backend_to_ask_its_settings_are_taken_unchecked() {
        let set = |key, value: &str| Config::load_for(None, None, [], &[(key, value.to_string())]);
        assert_eq!(set("state.rocksdb.anything", "x").expect("unchecked").state.rocksdb[0].key, "anything");
        for key in ["state.rocksdb.", "state.rocksdb.a.b", "state.rocksdb"] {
            assert!(set(key, "x").is_err(), "{key}");
        }
        assert!(set("state.rocksdb.anything", "").is_err());
    }

    #[test]
    fn rocksdb_settings_may_stay_in_a_job_on_the_memory_backend() {
        let config = load_all("state: {backend: memory, rocksdb: {preset: balanced}}", &[], &[]).expect("valid");
        assert_eq!((config.state.backend, config.state.rocksdb.len()), (Backend::Memory, 1));
        assert!(load_all("state: {backend: memory, rocksdb: {preset: fast}}", &[], &[]).is_err());
    }

    #[test]
    fn fields_that_code_fills_are_held_to_the_same_rules() {
        let config = Config { parallelism: 0, ..Config::default() };
        let error = config.validate(None).expect_err("out of range");
        assert_eq!(error.to_string(), "`parallelism` is `0`, set in code: valid is a whole number from 1 to 128");
        let mut config = load_all("state.rocksdb.preset: balanced", &[], &[]).expect("valid");
        assert!(config.validate(Some(&Fake)).is_ok());
        config.checkpoint.directory = Some("/a".into());
        config.state.directory = Some("/a".into());
        assert_eq!(config.validate(Some(&Fake)).map_err(|error| error.kind()), Err(ErrorKind::Config));
    }
}
