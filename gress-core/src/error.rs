//! One error type for all of Gress, in a few kinds that differ in what their reader does next.
//!
//! An [`Error`] says what happened; on its way up the runtime adds where (operator, subtask, event time). It takes any
//! `std::error::Error` by `?`, so that code in operators needs no mapping, and for that reason does not implement
//! `std::error::Error` itself (as in `anyhow`).

use std::{error::Error as StdError, fmt, path::Path};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong and where, in one sentence; `{:?}` adds the causes, one a line.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    what: String,
    /// Innermost first.
    places: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What an error calls for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is unknown, wrong or contradicts another. Mend the file, variable or flag that the text names.
    Config,
    /// The job's graph is wrong: a missing sink, a name used twice. Mend the program at the lines that the text names.
    Job,
    /// Code of the user's failed or panicked. Mend the operator that the text names; the last checkpoint is intact.
    Operator,
    /// A source could not read a record. Mend the input, or set `on_bad_record: skip_and_count`.
    Input,
    /// The file system or the store refused. Mend what the text names (space, permission, descriptors) and start again.
    Storage,
    /// Bytes are not what was written: a checksum, a length or a format does not fit.
    Damaged,
    /// What is stored belongs to something else: another job, input, backend or parallelism. Nothing was changed.
    Refused,
    /// Another process works on the same directory. Stop it, or use another directory.
    Locked,
    /// A replay gave other records than those that are committed already: the job is not deterministic.
    Replay,
    /// A call was given what it cannot take: a key or value beyond the limit, a directory that exists. Mend the call;
    /// nothing was changed.
    Argument,
    /// The backend was closed before the call.
    Closed,
    /// A task cannot go on because another one is gone, whose own error is the cause. A job reports it only where no
    /// cause is known.
    TaskGone,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, what: what.into(), places: Vec::new(), source: None }))
    }

    /// A setting that is unknown, wrong or contradicts another.
    pub fn config(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Config, what)
    }

    /// A graph that cannot be built.
    pub fn job(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Job, what)
    }

    /// An operator that fails, in the user's own words.
    pub fn operator(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Operator, what)
    }

    /// A record or source that cannot be read.
    pub fn input(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Input, what)
    }

    /// A refusal of the file system or store.
    pub fn storage(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Storage, what)
    }

    /// Bytes that are not what was written.
    pub fn damaged(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Damaged, what)
    }

    /// State or output that belongs to something else.
    pub fn refused(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Refused, what)
    }

    /// A call that was given what it cannot take.
    pub fn argument(what: impl Into<String>) -> Self {
        Error::new(ErrorKind::Argument, what)
    }

    /// `operation` on `path` failed: ``cannot create `a/b`: No space left on device``.
    pub fn io(operation: &str, path: &Path, source: std::io::Error) -> Self {
        Error::storage(format!("cannot {operation} `{}`: {source}", path.display())).because(source)
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn because(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// Adds where it happened, from the inside out: ``operator `count`, subtask 1``.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.places.push(place.into());
        self
    }

    /// Which kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The error that caused this one, if one did.
    pub fn source(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }
}

/// Takes any error of user code by `?`.
impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(source: E) -> Self {
        Error::operator(source.to_string()).because(source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in self.0.places.iter().rev() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.0.what)
    }
}

/// What `main` prints when it returns an error: the sentence, then one cause a line.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source().and_then(|source| source.source());
        while let Some(deeper) = cause {
            write!(f, "\n  caused by: {deeper}")?;
            cause = deeper.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stand_before_the_sentence_from_the_outside_in() {
        let error = Error::operator("division by zero").at("operator `divide`, subtask 1").at("job `sums`");
        assert_eq!(error.to_string(), "job `sums`: operator `divide`, subtask 1: division by zero");
    }

    #[test]
    fn user_errors_convert_and_keep_their_source() {
        let fails = || -> Result<u64> { Ok("x".parse::<u64>()?) };
        let error = fails().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Operator);
        assert!(error.source().is_some());
    }
}
