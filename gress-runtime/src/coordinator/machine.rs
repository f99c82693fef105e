//! The coordinator's decisions: facts in, commands out. No clock, no I/O, no data of checkpoints.

use gress_core::{Barrier, BarrierKind, CheckpointId};
use std::time::Duration;

/// What is fixed when the job starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub tasks: usize,
    /// `None`: the job takes no checkpoints.
    pub interval: Option<Duration>,
    /// The id of the first checkpoint.
    pub first: CheckpointId,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Tell the sources to emit this barrier.
    Trigger(Barrier),
    /// Put the manifest.
    Publish(Barrier),
    /// Let the sinks commit.
    Commit(CheckpointId),
    /// Tell the tasks that a checkpoint is complete, and delete those that need not be kept.
    Complete(Barrier),
    /// Tell the tasks to end.
    Shutdown,
}

/// How far the checkpoint under way is.
#[derive(Clone, Debug)]
enum Stage {
    /// Tasks that have not acknowledged it.
    Sealing(Vec<usize>),
    Publishing,
    Committing,
}

/// The coordinator's state.
#[derive(Debug)]
pub(crate) struct Machine {
    plan: Plan,
    next: CheckpointId,
    due: Duration,
    under_way: Option<(Barrier, Stage)>,
    running: Vec<bool>,
    stop: bool,
    over: bool,
}

impl Machine {
    pub(crate) fn new(plan: Plan, now: Duration) -> Self {
        Machine {
            next: plan.first,
            due: now + plan.interval.unwrap_or_default(),
            under_way: None,
            running: vec![true; plan.tasks],
            stop: false,
            over: false,
            plan,
        }
    }

    /// When [`Machine::tick`] is due, if time alone can make it due.
    pub(crate) fn due(&self) -> Option<Duration> {
        (self.plan.interval.is_some() && self.under_way.is_none() && !self.over).then_some(self.due)
    }

    /// Time has passed, or something else has changed: what begins now?
    pub(crate) fn tick(&mut self, now: Duration) -> Option<Command> {
        if self.under_way.is_some() || self.over {
            return None;
        }
        let ended = self.all_ended();
        let Some(interval) = self.plan.interval else {
            self.over = ended || self.stop;
            return self.over.then_some(Command::Shutdown);
        };
        let kind = match (ended, self.stop) {
            (true, _) => BarrierKind::Last,
            (false, true) => BarrierKind::Stop,
            (false, false) if now >= self.due => BarrierKind::Periodic,
            (false, false) => return None,
        };
        let barrier = Barrier { id: self.next, kind };
        self.next = self.next.next();
        self.due = now + interval;
        self.under_way = Some((barrier, Stage::Sealing((0..self.plan.tasks).collect())));
        Some(Command::Trigger(barrier))
    }

    /// All inputs of a task have ended.
    pub(crate) fn ended(&mut self, task: usize) {
        self.running[task] = false;
    }

    /// Whether the inputs of all tasks have ended.
    pub(crate) fn all_ended(&self) -> bool {
        self.running.iter().all(|running| !running)
    }

    /// The job is to stop.
    pub(crate) fn stop(&mut self) {
        self.stop = true;
    }

    /// A task has acknowledged a checkpoint. A late or repeated acknowledgement changes nothing.
    pub(crate) fn acknowledged(&mut self, task: usize, id: CheckpointId) -> Option<Command> {
        let (barrier, Stage::Sealing(missing)) = self.under_way.as_mut().filter(|(b, _)| b.id == id)? else {
            return None;
        };
        missing.retain(|waiting| *waiting != task);
        if !missing.is_empty() {
            return None;
        }
        let barrier = *barrier;
        self.under_way = Some((barrier, Stage::Publishing));
        Some(Command::Publish(barrier))
    }

    /// The manifest is there.
    pub(crate) fn published(&mut self, id: CheckpointId) -> Option<Command> {
        let (barrier, stage) = self.under_way.as_mut().filter(|(b, _)| b.id == id)?;
        if !matches!(stage, Stage::Publishing) {
            return None;
        }
        *stage = Stage::Committing;
        Some(Command::Commit(barrier.id))
    }

    /// The sinks have committed.
    pub(crate) fn committed(&mut self, id: CheckpointId) -> Option<Command> {
        let (barrier, stage) = self.under_way.as_ref().filter(|(b, _)| b.id == id)?;
        if !matches!(stage, Stage::Committing) {
            return None;
        }
        let barrier = *barrier;
        self.under_way = None;
        Some(Command::Complete(barrier))
    }

    /// Whether a checkpoint was begun and is not complete.
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// A checkpoint is complete and what it made superfluous is deleted.
    pub(crate) fn completed(&mut self, barrier: Barrier) -> Option<Command> {
        if barrier.kind.job_goes_on() {
            return None;
        }
        self.over = true;
        Some(Command::Shutdown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn machine(tasks: usize) -> Machine {
        Machine::new(Plan { tasks, interval: Some(SECOND), first: CheckpointId(5) }, Duration::ZERO)
    }

    fn barrier(id: u64, kind: BarrierKind) -> Barrier {
        Barrier { id: CheckpointId(id), kind }
    }

    /// Takes the checkpoint under way to its completion.
    fn complete(machine: &mut Machine, barrier: Barrier, tasks: usize) -> Option<Command> {
        for task in 0..tasks - 1 {
            assert_eq!(machine.acknowledged(task, barrier.id), None);
        }
        assert_eq!(machine.acknowledged(tasks - 1, barrier.id), Some(Command::Publish(barrier)));
        assert_eq!(machine.published(barrier.id), Some(Command::Commit(barrier.id)));
        assert_eq!(machine.committed(barrier.id), Some(Command::Complete(barrier)));
        machine.completed(barrier)
    }

    #[test]
    fn a_checkpoint_goes_from_trigger_to_completion_and_the_next_waits_for_it() {
        let mut machine = machine(3);
        assert_eq!(machine.tick(SECOND / 2), None);
        let first = barrier(5, BarrierKind::Periodic);
        assert_eq!(machine.tick(SECOND), Some(Command::Trigger(first)));
        assert_eq!(machine.tick(9 * SECOND), None, "one at a time");
        assert_eq!(complete(&mut machine, first, 3), None);
        assert_eq!(machine.tick(9 * SECOND), Some(Command::Trigger(barrier(6, BarrierKind::Periodic))));
    }

    #[test]
    fn nothing_is_published_before_every_task_has_acknowledged() {
        let mut machine = machine(2);
        machine.tick(SECOND);
        assert_eq!(machine.acknowledged(0, CheckpointId(5)), None);
        assert_eq!(machine.acknowledged(0, CheckpointId(5)), None, "a repeated acknowledgement counts once");
        assert_eq!(machine.acknowledged(1, CheckpointId(4)), None, "a late one counts for nothing");
        assert_eq!(machine.committed(CheckpointId(5)), None, "nothing is committed before it is published");
    }

    #[test]
    fn the_end_of_all_inputs_is_one_last_checkpoint_and_then_the_end() {
        let mut machine = machine(2);
        machine.ended(0);
        assert_eq!(machine.tick(Duration::ZERO), None);
        machine.ended(1);
        let last = barrier(5, BarrierKind::Last);
        assert_eq!(machine.tick(Duration::ZERO), Some(Command::Trigger(last)));
        assert_eq!(complete(&mut machine, last, 2), Some(Command::Shutdown));
        assert_eq!(machine.tick(9 * SECOND), None);
        assert_eq!(machine.due(), None);
    }

    #[test]
    fn an_end_during_a_checkpoint_waits_for_it() {
        let mut machine = machine(1);
        let first = barrier(5, BarrierKind::Periodic);
        machine.tick(SECOND);
        machine.ended(0);
        assert_eq!(complete(&mut machine, first, 1), None);
        assert_eq!(machine.tick(SECOND), Some(Command::Trigger(barrier(6, BarrierKind::Last))));
    }

    #[test]
    fn a_stop_takes_one_checkpoint_that_does_not_end_the_input() {
        let mut machine = machine(1);
        machine.stop();
        let stop = barrier(5, BarrierKind::Stop);
        assert_eq!(machine.tick(Duration::ZERO), Some(Command::Trigger(stop)));
        assert_eq!(complete(&mut machine, stop, 1), Some(Command::Shutdown));
    }

    #[test]
    fn a_job_without_checkpoints_ends_with_its_inputs() {
        let mut machine = Machine::new(Plan { tasks: 1, interval: None, first: CheckpointId(1) }, Duration::ZERO);
        assert_eq!(machine.tick(9 * SECOND), None);
        machine.ended(0);
        assert_eq!(machine.tick(9 * SECOND), Some(Command::Shutdown));
        assert_eq!(machine.tick(9 * SECOND), None);
    }
}
