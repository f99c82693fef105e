//! One memory budget for a process: what `state.memory` divides into. Nothing else computes shares.
//!
//! ```text
//!  state.memory ──▶ less explicit sizes ──▶ table of live values   12 of 24   ── divided over keyed tasks
//!                                           block cache             8 of 24   ┐
//!                                           write buffers           3 of 24   ├ RocksDB's, for the whole process
//!                                           run writers             1 of 24   ┘ kept free: set nowhere
//! ```
//!
//! On the memory backend all of it is the table's. A part that comes out below its minimum gets the minimum, and the
//! others divide what is left; where minimums and explicit sizes together exceed the budget, it is refused.

#[cfg(feature = "rocksdb")]
mod rocksdb;

use crate::config::{Backend, Config, Contradiction};
use gress_core::ByteSize;

/// What the keyed state of a process may take of its memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Parts {
    /// The keyed tasks that share it.
    pub tasks: usize,
    /// All tables of live values together; `None` sets no limit.
    pub table: Option<ByteSize>,
    /// What RocksDB gets; `None` on the memory backend.
    pub rocksdb: Option<RocksDbParts>,
}

/// The parts of RocksDB, for all databases of the process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RocksDbParts {
    /// The cache of blocks, index and filters: `block_cache_size`.
    pub block_cache: ByteSize,
    /// All write buffers together: `db_write_buffer_size`, and without such a limit the buffers of one store.
    pub write_buffers: ByteSize,
    /// What runs may take while they are written. No setting: the room that the other parts leave.
    pub run_writers: ByteSize,
}

impl Parts {
    /// The table of one task; at its most where nothing limits it.
    pub(crate) fn table_share_bytes(&self) -> usize {
        let share = |table: ByteSize| usize::try_from(table.bytes() / self.tasks as u64).unwrap_or(usize::MAX);
        self.table.map_or(usize::MAX, share)
    }
}

/// Divides `state.memory` over `tasks` keyed tasks, of which there is at least one. Without it the parts are what the
/// backend has by itself: no limit on memory; on RocksDB its cache and buffers, and a quarter of both for the table.
///
/// # Errors
/// A budget that cannot work, with all parts and what would be valid.
pub(crate) fn divide(config: &Config, tasks: usize) -> Result<Parts, Contradiction> {
    let tasks = tasks.max(1);
    match config.state.backend {
        Backend::Memory => Ok(Parts { tasks, table: config.state.memory, rocksdb: None }),
        #[cfg(feature = "rocksdb")]
        Backend::RocksDb => rocksdb::divide(config, tasks),
        // A program without RocksDB refuses this backend when it starts.
        #[cfg(not(feature = "rocksdb"))]
        Backend::RocksDb => Ok(Parts { tasks, table: config.state.memory, rocksdb: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> Config {
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Config::load_for(None, None, [], &settings).expect("a valid config")
    }

    #[test]
    fn on_memory_all_of_the_budget_is_the_tables_and_none_means_no_limit() {
        let unlimited = divide(&config(&[("state.backend", "memory")]), 4).expect("nothing to divide");
        assert_eq!((unlimited.table, unlimited.table_share_bytes()), (None, usize::MAX));
        for (memory, tasks, share) in [("4MiB", 4, 1 << 20), ("128KiB", 8, 16 << 10), ("1", 8, 0), ("1KiB", 0, 1024)] {
            let parts = divide(&config(&[("state.backend", "memory"), ("state.memory", memory)]), tasks);
            let parts = parts.expect("any budget will do");
            assert_eq!((parts.table_share_bytes(), parts.rocksdb), (share, None), "{memory} over {tasks}");
        }
    }
}
