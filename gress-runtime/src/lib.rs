//! Gress: stateful stream processing as a library.
//!
//! A job is a normal Rust program. It reads sources, transforms streams, keeps state by key, and writes to sinks; barrier
//! checkpoints make it survive a crash with every event counted exactly once. `docs/architecture.md` tells how.

mod backends;
mod budget;
pub mod config;
mod coordinator;
mod job;
mod metrics;
mod operator;
mod process;
pub mod sink;
pub mod source;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod window;

pub use gress_core::{
    ByteSize, CheckpointId, Data, Error, ErrorKind, Event, Result, Timestamp, hours, millis, minutes, seconds,
};
pub use gress_state::{
    Accumulator, AggregatingState, Coded, Key, ListState, MapKey, MapState, ReducingState, StateKey, StateValue,
    Timers, Ttl, ValueCodec, ValueState, Version,
};
pub use job::{Aggregated, Job, JobHandle, KeyedStream, Outcome, Processed, Report, Stream, WindowedStream};
pub use metrics::Progress;
pub use process::{Output, Process, SideOutput, StateScope, Tag, Timer};
pub use time::{Clock, SystemClock, Watermarks};
pub use window::{TimeWindow, Tumbling, Windowed};

/// Everything that a job needs: `use gress_runtime::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Accumulator, AggregatingState, Coded, Event, Job, Key, KeyedStream, ListState, MapState, Output, Process,
        ReducingState, Report, Result, SideOutput, StateScope, Stream, Tag, TimeWindow, Timer, Timers, Timestamp, Ttl,
        Tumbling, ValueCodec, ValueState, Version, Watermarks, Windowed,
        config::Config,
        hours, millis, minutes, seconds,
        sink::{Collect, Discard, JsonLines},
        source::{CsvFile, FromVec, Generate, Throttled},
    };
}
