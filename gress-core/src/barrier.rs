//! The in-band mark of a checkpoint: it divides a stream into what the checkpoint holds and what comes after.

use crate::ids::CheckpointId;

/// The mark of checkpoint `id` in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// The checkpoint that this barrier belongs to.
    pub id: CheckpointId,
    /// What follows it.
    pub kind: BarrierKind,
}

/// What follows a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarrierKind {
    /// The job goes on.
    Periodic,
    /// The job was told to stop: no event follows, and no maximum watermark was sent.
    Stop,
    /// All input has ended and every window has fired: nothing follows.
    Last,
}

impl BarrierKind {
    /// Whether events may follow the barrier.
    pub fn job_goes_on(self) -> bool {
        self == BarrierKind::Periodic
    }
}
