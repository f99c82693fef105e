//! Runs a whole job on one thread: tasks, coordinator and submitted work, in an order that a seed decides.

use super::{
    Job,
    launch::{Clocks, Launch, Started},
    report::{Outcome, Report},
};
use crate::{
    coordinator::{Ended, ToCoordinator},
    metrics::JobMetrics,
    operator::place,
    task::{Step, SteppedExecutor, Task},
    time::Clock,
};
use gress_core::{Error, Result, Timestamp};
use gress_state::WallClock;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Steps in which nothing may happen before a job counts as stuck.
const IDLE_STEPS_MAX: usize = 100_000;

/// A clock that moves by a fixed time at each step.
#[derive(Debug, Default)]
struct SteppedClock {
    micros: AtomicU64,
}

impl Clock for SteppedClock {
    fn now(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }
}

/// The day begins with the job.
impl WallClock for SteppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis((self.micros.load(Ordering::Relaxed) / 1000) as i64)
    }
}

/// A sequence of numbers that a seed decides.
struct Choices(u64);

impl Choices {
    /// A number below `n`, which is at least 1.
    fn below(&mut self, n: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

pub(super) fn run_seeded(job: Job, seed: u64) -> Result<Report> {
    let (clock, executor) = (Arc::new(SteppedClock::default()), Arc::new(SteppedExecutor::default()));
    let metrics = JobMetrics::new(&job.config().name, clock.clone(), Duration::ZERO);
    let clocks = Clocks { clock: clock.clone(), wall_clock: clock.clone() };
    let launch = match Launch::prepare(&job, executor.clone(), clocks, metrics)? {
        Started::AlreadyFinished(report) => return Ok(report),
        Started::Ready(launch) => *launch,
    };
    let Launch { groups, builds, mut coordinator, to_coordinator, metrics, running } = launch;
    let mut tasks: Vec<(String, usize, Box<dyn Task>)> = Vec::new();
    for task in &builds {
        let (chain, subtask) = (task.build.task.chain.clone(), task.build.subtask());
        let built = (groups[task.group].build)(&task.build).map_err(|e| place::locate(e, &chain, subtask))?;
        tasks.push((chain, subtask, built));
    }
    let mut choices = Choices(seed);
    let mut idle = 0;
    let mut over = false;
    while !over {
        clock.micros.fetch_add(50, Ordering::Relaxed);
        // Tasks, the coordinator and the executor are chosen alike.
        let choice = choices.below(tasks.len() + 2);
        idle += 1;
        if choice < tasks.len() {
            let (chain, subtask, task) = &mut tasks[choice];
            match task.step() {
                Ok(Step::Progress) => idle = 0,
                Ok(Step::Wait(_) | Step::Full) => {}
                Ok(Step::Done) => {
                    tasks.swap_remove(choice);
                    drop(to_coordinator.send(ToCoordinator::Exited));
                }
                Err(error) => {
                    let error = place::locate(error, chain, *subtask);
                    drop(to_coordinator.send(ToCoordinator::Failed { error }));
                    tasks.swap_remove(choice);
                    drop(to_coordinator.send(ToCoordinator::Exited));
                }
            }
        } else if choice == tasks.len() {
            over = coordinator.step();
        } else if executor.len() > 0 {
            executor.run(choices.below(executor.len()));
            idle = 0;
        }
        if idle > IDLE_STEPS_MAX {
            return Err(Error::job(format!("seed {seed}: the job is stuck with {} tasks alive", tasks.len())));
        }
    }
    let outcome = match coordinator.outcome()? {
        Ended::Finished => Outcome::Finished,
        Ended::Stopped(id) => Outcome::Stopped(id),
    };
    running.end()?;
    Ok(Report {
        outcome,
        progress: metrics.progress(),
        took: Clock::now(&*clock),
        starts: running.starts,
        restored: running.restored,
        refused: running.refused.clone(),
    })
}
