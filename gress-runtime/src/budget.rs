//! One memory budget for a process: what `state.memory` divides into. Nothing else computes shares.
//!
//! ```text
//!  state.memory ──▶ less explicit sizes ──▶ table of live values   12 of 24   ┐ divided over keyed tasks
//!                                           run writers             2 of 24   ┘
//!                                           block cache             7 of 24   ┐ RocksDB's, for the whole process
//!                                           write buffers           3 of 24   ┘
//! ```
//!
//! On the memory backend table and run writers divide all of it. A part that comes out below its minimum gets the minimum, and
//! the others divide what is left; where minimums and explicit sizes together exceed the budget, it is refused.

#[cfg(feature = "rocksdb")]
mod rocksdb;

use crate::config::{Backend, Config, Contradiction};
use gress_core::ByteSize;

/// Of 24 parts of a budget on RocksDB, and of 14 on memory.
const TABLE_WEIGHT: u64 = 12;
const RUN_WRITERS_WEIGHT: u64 = 2;

/// What the keyed state of a process may take of its memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Parts {
    /// The keyed tasks that share it.
    pub tasks: usize,
    /// All tables of live values together; `None` sets no limit.
    pub table: Option<ByteSize>,
    /// What runs of all tasks may take from the table until they are stored; `None` sets no limit. No setting: the room
    /// that the other parts leave.
    pub run_writers: Option<ByteSize>,
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
}

impl Parts {
    /// The table of one task; at its most where nothing limits it.
    pub(crate) fn table_share_bytes(&self) -> usize {
        self.table.map_or(usize::MAX, |table| self.share_bytes(table))
    }

    /// The runs of one task that are on their way; at its most where nothing limits them.
    pub(crate) fn run_share_bytes(&self) -> usize {
        self.run_writers.map_or(usize::MAX, |run_writers| self.share_bytes(run_writers))
    }

    fn share_bytes(&self, part: ByteSize) -> usize {
        usize::try_from(part.bytes() / self.tasks as u64).unwrap_or(usize::MAX)
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
        Backend::Memory => Ok(without_rocksdb(config.state.memory, tasks)),
        #[cfg(feature = "rocksdb")]
        Backend::RocksDb => rocksdb::divide(config, tasks),
        // A program without RocksDB refuses this backend when it starts.
        #[cfg(not(feature = "rocksdb"))]
        Backend::RocksDb => Ok(without_rocksdb(config.state.memory, tasks)),
    }
}

fn without_rocksdb(budget: Option<ByteSize>, tasks: usize) -> Parts {
    let all = TABLE_WEIGHT + RUN_WRITERS_WEIGHT;
    let run_writers = budget.map(|budget| ByteSize(budget.bytes() / all * RUN_WRITERS_WEIGHT));
    let table = budget.zip(run_writers).map(|(budget, run_writers)| ByteSize(budget.bytes() - run_writers.bytes()));
    Parts { tasks, table, run_writers, rocksdb: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> Config {
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Config::load_for(None, None, [], &settings).expect("a valid config")
    }

    #[test]
    fn on_memory_table_and_run_writers_divide_the_budget_and_none_means_no_limit() {
        let unlimited = divide(&config(&[("state.backend", "memory")]), 4).expect("nothing to divide");
        assert_eq!((unlimited.table, unlimited.table_share_bytes()), (None, usize::MAX));
        assert_eq!((unlimited.run_writers, unlimited.run_share_bytes()), (None, usize::MAX));
        for (memory, tasks, table, runs) in
            [("7MiB", 2, 3 << 20, 1 << 19), ("112KiB", 8, 12 << 10, 2 << 10), ("1", 8, 0, 0), ("1400", 0, 1200, 200)]
        {
            let parts = divide(&config(&[("state.backend", "memory"), ("state.memory", memory)]), tasks);
            let parts = parts.expect("any budget will do");
            assert_eq!((parts.table_share_bytes(), parts.run_share_bytes()), (table, runs), "{memory} over {tasks}");
            assert_eq!(parts.rocksdb, None);
        }
    }
}
