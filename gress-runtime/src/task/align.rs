//! Watermark minimum and barrier alignment over the inputs of a task: a pure state machine.
//!
//! An input that has delivered the barrier is not read until all have: so the sealed state holds exactly what stood
//! before the barrier on every input.

use gress_core::{Barrier, Error, Result, Timestamp};

/// The inputs of one task.
#[derive(Debug)]
pub(crate) struct Gate {
    ports: Vec<Port>,
    watermark: Timestamp,
    aligning: Option<Barrier>,
}

#[derive(Debug)]
struct Port {
    watermark: Timestamp,
    /// Has delivered the barrier that is aligning.
    blocked: bool,
    /// Has delivered its end: only barriers follow.
    ended: bool,
    /// Nothing follows.
    closed: bool,
}

impl Gate {
    /// Inputs that have all come to `watermark` before.
    pub(crate) fn new(ports: usize, watermark: Timestamp) -> Self {
        let port = || Port { watermark, blocked: false, ended: false, closed: false };
        Gate { ports: (0..ports).map(|_| port()).collect(), watermark, aligning: None }
    }

    /// The least watermark of all inputs.
    #[inline]
    pub(crate) fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Moves an input's watermark; one that falls is ignored. `true` if the task's watermark moved.
    #[inline]
    pub(crate) fn advance(&mut self, port: usize, watermark: Timestamp) -> bool {
        if watermark <= self.ports[port].watermark {
            return false;
        }
        self.ports[port].watermark = watermark;
        let least = self.ports.iter().map(|p| p.watermark).min().unwrap_or(watermark);
        let moved = least > self.watermark;
        self.watermark = self.watermark.max(least);
        moved
    }

    /// Takes a barrier of an input; gives it back once every input has delivered it.
    pub(crate) fn barrier(&mut self, port: usize, barrier: Barrier) -> Result<Option<Barrier>> {
        if self.aligning.is_some_and(|aligning| aligning != barrier) || self.ports[port].blocked {
            let aligning = self.aligning.map_or("none".to_owned(), |b| b.id.to_string());
            return Err(Error::job(format!("barrier {} arrived while {aligning} was aligning", barrier.id)));
        }
        self.aligning = Some(barrier);
        self.ports[port].blocked = true;
        if !self.ports.iter().all(|p| p.blocked) {
            return Ok(None);
        }
        for port in &mut self.ports {
            port.blocked = false;
            port.closed = !barrier.kind.job_goes_on();
        }
        Ok(self.aligning.take())
    }

    /// Takes the end of an input; `true` once every input has ended. Where there are no checkpoints, `closes` says that
    /// no barrier follows either.
    pub(crate) fn end(&mut self, port: usize, closes: bool) -> bool {
        self.ports[port].ended = true;
        self.ports[port].closed = closes;
        self.ports.iter().all(|p| p.ended)
    }

    /// Whether an input may be read.
    pub(crate) fn readable(&self, port: usize) -> bool {
        !self.ports[port].blocked && !self.ports[port].closed
    }

    /// The number of inputs.
    pub(crate) fn ports(&self) -> usize {
        self.ports.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gress_core::{BarrierKind, CheckpointId};

    fn barrier(id: u64, kind: BarrierKind) -> Barrier {
        Barrier { id: CheckpointId(id), kind }
    }

    // Conformance case 66.
    #[test]
    fn the_watermark_is_the_least_over_all_inputs() {
        let mut gate = Gate::new(3, Timestamp::MIN);
        let at = Timestamp::from_millis;
        (0..3).for_each(|port| _ = gate.advance(port, at(0)));
        assert!(!gate.advance(0, at(12)));
        assert!(!gate.advance(2, at(10)));
        assert!(gate.advance(1, at(15)));
        assert_eq!(gate.watermark(), at(10));
        assert!(gate.advance(2, at(17)));
        assert_eq!(gate.watermark(), at(12));
        assert!(gate.advance(0, at(20)));
        assert_eq!(gate.watermark(), at(15));
        assert!(!gate.advance(1, at(3)), "a watermark that falls is ignored");
        assert_eq!(gate.watermark(), at(15));
    }

    // Conformance case 56.
    #[test]
    fn an_input_that_delivered_the_barrier_waits_for_the_others() {
        let mut gate = Gate::new(2, Timestamp::MIN);
        let one = barrier(1, BarrierKind::Periodic);
        assert_eq!(gate.barrier(0, one).unwrap(), None);
        assert!(!gate.readable(0) && gate.readable(1));
        assert_eq!(gate.barrier(1, one).unwrap(), Some(one));
        assert!(gate.readable(0) && gate.readable(1));
    }

    #[test]
    fn an_input_that_ended_still_delivers_barriers_until_the_last() {
        let mut gate = Gate::new(2, Timestamp::MIN);
        assert!(!gate.end(0, false));
        assert!(gate.readable(0));
        assert!(gate.end(1, false));
        let last = barrier(4, BarrierKind::Last);
        assert_eq!(gate.barrier(1, last).unwrap(), None);
        assert_eq!(gate.barrier(0, last).unwrap(), Some(last));
        assert!(!gate.readable(0) && !gate.readable(1), "nothing follows the last barrier");
    }

    #[test]
    fn a_barrier_of_another_checkpoint_is_an_error() {
        let mut gate = Gate::new(2, Timestamp::MIN);
        gate.barrier(0, barrier(1, BarrierKind::Periodic)).unwrap();
        assert!(gate.barrier(1, barrier(2, BarrierKind::Periodic)).is_err());
    }
}
