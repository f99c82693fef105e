//! What `state.backend: memory` turns into.

use crate::{
    backend::{BackendFactory, StateBackend},
    memory::MemoryBackend,
};
use gress_core::Result;
use std::path::Path;

/// Opens memory backends. The directory is left alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryFactory;

impl BackendFactory for MemoryFactory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn open(&self, _directory: &Path) -> Result<Box<dyn StateBackend>> {
        Ok(Box::new(MemoryBackend::default()))
    }

    fn open_copy(&self, copy: &Path, _directory: &Path) -> Result<Box<dyn StateBackend>> {
        Ok(Box::new(MemoryBackend::read_copy(copy)?))
    }
}
