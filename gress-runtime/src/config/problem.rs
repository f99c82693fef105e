//! What is wrong with a config: collected, so that one run shows all of it, one line a problem.

use gress_core::{Error, Result};

/// Of a value, as many characters are shown as tell what it is.
const SHOWN_CHARS_MAX: usize = 80;
/// A file can hold thousands of wrong keys; nobody reads more than this many lines.
const PROBLEMS_SHOWN_MAX: usize = 50;

/// Problems in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    /// Adds a sentence; whatever it quotes, it stays one line.
    pub(super) fn push(&mut self, sentence: impl AsRef<str>) {
        self.0.push(one_line(sentence.as_ref()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One error that holds all of them, or `value` if there is none.
    pub(super) fn or<T>(self, value: T) -> Result<T> {
        match self.is_empty() {
            true => Ok(value),
            false => Err(self.into_error()),
        }
    }

    /// One error that holds all of them, of which there is at least one.
    pub(super) fn into_error(mut self) -> Error {
        if let Some(more) = self.0.len().checked_sub(PROBLEMS_SHOWN_MAX).filter(|more| *more > 0) {
            self.0.truncate(PROBLEMS_SHOWN_MAX);
            self.0.push(format!("and {more} more problems"));
        }
        Error::config(self.0.join("\n"))
    }
}

/// `text` in backticks, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}…`", &text[..end]),
    }
}

fn one_line(text: &str) -> String {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let shown = |c: char| match is_break(c) {
        true => c.escape_default().collect(),
        false => String::from(c),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_stays_one_line_whatever_it_quotes() {
        let mut problems = Problems::default();
        problems.push(format!("wrong: {}", quoted("a\nb\u{1b}[31m\u{2028}")));
        assert_eq!(problems.or(()).expect_err("one").to_string(), "wrong: `a\\nb\\u{1b}[31m\\u{2028}`");
    }

    #[test]
    fn a_long_value_is_cut_and_a_long_list_ends() {
        assert!(quoted(&"ä".repeat(1_000_000)).chars().count() < 100);
        let mut problems = Problems::default();
        (0..60).for_each(|i| problems.push(i.to_string()));
        let text = problems.or(()).expect_err("sixty").to_string();
        assert_eq!(text.lines().count(), 51);
        assert!(text.ends_with("\nand 10 more problems"));
    }
}
