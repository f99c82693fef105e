//! A key-value state's metrics for whoever collects them.

use super::KeyValueState;
use crate::backend::Reading;
use gress_core::Result;
use metrics::{counter, gauge};

impl KeyValueState {
    /// Hands the counts, latencies and sizes to the process's recorder of metrics, labelled `state="<name>"`. Call it
    /// from time to time: every few seconds, or before each scrape. `docs/metrics.md` lists the names.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn publish_metrics(&self, name: &str) -> Result<()> {
        let metrics = self.metrics();
        let label = || name.to_owned();
        let counts = [
            ("get", metrics.gets),
            ("put", metrics.puts),
            ("delete", metrics.deletes),
            ("batch", metrics.batches),
            ("scan", metrics.scans),
            ("multi_get", metrics.multi_gets),
        ];
        for (operation, count) in counts {
            counter!("gress_key_value_operations_total", "state" => label(), "operation" => operation).absolute(count);
        }
        counter!("gress_key_value_errors_total", "state" => label()).absolute(metrics.errors);
        counter!("gress_key_value_misses_total", "state" => label()).absolute(metrics.misses);
        counter!("gress_key_value_read_bytes_total", "state" => label()).absolute(metrics.bytes_read);
        counter!("gress_key_value_written_bytes_total", "state" => label()).absolute(metrics.bytes_written);
        for (operation, latency) in metrics.latencies.iter().filter(|(_, latency)| latency.timed > 0) {
            let quantiles = [
                ("0.5", latency.p50),
                ("0.95", latency.p95),
                ("0.99", latency.p99),
                ("0.999", latency.p999),
                ("1", latency.max),
            ];
            for (quantile, time) in quantiles {
                let operation = operation.name();
                gauge!(
                    "gress_key_value_latency_seconds",
                    "state" => label(), "operation" => operation, "quantile" => quantile
                )
                .set(time.as_secs_f64());
            }
        }
        let stats = self.backend.stats()?;
        gauge!("gress_key_value_entries", "state" => label()).set(stats.entries as f64);
        gauge!("gress_key_value_memory_bytes", "state" => label()).set(stats.memory_bytes as f64);
        gauge!("gress_key_value_disk_bytes", "state" => label()).set(stats.disk_bytes as f64);
        for reading in self.backend.readings()? {
            match reading {
                Reading::Level(part, level) => gauge!(format!("gress_{part}"), "state" => label()).set(level),
                Reading::Total(part, total) => counter!(format!("gress_{part}"), "state" => label()).absolute(total),
            }
        }
        Ok(())
    }
}
