//! The memory backend: sorted maps, with nothing on disk.
//!
//! The backend to begin with, to test with, and for state that fits. It is behind the same table, runs and checkpoints as
//! any other, so a job changes to a backend on disk by one line of its config.
//!
//! ```text
//!  MemoryFactory ──open──▶ MemoryBackend ──open_store──▶ MemoryStore
//!                              └── one shared map a store ──┘   views of it for snapshots
//! ```

mod backend;
mod content;
mod factory;
mod store;
mod view;

pub use backend::MemoryBackend;
pub use factory::MemoryFactory;
pub use store::MemoryStore;

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::MemoryFactory;

    #[test]
    fn the_memory_backend_conforms() {
        crate::testing::backend_conformance(&MemoryFactory);
    }
}
