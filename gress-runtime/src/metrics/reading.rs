//! What a task can be asked for.

use gress_core::StateName;
use gress_state::TableStats;

/// What a task looks like between two steps, beside its counters.
#[derive(Debug, Default)]
pub(crate) struct TaskReading {
    /// Packets in its input channels, and for how many they have room; `None` for a source.
    pub input_packets: Option<(usize, usize)>,
    /// Memory for live values above which it spills.
    pub budget_bytes: Option<usize>,
    pub states: Vec<StateReading>,
}

/// One state of a task.
#[derive(Debug)]
pub(crate) struct StateReading {
    pub name: StateName,
    pub table: TableStats,
    /// Memory of runs that are on their way to checkpoint storage.
    pub storing_bytes: usize,
    /// Runs in the newest checkpoint.
    pub runs: usize,
    /// Their bytes.
    pub checkpoint_bytes: u64,
}
