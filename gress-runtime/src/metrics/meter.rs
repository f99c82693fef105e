//! A task and the meter that stands beside it: where its time goes, and when its numbers are published.

use super::{
    JobMetrics,
    counts::TaskCounts,
    health::Pulse,
    task::{TaskMetrics, TimeSpent},
};
use crate::{
    task::{Step, Task, Watch},
    time::Clock,
};
use gress_core::Result;
use std::{sync::Arc, time::Duration};

/// How often a task publishes its numbers, at most. A task that waits is woken often enough by its driver.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);

/// How often it asks its backend: some of RocksDB's properties take the lock of the database.
const ASK_BACKEND_EVERY: Duration = Duration::from_secs(5);

/// A task whose steps are timed, once each: what lies between two readings of the clock belongs to what the step between
/// them has said.
pub(crate) struct Metered {
    task: Box<dyn Task>,
    job: Arc<JobMetrics>,
    counts: Arc<TaskCounts>,
    metrics: TaskMetrics,
    pulse: Arc<Pulse>,
    clock: Arc<dyn Clock>,
    doing: Doing,
    since: Duration,
    spent: TimeSpent,
    publish_at: Duration,
    ask_backend_at: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Doing {
    Work,
    Idle,
    Backpressured,
}

impl Metered {
    pub(crate) fn new(
        task: Box<dyn Task>,
        job: Arc<JobMetrics>,
        (counts, pulse): (Arc<TaskCounts>, Arc<Pulse>),
        metrics: TaskMetrics,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let now = clock.now();
        pulse.end();
        Metered {
            task,
            job,
            counts,
            metrics,
            pulse,
            clock,
            doing: Doing::Idle,
            since: now,
            spent: TimeSpent::default(),
            publish_at: now + PUBLISH_EVERY,
            ask_backend_at: now + ASK_BACKEND_EVERY,
        }
    }

    /// Books the time until now.
    fn account(&mut self) -> Duration {
        let now = self.clock.now();
        let time = now.saturating_sub(self.since);
        match self.doing {
            Doing::Work => self.spent.busy += time,
            Doing::Idle => self.spent.idle += time,
            Doing::Backpressured => self.spent.backpressured += time,
        }
        self.since = now;
        now
    }

    fn publish(&mut self, now: Duration) {
        self.publish_at = now + PUBLISH_EVERY;
        self.metrics.counts(&self.counts, self.spent, self.job.wall(now));
        self.metrics.reading(self.task.reading());
    }

    fn ask_backend(&mut self, now: Duration) {
        self.ask_backend_at = now + ASK_BACKEND_EVERY;
        match self.task.backend_readings() {
            Ok(readings) => self.metrics.backend(readings),
            // A backend that is broken says so where it is used.
            Err(error) => tracing::debug!(%error, "a state backend tells nothing of itself"),
        }
    }

    /// The last numbers of a task that has ended, well or not.
    fn end(&mut self, well: bool) {
        self.doing = Doing::Work;
        let now = self.account();
        self.publish(now);
        if well {
            self.ask_backend(now);
        }
    }
}

impl Task for Metered {
    fn step(&mut self) -> Result<Step> {
        let now = self.account();
        if now >= self.publish_at {
            self.publish(now);
            if now >= self.ask_backend_at {
                self.ask_backend(now);
            }
        }
        self.pulse.begin(now);
        let step = self.task.step();
        self.pulse.end();
        self.doing = match &step {
            Ok(Step::Progress) => Doing::Work,
            Ok(Step::Wait(_)) => Doing::Idle,
            Ok(Step::Full) => Doing::Backpressured,
            Ok(Step::Done) | Err(_) => {
                self.end(step.is_ok());
                self.doing
            }
        };
        if matches!(step, Ok(Step::Done)) {
            self.task.close()?;
        }
        step
    }

    fn watch<'a>(&'a self, watch: &mut Watch<'a>) {
        self.task.watch(watch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Backend, Config},
        job::{Clocks, Job, Launch, Started},
        sink::Discard,
        source::FromVec,
        task::SteppedExecutor,
    };
    use gress_core::TaskId;
    use gress_state::SystemWallClock;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    #[derive(Debug, Default)]
    struct HandClock(AtomicU64);

    impl HandClock {
        fn pass(&self, millis: u64) {
            self.0.fetch_add(millis, Relaxed);
        }
    }

    impl Clock for HandClock {
        fn now(&self) -> Duration {
            Duration::from_millis(self.0.load(Relaxed))
        }
    }

    /// Says what it is told to, and takes its time.
    struct Scripted {
        clock: Arc<HandClock>,
        steps: std::vec::IntoIter<(u64, Step)>,
    }

    impl Task for Scripted {
        fn step(&mut self) -> Result<Step> {
            let (millis, step) = self.steps.next().unwrap_or((0, Step::Done));
            self.clock.pass(millis);
            Ok(step)
        }

        fn watch<'a>(&'a self, _: &mut Watch<'a>) {}
    }

    #[test]
    fn time_goes_to_what_the_step_before_it_has_said() {
        let clock = Arc::new(HandClock::default());
        let job = JobMetrics::new("job", clock.clone(), Duration::ZERO);
        let id = TaskId::new("scripted", 0);
        let script = vec![(3, Step::Progress), (0, Step::Full), (1, Step::Wait(None)), (40, Step::Progress)];
        let task = Box::new(Scripted { clock: clock.clone(), steps: script.into_iter() });
        let metrics = job.task(&id, true);
        let mut metered = Metered::new(task, job.clone(), job.add_task(&id), metrics, clock.clone());
        for pause in [5, 700, 11, 0, 13] {
            clock.pass(pause);
            metered.step().unwrap();
        }
        let at = Duration::from_millis;
        // A step that finds nothing to do counts as what it says, and so does the time before the first.
        let spent = TimeSpent { busy: at(3 + 700 + 40 + 13), idle: at(5 + 1), backpressured: at(11) };
        assert_eq!(metered.spent, spent);
    }

    #[test]
    fn a_task_whose_channel_is_full_is_backpressured_until_it_has_room() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let published = |series: &str| {
            let text = recorder.handle().render();
            let line = text.lines().find(|line| line.starts_with(series));
            line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        };
        metrics::with_local_recorder(&recorder, || {
            let (clock, executor) = (Arc::new(HandClock::default()), Arc::new(SteppedExecutor::default()));
            let mut config = Config::default();
            config.state.backend = Backend::Memory;
            config.batch.size = 1;
            let job = Job::new(config);
            let numbers = job.source("numbers", FromVec::new((0..100_u64).collect::<Vec<_>>()));
            let counts = numbers.key_by(|n| *n).process("counts", |_| Forgets);
            counts.sink("out", Discard);
            let metrics = JobMetrics::new("job", clock.clone(), Duration::ZERO);
            let clocks = Clocks { clock: clock.clone(), wall_clock: Arc::new(SystemWallClock) };
            let Started::Ready(launch) = Launch::prepare(&job, executor, clocks, metrics).unwrap() else {
                panic!("there is something to do")
            };
            let mut tasks = launch.builds.iter().map(|task| (launch.groups[task.group].build)(&task.build).unwrap());
            let (mut source, mut counts) = (tasks.next().unwrap(), tasks.next().unwrap());
            let spent = |what: &str, operator: &str| {
                published(&format!(
                    "gress_task_{what}_milliseconds_total{{job=\"job\",operator=\"{operator}\",subtask=\"0\"}}"
                ))
            };
            while source.step().unwrap() != Step::Full {}
            assert_eq!(spent("backpressured", "numbers"), Some(0));
            clock.pass(7_000);
            assert_eq!(source.step().unwrap(), Step::Full);
            assert_eq!(spent("backpressured", "numbers"), Some(7_000));
            assert_eq!((spent("busy", "numbers"), spent("idle", "numbers")), (Some(0), Some(0)));
            counts.step().unwrap();
            let packets = "gress_task_input_packets{job=\"job\",operator=\"counts\",subtask=\"0\"}";
            assert_eq!(published(packets), Some(16), "the channel is full");
            assert_eq!(spent("idle", "counts"), Some(7_000), "it had not begun");
            while counts.step().unwrap() == Step::Progress {}
            clock.pass(1_000);
            assert_eq!(source.step().unwrap(), Step::Progress);
            clock.pass(300);
            source.step().unwrap();
            assert_eq!((spent("backpressured", "numbers"), spent("busy", "numbers")), (Some(8_000), Some(300)));
        });
    }

    struct Forgets;

    impl crate::Process<u64, u64> for Forgets {
        type Out = u64;
        fn on_event(
            &mut self,
            _: &gress_state::Key<u64>,
            _: gress_core::Event<u64>,
            _: &mut crate::Output<u64>,
        ) -> Result<()> {
            Ok(())
        }
    }
}
