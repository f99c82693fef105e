//! Drives one task on a thread: steps it, and parks it on the channels that it waits for.

use super::{Step, Task, Watch, executor::catch_panic};
use crate::{operator::place, time::Clock};
use gress_core::Result;
use std::time::Duration;

/// A task that waits is woken this often, to publish that it waits.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Builds a task and steps it until it is done. A panic is an error like any other, with the place where it happened.
pub(crate) fn run_on_thread(
    chain: &str,
    subtask: usize,
    clock: &dyn Clock,
    build: impl FnOnce() -> Result<Box<dyn Task>>,
) -> Result<()> {
    let outcome = catch_panic(|| {
        let mut task = build()?;
        loop {
            match task.step()? {
                Step::Progress => {}
                Step::Wait(until) => {
                    let timeout = until.map_or(WAIT_MAX, |until| until.saturating_sub(clock.now()).min(WAIT_MAX));
                    park(task.as_ref(), timeout);
                }
                Step::Full => park(task.as_ref(), WAIT_MAX),
                Step::Done => return Ok(()),
            }
        }
    });
    outcome.map_err(|error| place::locate(error, chain, subtask))
}

fn park(task: &dyn Task, timeout: Duration) {
    let mut watch = Watch::new();
    task.watch(&mut watch);
    watch.wait(timeout);
}
