//! Counters of a running job: cheap to count, once a batch, and read by progress displays and the metrics exporter.

use gress_core::{CheckpointId, Error, Result};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::runtime::Runtime;

/// What a job has done since this start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    events: AtomicU64,
    skipped: AtomicU64,
    late: AtomicU64,
    checkpoints: AtomicU64,
    last_checkpoint: AtomicU64,
    checkpoint_nanos: AtomicU64,
    state_bytes: AtomicU64,
}

/// A reading of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records that sources have read.
    pub events: u64,
    /// Bad records that sources have left out.
    pub skipped: u64,
    /// Events that windows dropped as late.
    pub late: u64,
    /// Checkpoints that were completed.
    pub checkpoints: u64,
    /// The newest of them.
    pub last_checkpoint: Option<CheckpointId>,
    /// How long the newest took, from trigger to commit.
    pub last_checkpoint_took: Duration,
    /// Bytes of keyed state in it: base and runs.
    pub state_bytes: u64,
}

impl Counters {
    /// A source has read records.
    pub(crate) fn read(&self, events: u64, skipped: u64) {
        self.events.fetch_add(events, Relaxed);
        metrics::counter!("gress_events_total").increment(events);
        if skipped > 0 {
            self.skipped.fetch_add(skipped, Relaxed);
            metrics::counter!("gress_bad_records_skipped_total").increment(skipped);
        }
    }

    /// A window has dropped late events.
    pub(crate) fn late(&self, events: usize) {
        if events > 0 {
            self.late.fetch_add(events as u64, Relaxed);
            metrics::counter!("gress_late_events_total").increment(events as u64);
        }
    }

    /// A checkpoint is complete.
    pub(crate) fn checkpoint(&self, id: CheckpointId, took: Duration, state_bytes: u64) {
        self.state_bytes.store(state_bytes, Relaxed);
        self.checkpoints.fetch_add(1, Relaxed);
        self.last_checkpoint.store(id.0, Relaxed);
        self.checkpoint_nanos.store(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        metrics::counter!("gress_checkpoints_total").increment(1);
        metrics::gauge!("gress_state_bytes").set(state_bytes as f64);
        metrics::histogram!("gress_checkpoint_duration_seconds").record(took.as_secs_f64());
    }

    pub(crate) fn progress(&self) -> Progress {
        let checkpoints = self.checkpoints.load(Relaxed);
        Progress {
            events: self.events.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            late: self.late.load(Relaxed),
            checkpoints,
            last_checkpoint: (checkpoints > 0).then(|| CheckpointId(self.last_checkpoint.load(Relaxed))),
            state_bytes: self.state_bytes.load(Relaxed),
            last_checkpoint_took: Duration::from_nanos(self.checkpoint_nanos.load(Relaxed)),
        }
    }
}

/// Serves the counters to Prometheus.
pub(crate) struct Exporter;

impl Exporter {
    /// Listens on `address`. The first job of a process decides; later ones are counted by it too.
    pub(crate) fn listen(address: SocketAddr, runtime: &Runtime) -> Result<()> {
        let failed = |e: &dyn std::fmt::Display| {
            Error::config(format!("`metrics.address` is `{address}`, where metrics cannot be served: {e}"))
        };
        let _inside = runtime.enter();
        let builder = metrics_exporter_prometheus::PrometheusBuilder::new().with_http_listener(address);
        let (recorder, exporter) = builder.build().map_err(|e| failed(&e))?;
        if metrics::set_global_recorder(recorder).is_ok() {
            runtime.spawn(exporter);
        }
        Ok(())
    }
}
