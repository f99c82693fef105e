//! The metrics of a job by name. What a backend tells of itself has names of its own, with the prefix [`PREFIX`].

/// How all names begin.
pub(super) const PREFIX: &str = "gress_";

/// One metric.
#[derive(Debug)]
pub(crate) struct Metric {
    pub name: &'static str,
    kind: Kind,
    help: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Tells the recorder what each metric means.
pub(super) fn describe_all() {
    for Metric { name, kind, help } in ALL {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *help),
            Kind::Histogram => metrics::describe_histogram!(*name, *help),
        }
    }
}

macro_rules! metrics_by_name {
    ($($constant:ident: $kind:ident $name:literal, $help:literal;)+) => {
        $(pub(crate) const $constant: Metric = Metric { name: $name, kind: Kind::$kind, help: $help };)+
        const ALL: &[Metric] = &[$($constant),+];
    };
}

metrics_by_name! {
    EVENTS: Counter "gress_events_total", "Records that the sources of the job have read.";
    STARTS: Gauge "gress_starts", "Starts of the job so far, this one included.";
    REFUSED_CHECKPOINTS: Gauge "gress_refused_checkpoints", "Damaged checkpoints that this start has left out.";
    STATE_BYTES: Gauge "gress_state_bytes", "Keyed state in the newest checkpoint, base and runs.";

    CHECKPOINTS: Counter "gress_checkpoints_total", "Completed checkpoints.";
    CHECKPOINT_FAILURES: Counter "gress_checkpoint_failures_total", "Checkpoints that were begun and ended with the job's failure.";
    CHECKPOINT_AGE: Gauge "gress_checkpoint_age_seconds", "Time since the newest checkpoint was completed, or since the start.";
    CHECKPOINT_DURATION: Histogram "gress_checkpoint_duration_seconds", "A checkpoint from trigger to commit.";
    CHECKPOINT_PHASE: Histogram "gress_checkpoint_phase_duration_seconds", "Parts of a checkpoint: seal, upload, publish, commit.";
    CHECKPOINT_WRITTEN: Counter "gress_checkpoint_written_bytes_total", "Runs and output that checkpoints have written.";
    CHECKPOINT_FOLDED: Counter "gress_checkpoint_folded_runs_total", "Runs that were merged into others.";
    COLLECT_FAILURES: Counter "gress_checkpoint_collect_failures_total", "Times that old checkpoints could not be deleted.";
    SEAL_DURATION: Histogram "gress_seal_duration_seconds", "What one checkpoint takes from the time of a task.";
    SEAL_PAUSE: Histogram "gress_seal_pause_seconds", "The longest of the pauses that make up a seal.";

    TASK_EVENTS_IN: Counter "gress_task_events_in_total", "Events that the task has read or received.";
    TASK_EVENTS_OUT: Counter "gress_task_events_out_total", "Events that the task has sent on or given to sinks.";
    TASK_BUSY: Counter "gress_task_busy_milliseconds_total", "Time that the task has worked.";
    TASK_IDLE: Counter "gress_task_idle_milliseconds_total", "Time that the task has waited for input.";
    TASK_BACKPRESSURED: Counter "gress_task_backpressured_milliseconds_total", "Time that the task has waited for room downstream or in storage.";
    TASK_WATERMARK: Gauge "gress_task_watermark_timestamp_seconds", "The watermark of the task, since 1970.";
    TASK_WATERMARK_LAG: Gauge "gress_task_watermark_lag_seconds", "How far the watermark is behind the clock.";
    TASK_INPUT_PACKETS: Gauge "gress_task_input_packets", "Packets that wait in the input channels of the task.";
    TASK_INPUT_CAPACITY: Gauge "gress_task_input_packets_capacity", "Packets for which its input channels have room.";
    LATE_EVENTS: Counter "gress_late_events_total", "Events that windows dropped as late.";
    SKIPPED_RECORDS: Counter "gress_bad_records_skipped_total", "Bad records that the source has left out.";

    STATE_BUDGET: Gauge "gress_state_budget_bytes", "Memory for live values of the task, above which it spills.";
    STATE_MEMORY: Gauge "gress_state_memory_bytes", "Memory of a state by part: table, sealed, storing.";
    STATE_ENTRIES: Gauge "gress_state_entries", "Live entries of a state.";
    STATE_DIRTY_ENTRIES: Gauge "gress_state_dirty_entries", "Live entries that no checkpoint has yet.";
    STATE_DIRTY_BYTES: Gauge "gress_state_dirty_bytes", "Memory of live entries that no checkpoint has yet.";
    STATE_HITS: Counter "gress_state_hits_total", "Reads of a key that the table answered alone.";
    STATE_MISSES: Counter "gress_state_misses_total", "Reads of a key that had to ask the store.";
    STATE_SPILLS: Counter "gress_state_spills_total", "Runs that were written to the store.";
    STATE_SPILLED: Counter "gress_state_spilled_bytes_total", "Bytes of runs that were written to the store.";
    STATE_RUNS: Gauge "gress_state_runs", "Runs that the state has in the newest checkpoint.";
    STATE_CHECKPOINT_BYTES: Gauge "gress_state_checkpoint_bytes", "Bytes that the state has in the newest checkpoint.";
}
