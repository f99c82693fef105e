//! A running job.

use super::{
    Job,
    launch::{Clocks, Launch, Running, Started},
    report::{Outcome, Report},
};
use crate::{
    coordinator::{Ended, ToCoordinator},
    metrics::{Endpoint, JobMetrics, Progress},
    task::{BlockingPool, run_on_thread},
    time::{Clock, SystemClock},
};
use crossbeam_channel::Sender;
use futures::future::{Either, select};
use gress_core::{Error, Result};
use gress_state::{SystemWallClock, WallClock};
use std::{net::SocketAddr, pin::pin, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

/// The time of day, for what is compared with other machines' clocks. One before 1970 is no reason not to run.
fn since_1970(clock: &dyn WallClock) -> Duration {
    Duration::from_millis(u64::try_from(clock.now().as_millis()).unwrap_or(0))
}

/// Threads that store runs, prepare and commit transactions: enough to keep a disk busy.
const SLOW_WORK_THREADS: usize = 16;

/// A running job: shows its progress, stops it, waits for its end. Dropped, it stops the job and waits.
pub struct JobHandle {
    state: State,
}

enum State {
    Running(Box<Threads>),
    /// There was nothing to do, or the end was waited for.
    Over(Option<Report>),
}

struct Threads {
    coordinator: JoinHandle<Result<Ended>>,
    tasks: Vec<JoinHandle<()>>,
    to_coordinator: Sender<ToCoordinator>,
    metrics: Arc<JobMetrics>,
    metrics_address: Option<SocketAddr>,
    clock: Arc<dyn Clock>,
    running: Running,
    runtime: Runtime,
    job_name: String,
}

impl JobHandle {
    pub(super) fn start(job: Job) -> Result<Self> {
        let failed = |e: std::io::Error| Error::storage(format!("cannot start threads: {e}")).because(e);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(SLOW_WORK_THREADS)
            .enable_all()
            .build()
            .map_err(failed)?;
        // Before anything is written: an address that is taken must not leave a claim behind.
        let endpoint = job.config().metrics.address.map(|address| Endpoint::bind(address, &runtime)).transpose()?;
        let metrics_address = endpoint.as_ref().map(Endpoint::address);
        // The recorder must be there before anything is registered with it.
        let metrics = JobMetrics::new(&job.config().name, clock.clone(), since_1970(&SystemWallClock));
        if let Some(endpoint) = endpoint {
            endpoint.serve(metrics.clone(), &runtime);
        }
        let executor = BlockingPool::new(runtime.handle().clone());
        let clocks = Clocks { clock: clock.clone(), wall_clock: Arc::new(SystemWallClock) };
        let launch = match Launch::prepare(&job, executor, clocks, metrics)? {
            Started::AlreadyFinished(report) => return Ok(JobHandle { state: State::Over(Some(report)) }),
            Started::Ready(launch) => *launch,
        };
        let job_name = job.config().name.clone();
        let groups = Arc::new(launch.groups);
        let mut tasks = Vec::new();
        for task in launch.builds {
            let (groups, clock, to_coordinator) = (groups.clone(), clock.clone(), launch.to_coordinator.clone());
            let name = task.build.task.to_string();
            let run = move || {
                let (chain, subtask) = (task.build.task.chain.clone(), task.build.subtask());
                let build = task.build;
                let group = &groups[task.group];
                let outcome = run_on_thread(&chain, subtask, clock.as_ref(), || (group.build)(&build));
                if let Err(error) = outcome {
                    drop(to_coordinator.send(ToCoordinator::Failed { error }));
                }
                drop(to_coordinator.send(ToCoordinator::Exited));
            };
            tasks.push(std::thread::Builder::new().name(name).spawn(run).map_err(failed)?);
        }
        drop(groups);
        let coordinator = launch.coordinator;
        let run = move || coordinator.run();
        let coordinator = std::thread::Builder::new().name("coordinator".into()).spawn(run).map_err(failed)?;
        let (to_coordinator, metrics, running) = (launch.to_coordinator, launch.metrics, launch.running);
        let threads =
            Threads { coordinator, tasks, to_coordinator, metrics, metrics_address, clock, running, runtime, job_name };
        Ok(JobHandle { state: State::Running(Box::new(threads)) })
    }

    /// What the job has done so far.
    pub fn progress(&self) -> Progress {
        match &self.state {
            State::Running(threads) => threads.metrics.progress(),
            State::Over(report) => report.as_ref().map(|r| r.progress).unwrap_or_default(),
        }
    }

    /// Newer checkpoints that were damaged and left out when the job started, each with its file.
    pub fn refused(&self) -> &[String] {
        match &self.state {
            State::Running(threads) => &threads.running.refused,
            State::Over(report) => report.as_ref().map(|r| r.refused.as_slice()).unwrap_or_default(),
        }
    }

    /// Where `/metrics` and `/healthz` are served as long as the job runs, with the port that the system chose if
    /// `metrics.address` has port 0.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        match &self.state {
            State::Running(threads) => threads.metrics_address,
            State::Over(_) => None,
        }
    }

    /// Whether the job has ended: [`JobHandle::wait`] will not block.
    pub fn is_over(&self) -> bool {
        match &self.state {
            State::Running(threads) => threads.coordinator.is_finished(),
            State::Over(_) => true,
        }
    }

    /// Asks the job to take one more checkpoint and stop. It does not end the input: started again it goes on.
    pub fn stop(&self) {
        if let State::Running(threads) = &self.state {
            // A coordinator that is gone has ended the job.
            drop(threads.to_coordinator.send(ToCoordinator::Stop));
        }
    }

    /// Stops the job at the first SIGINT or SIGTERM; a second one ends the process at once, with exit code 130.
    ///
    /// # Errors
    /// Signals that cannot be listened to.
    pub fn stop_on_signals(&self) -> Result<()> {
        let State::Running(threads) = &self.state else { return Ok(()) };
        let _inside = threads.runtime.enter();
        let listen =
            |kind| signal(kind).map_err(|e| Error::storage(format!("cannot listen to signals: {e}")).because(e));
        let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        let to_coordinator = threads.to_coordinator.clone();
        threads.runtime.spawn(async move {
            next_signal(&mut interrupt, &mut terminate).await;
            drop(to_coordinator.send(ToCoordinator::Stop));
            next_signal(&mut interrupt, &mut terminate).await;
            std::process::exit(130);
        });
        Ok(())
    }

    /// Waits for the end of the job.
    ///
    /// # Errors
    /// The first failure, with job, operator, subtask and event time.
    pub fn wait(mut self) -> Result<Report> {
        match std::mem::replace(&mut self.state, State::Over(None)) {
            State::Running(threads) => threads.wait(),
            State::Over(Some(report)) => Ok(report),
            State::Over(None) => Err(Error::job("the job's end was waited for already")),
        }
    }
}

async fn next_signal(interrupt: &mut Signal, terminate: &mut Signal) {
    match select(pin!(interrupt.recv()), pin!(terminate.recv())).await {
        Either::Left(_) | Either::Right(_) => {}
    }
}

impl Threads {
    fn wait(self: Box<Self>) -> Result<Report> {
        let Threads { coordinator, tasks, metrics, clock, running, runtime, job_name, .. } = *self;
        let panicked = |_| Error::job("the coordinator panicked");
        let ended = coordinator.join().map_err(panicked).and_then(|ended| ended);
        // A task's panic was caught and is the coordinator's error.
        tasks.into_iter().for_each(|task| drop(task.join()));
        // Ends what is still being written; the lock, in `running`, is released after that.
        drop(runtime);
        let ended = ended.map_err(|error| error.at(format!("job `{job_name}`")))?;
        running.end()?;
        Ok(Report {
            outcome: match ended {
                Ended::Finished => Outcome::Finished,
                Ended::Stopped(id) => Outcome::Stopped(id),
            },
            progress: metrics.progress(),
            took: clock.now(),
            starts: running.starts,
            restored: running.restored,
            refused: running.refused,
        })
    }
}

impl Drop for JobHandle {
    fn drop(&mut self) {
        self.stop();
        if let State::Running(threads) = std::mem::replace(&mut self.state, State::Over(None))
            && let Err(error) = threads.wait()
        {
            tracing::error!(%error, "a job that nobody waited for has failed");
        }
    }
}
