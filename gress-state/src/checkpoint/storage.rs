//! Where checkpoints are kept. A small trait, so that a test can put a storage behind it that fails, tears and stalls.

use crate::run::RunInput;
use gress_core::Result;
use std::{fmt::Debug, io::Write};

/// Outcome of a put that must not replace anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// The file is there now, with the content that was given.
    Done,
    /// A file of this name was there before, with other content.
    Exists,
}

/// Files by name, in one flat folder. Called from several threads at once; all calls may block.
///
/// A failed call may have had its effect or a part of it. Callers never retry a put under the same name.
pub trait CheckpointStorage: Debug + Send + Sync {
    /// Creates a file with what `write` writes. When it returns `Ok`, content and name survive a power cut.
    ///
    /// # Errors
    /// A name that is taken, the errors of `write`, and those of the storage.
    fn put(&self, name: &str, write: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<()>;

    /// Creates a file with `content`, whole or not at all, unless one of this name exists. Of two calls for one name at
    /// most one is done, also if they come from two processes. Durable as [`CheckpointStorage::put`].
    ///
    /// # Errors
    /// Those of the storage.
    fn put_if_absent(&self, name: &str, content: &[u8]) -> Result<Put>;

    /// The content of a small file.
    ///
    /// # Errors
    /// A file that is missing, and those of the storage.
    fn read(&self, name: &str) -> Result<Vec<u8>>;

    /// A file, to be read in parts.
    ///
    /// # Errors
    /// As [`CheckpointStorage::read`].
    fn open(&self, name: &str) -> Result<Box<dyn RunInput>>;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// Those of the storage.
    fn list(&self) -> Result<Vec<String>>;

    /// Deletes a file; one that is not there is no error.
    ///
    /// # Errors
    /// Those of the storage.
    fn delete(&self, name: &str) -> Result<()>;

    /// Where a file lies, for people.
    fn locate(&self, name: &str) -> String;
}
