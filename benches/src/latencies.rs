//! How long operations took, and how many there were in a second.

use crate::report::Row;
use gress_runtime::{Clock, Error, Result, SystemClock};
use hdrhistogram::Histogram;
use std::time::Duration;

/// Operations of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
    /// How long all of them took together.
    pub(crate) wall: Duration,
}

/// Nanoseconds that are told from longer times.
const LONGEST: u64 = 600_000_000_000;

impl Latencies {
    pub(crate) fn new() -> Result<Self> {
        let histogram = Histogram::new_with_bounds(1, LONGEST, 3)
            .map_err(|error| Error::argument(format!("no histogram: {error}")))?;
        Ok(Latencies { histogram, wall: Duration::ZERO })
    }

    /// Calls `operation` with 0, 1, 2, … for as long as `duration`, each call right after the one before.
    pub(crate) fn of_loop(duration: Duration, mut operation: impl FnMut(u64) -> Result<()>) -> Result<Self> {
        let mut latencies = Latencies::new()?;
        let clock = SystemClock::start();
        let mut before = clock.now();
        for index in 0.. {
            operation(index)?;
            let now = clock.now();
            latencies.record(now - before);
            before = now;
            if now >= duration {
                break;
            }
        }
        latencies.wall = before;
        Ok(latencies)
    }

    #[inline]
    pub(crate) fn record(&mut self, took: Duration) {
        self.histogram.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(LONGEST).max(1));
    }

    pub(crate) fn add(&mut self, other: &Latencies) -> Result<()> {
        self.wall += other.wall;
        self.histogram.add(&other.histogram).map_err(|e| Error::argument(format!("histograms differ: {e}")))
    }

    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    pub(crate) fn at(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.histogram.value_at_quantile(quantile))
    }

    pub(crate) fn mean(&self) -> Duration {
        Duration::from_nanos(self.histogram.mean() as u64)
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_nanos(self.histogram.max())
    }

    /// `row`, and the quantiles.
    pub(crate) fn append_to(&self, row: Row) -> Row {
        use crate::report::Cell::Time;
        row.with("p50", Time(self.at(0.5)))
            .with("p99", Time(self.at(0.99)))
            .with("p99.9", Time(self.at(0.999)))
            .with("max", Time(self.max()))
    }
}
