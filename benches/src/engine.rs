//! The engines that are compared, and what each is made of.

pub(crate) mod gress;
pub(crate) mod raw_rocksdb;

use gress_core::ByteSize;
use serde::{Deserialize, Serialize};

/// `state.memory` of the jobs on RocksDB: their working sets fit, and what a checkpoint of all of it takes beside them.
pub(crate) const MEMORY: ByteSize = ByteSize(1 << 30);

/// Something that handles the events of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Engine {
    /// What a programmer would write by hand: a loop, over a hash map if there is state.
    Plain,
    /// A job on memory, without checkpoints.
    GressMemory,
    /// A job on memory, with a checkpoint each second.
    GressMemoryCheckpoints,
    /// A job on RocksDB, with a checkpoint each second and [`MEMORY`] of memory.
    GressRocksDb,
    /// A get and a put for each event, without log.
    RawRocksDb,
    /// A sorted multi-get and a write batch for each 1,000 events, without log.
    RawRocksDbBatched,
}

impl Engine {
    /// All engines; ratios are to the first.
    pub(crate) const ALL: [Engine; 6] = [
        Engine::Plain,
        Engine::GressMemory,
        Engine::GressMemoryCheckpoints,
        Engine::GressRocksDb,
        Engine::RawRocksDb,
        Engine::RawRocksDbBatched,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Plain => "plain loop",
            Engine::GressMemory => "Gress, memory, no checkpoints",
            Engine::GressMemoryCheckpoints => "Gress, memory, a checkpoint each second",
            Engine::GressRocksDb => "Gress, RocksDB, a checkpoint each second",
            Engine::RawRocksDb => "raw RocksDB, get + put",
            Engine::RawRocksDbBatched => "raw RocksDB, multi-get + write batch of 1,000",
        }
    }
}
