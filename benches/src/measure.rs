//! Wall time and processor time of a piece of work.

use gress_runtime::{Clock, Result, SystemClock};
use std::time::Duration;

/// One run of one engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub events: u64,
    pub wall: Duration,
    /// Of all threads of the process.
    pub cpu: Duration,
    pub checkpoints: u64,
}

impl Sample {
    pub(crate) fn events_per_second(&self) -> f64 {
        self.events as f64 / self.wall.as_secs_f64()
    }

    pub(crate) fn events_per_cpu_second(&self) -> f64 {
        // The system counts processor time in hundredths of a second.
        self.events as f64 / self.cpu.as_secs_f64().max(0.01)
    }
}

/// Measures `work`, which counts `events` events and says how many checkpoints it has completed.
pub(crate) fn measure(events: u64, work: impl FnOnce() -> Result<u64>) -> Result<Sample> {
    let (clock, cpu) = (SystemClock::start(), processor_time()?);
    let checkpoints = work()?;
    Ok(Sample { events, wall: clock.now(), cpu: processor_time()?.saturating_sub(cpu), checkpoints })
}

/// User and system time of the process so far, from `/proc/self/stat`.
fn processor_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<u64> = after_name.split_whitespace().skip(11).take(2).filter_map(|f| f.parse().ok()).collect();
    Ok(Duration::from_millis(fields.iter().sum::<u64>() * 10))
}
