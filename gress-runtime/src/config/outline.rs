//! A first pass over a YAML text that builds nothing: it finds the line of each key, and refuses what is unsafe to build.
//!
//! The pass that builds values (`document`) copies what an alias names, so that a few hundred bytes can become gigabytes,
//! and calls itself once a level, so that a line of brackets can end the process. It also forgets lines, and how a number
//! was spelled. Parser events have none of these traits.

use super::problem::quoted;
use std::{collections::HashMap, mem};
use yaml_rust2::{
    Event,
    parser::Parser,
    scanner::{Marker, ScanError},
};

/// Known keys are three levels deep; a deeper file is no config, and this is far below what the stack bears.
const DEPTH_MAX: usize = 16;
/// Several times as many as are known: each wrong one costs a search for the nearest.
const KEYS_MAX: usize = 1000;

/// The keys of a document, dotted, with what only the text knows about them.
#[derive(Debug, Default)]
pub(super) struct Outline {
    entries: HashMap<String, Entry>,
}

/// What the text knows of one key.
#[derive(Debug)]
pub(super) struct Entry {
    /// Counted from 1.
    pub(super) line: usize,
    /// The scalar at this key as it was spelled: `007`, not 7.
    pub(super) spelling: Option<String>,
}

/// Why a text is not taken at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Counted from 1.
    pub(super) line: usize,
    /// A sentence without the file's name.
    pub(super) what: String,
}

impl Outline {
    pub(super) fn of(text: &str) -> Result<Self, Flaw> {
        let mut parser = Parser::new_from_str(text);
        let mut pass = Pass::default();
        loop {
            match parser.next_token()? {
                (Event::StreamEnd, _) => return Ok(pass.outline),
                (event, mark) => pass.take(event, mark)?,
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Whether the document holds no key, such as one of comments alone.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Where the pass stands.
#[derive(Default)]
struct Pass {
    outline: Outline,
    /// The collections that are open, from the outside in.
    open: Vec<Open>,
    has_document: bool,
}

enum Open {
    /// A mapping whose keys begin with `prefix`; `key` is the one whose value comes next.
    Mapping { prefix: String, key: Option<String> },
    /// A list; what it holds has no key.
    List,
}

impl Pass {
    fn take(&mut self, event: Event, mark: Marker) -> Result<(), Flaw> {
        match event {
            Event::Alias(_) => flaw(mark, "an alias (`*name`) is not taken: write the value out"),
            Event::DocumentStart if mem::replace(&mut self.has_document, true) => {
                flaw(mark, "a second document (`---`) is not taken: a config is one document")
            }
            Event::Scalar(text, ..) => self.scalar(text, mark),
            Event::SequenceStart(..) => {
                if self.open.is_empty() {
                    return flaw(mark, "a list is not a config: valid are keys with values, such as `parallelism: 4`");
                }
                self.value_key(mark)?;
                self.enter(Open::List, mark)
            }
            Event::MappingStart(..) => {
                let key = self.value_key(mark)?;
                let prefix = key.map_or_else(String::new, |key| key + ".");
                self.enter(Open::Mapping { prefix, key: None }, mark)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A key, a value or an element of a list.
    fn scalar(&mut self, text: String, mark: Marker) -> Result<(), Flaw> {
        match self.open.last_mut() {
            Some(Open::Mapping { prefix, key: key @ None }) => {
                if text.is_empty() || text == "~" {
                    return flaw(mark, "a key is empty");
                }
                let path = format!("{prefix}{text}");
                let entry = Entry { line: mark.line(), spelling: None };
                if let Some(before) = self.outline.entries.insert(path.clone(), entry) {
                    let key = quoted(&path);
                    return flaw(mark, &format!("{key} is given twice, first in line {}", before.line));
                }
                *key = Some(path);
                match self.outline.entries.len() > KEYS_MAX {
                    true => flaw(mark, &format!("more than {KEYS_MAX} keys: that is no config file")),
                    false => Ok(()),
                }
            }
            Some(_) => {
                if let Some(entry) = self.value_key(mark)?.and_then(|key| self.outline.entries.get_mut(&key)) {
                    entry.spelling = Some(text);
                }
                Ok(())
            }
            None if matches!(text.as_str(), "" | "~" | "null") => Ok(()),
            None => flaw(
                mark,
                &format!("{} is not a config: valid are keys with values, such as `parallelism: 4`", quoted(&text)),
            ),
        }
    }

    /// The key whose value begins here, if it has one.
    fn value_key(&mut self, mark: Marker) -> Result<Option<String>, Flaw> {
        match self.open.last_mut() {
            Some(Open::Mapping { key, .. }) if key.is_none() => flaw(mark, "a key is a list or mapping: valid is text"),
            Some(Open::Mapping { key, .. }) => Ok(key.take()),
            Some(Open::List) | None => Ok(None),
        }
    }

    fn enter(&mut self, collection: Open, mark: Marker) -> Result<(), Flaw> {
        self.open.push(collection);
        match self.open.len() > DEPTH_MAX {
            true => flaw(mark, &format!("nested deeper than {DEPTH_MAX} levels")),
            false => Ok(()),
        }
    }
}

fn flaw<T>(mark: Marker, what: &str) -> Result<T, Flaw> {
    Err(Flaw { line: mark.line(), what: what.to_owned() })
}

impl From<ScanError> for Flaw {
    fn from(error: ScanError) -> Self {
        Flaw { line: error.marker().line(), what: format!("not valid YAML: {}", error.info()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (usize, String) {
        let flaw = Outline::of(text).expect_err(text);
        (flaw.line, flaw.what)
    }

    #[test]
    fn each_key_has_its_line_and_spelling() {
        let outline = Outline::of("name: 007\n\nstate:\n  # the store\n  rocksdb: {preset: 'a'}\n").expect("YAML");
        let entry = |key| outline.get(key).map(|entry| (entry.line, entry.spelling.clone()));
        assert_eq!(entry("name"), Some((1, Some("007".into()))));
        assert_eq!(entry("state"), Some((3, None)));
        assert_eq!(entry("state.rocksdb.preset"), Some((5, Some("a".into()))));
    }

    #[test]
    fn a_key_that_is_given_twice_is_refused_also_if_one_is_dotted() {
        let (line, what) = refusal("state:\n  memory: 1GB\nstate.memory: 2GB\n");
        assert_eq!((line, what.as_str()), (3, "`state.memory` is given twice, first in line 2"));
        assert_eq!(refusal("name: a\nname: a").0, 2);
    }

    #[test]
    fn an_alias_is_refused_before_it_is_copied() {
        let (line, what) = refusal("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]");
        assert_eq!(line, 2);
        assert!(what.contains("alias"), "{what}");
    }

    #[test]
    fn deep_nesting_is_refused_before_the_stack_ends() {
        for text in [format!("a: {}", "[".repeat(500_000)), format!("a:\n  {}", "- ".repeat(500_000))] {
            let (_, what) = refusal(&text);
            assert!(what.contains("nested") || what.contains("recursion"), "{what}");
        }
    }

    #[test]
    fn what_is_no_mapping_of_text_is_refused_with_its_line() {
        for (text, line) in [
            ("- a\n", 1),
            ("\nrocksdb\n", 2),
            ("a: 1\n---\nb: 2\n", 2),
            ("a: 1\n? [x]\n: 2\n", 2),
            ("a: 1\n: 2\n", 2),
            ("a: 1\nb: [\n", 3),
            ("a: \"\\q\"\n", 1),
        ] {
            assert_eq!(refusal(text).0, line, "{text:?}");
        }
    }

    #[test]
    fn a_text_without_keys_has_an_empty_outline() {
        for text in ["", "\n", "# only this\n", "---\n", "~", "null", "---\n...\n"] {
            assert!(Outline::of(text).expect(text).is_empty(), "{text:?}");
        }
    }
}
