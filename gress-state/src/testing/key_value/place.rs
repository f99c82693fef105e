//! Where one check works: a directory for its states and their copies, and a clock.

use crate::{
    backend::BackendFactory,
    key_value::{KeyAndValue, KeyValueOptions, KeyValueState},
    store::KeyRange,
    testing::Scratch,
    ttl::Ttl,
    wall_clock::ManualWallClock,
};
use gress_core::{Error, ErrorKind, Result, Timestamp};
use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Runs `check` in a place of its own.
#[track_caller]
pub(super) fn at_a_place(factory: &dyn BackendFactory, check: impl FnOnce(&Place<'_>) -> Result<()>) {
    let place = Place { factory, scratch: Scratch::new(), clock: Arc::default(), made: Cell::new(0) };
    if let Err(error) = check(&place) {
        panic!("nothing here should fail: {error:?}");
    }
}

/// A directory and a clock.
pub(super) struct Place<'f> {
    pub(super) factory: &'f dyn BackendFactory,
    scratch: Scratch,
    clock: Arc<ManualWallClock>,
    made: Cell<u32>,
}

/// How a state comes to be opened a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By its directory.
    Reopen,
    /// By a checkpoint.
    Checkpoint,
    /// By a snapshot, restored into an empty state.
    Snapshot,
}

impl Place<'_> {
    /// A path where nothing is.
    pub(super) fn fresh(&self) -> PathBuf {
        self.made.set(self.made.get() + 1);
        self.scratch.path().join(format!("{}", self.made.get()))
    }

    /// An empty directory.
    pub(super) fn folder(&self) -> Result<PathBuf> {
        let path = self.fresh();
        std::fs::create_dir(&path)?;
        Ok(path)
    }

    /// A new state without a time to live.
    pub(super) fn open(&self) -> Result<KeyValueState> {
        self.open_with(self.options(None))
    }

    /// A new state whose entries live for `ttl` by this place's clock.
    pub(super) fn expiring(&self, ttl: Ttl) -> Result<KeyValueState> {
        self.open_with(self.options(Some(ttl)))
    }

    pub(super) fn open_with(&self, options: KeyValueOptions) -> Result<KeyValueState> {
        KeyValueState::open(self.factory, &self.folder()?, options)
    }

    pub(super) fn options(&self, ttl: Option<Ttl>) -> KeyValueOptions {
        KeyValueOptions { ttl, ..KeyValueOptions::default().clock(self.clock.clone()) }
    }

    /// The clock shows `millis` from now on.
    pub(super) fn set(&self, millis: i64) {
        self.clock.set(Timestamp::from_millis(millis));
    }

    /// A new checkpoint of `state`.
    pub(super) fn checkpoint(&self, state: &KeyValueState) -> Result<PathBuf> {
        let path = self.fresh();
        state.create_checkpoint(&path)?;
        Ok(path)
    }

    /// The state that `checkpoint` holds, in a directory of its own.
    pub(super) fn open_checkpoint(&self, checkpoint: &Path, ttl: Option<Ttl>) -> Result<KeyValueState> {
        KeyValueState::open_checkpoint(self.factory, checkpoint, Some(&self.folder()?), self.options(ttl))
    }

    /// The ways to open a state of this factory again: by its directory only if it keeps anything there.
    pub(super) fn ways(&self) -> Result<Vec<Way>> {
        let path = self.folder()?;
        let before = KeyValueState::open(self.factory, &path, self.options(None))?;
        before.put(b"kept", b"")?;
        before.close()?;
        let after = KeyValueState::open(self.factory, &path, self.options(None))?;
        let keeps = after.contains_key(b"kept")?;
        after.close()?;
        Ok([Way::Checkpoint, Way::Snapshot].into_iter().chain(keeps.then_some(Way::Reopen)).collect())
    }

    /// Ends the state in `path` and opens it again, with `ttl`. Gives its new path, too.
    pub(super) fn again(
        &self,
        way: Way,
        (path, state): (PathBuf, KeyValueState),
        ttl: Option<Ttl>,
    ) -> Result<(PathBuf, KeyValueState)> {
        match way {
            Way::Reopen => {
                state.close()?;
                drop(state);
                let state = KeyValueState::open(self.factory, &path, self.options(ttl))?;
                Ok((path, state))
            }
            Way::Checkpoint => {
                let (checkpoint, path) = (self.checkpoint(&state)?, self.folder()?);
                state.close()?;
                let options = self.options(ttl);
                let state = KeyValueState::open_checkpoint(self.factory, &checkpoint, Some(&path), options)?;
                Ok((path, state))
            }
            Way::Snapshot => {
                let stream = snapshot(&state)?;
                state.close()?;
                let path = self.folder()?;
                let state = KeyValueState::open(self.factory, &path, self.options(ttl))?;
                state.restore(&stream[..])?;
                Ok((path, state))
            }
        }
    }

    /// A new state in a directory that is given, too.
    pub(super) fn begin(&self, ttl: Option<Ttl>) -> Result<(PathBuf, KeyValueState)> {
        let path = self.folder()?;
        let state = KeyValueState::open(self.factory, &path, self.options(ttl))?;
        Ok((path, state))
    }
}

/// Every key that there can be.
pub(super) const ALL: KeyRange<'_> = KeyRange { lower: b"", upper: None };

pub(super) fn range<'a>(lower: &'a [u8], upper: &'a [u8]) -> KeyRange<'a> {
    KeyRange { lower, upper: Some(upper) }
}

/// All entries.
pub(super) fn all(state: &KeyValueState) -> Result<Vec<KeyAndValue>> {
    state.iter(ALL).collect()
}

/// All entries, as text.
pub(super) fn text(state: &KeyValueState) -> Result<Vec<String>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(all(state)?.iter().map(|(key, value)| format!("{}={}", text(key), text(value))).collect())
}

pub(super) fn snapshot(state: &KeyValueState) -> Result<Vec<u8>> {
    let mut stream = Vec::new();
    state.snapshot(&mut stream)?;
    Ok(stream)
}

/// Asserts that `outcome` is an error of this kind. Gives its text.
#[track_caller]
pub(super) fn refused<T>(outcome: Result<T>, kind: ErrorKind) -> String {
    let error: Error = match outcome {
        Ok(_) => panic!("{kind:?} is expected, and it is done"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), kind, "{error:?}");
    error.to_string()
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
