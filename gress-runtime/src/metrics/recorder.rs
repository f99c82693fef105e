//! The recorder of the process, made when the first of its jobs serves metrics.

use super::names::{PREFIX, describe_all};
use gress_core::{Error, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::{Mutex, PoisonError};

/// Upper bounds of the buckets of a histogram, in seconds: what is shorter than the first pauses nobody.
const BUCKETS: [f64; 14] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

static HANDLE: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// The way to the process's metrics.
///
/// # Errors
/// The program has a recorder of its own.
pub(super) fn of_the_process() -> Result<PrometheusHandle> {
    let mut handle = HANDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*handle {
        return Ok(handle.clone());
    }
    let recorder = recorder()?;
    let made = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| {
        Error::config(
            "`metrics.address` is set, but the program has installed a recorder of the `metrics` crate itself, which \
             gets all metrics: serve that one, or leave it out",
        )
    })?;
    describe_all();
    Ok(handle.insert(made).clone())
}

/// A recorder whose histograms have buckets, so that those of several tasks can be added.
fn recorder() -> Result<PrometheusRecorder> {
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Prefix(PREFIX.to_owned()), &BUCKETS);
    Ok(builder.map_err(|e| Error::job(e.to_string()))?.build_recorder())
}
