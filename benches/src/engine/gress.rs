//! A whole job: source, exchange, keyed process with state, sink.

use crate::{
    measure::{Sample, measure},
    workload::Workload,
};
use gress_core::ByteSize;
use gress_runtime::{config::Backend, prelude::*};

/// Whether the job's state is durable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// In memory, without checkpoints.
    None,
    /// On RocksDB, with a checkpoint each second.
    CheckpointEachSecond,
}

struct Count {
    seen: ValueState<u64, u64>,
}

impl Process<u64, u64> for Count {
    type Out = u64;
    #[inline]
    fn on_event(&mut self, key: &Key<u64>, _: Event<u64>, _: &mut Output<u64>) -> Result<()> {
        *self.seen.entry(key)?.or_insert(0) += 1;
        Ok(())
    }
}

/// Counts all events of the workload, with this `state.memory`.
pub(crate) fn count(workload: &Workload, durability: Durability, memory: Option<ByteSize>) -> Result<Sample> {
    let folder = tempfile::tempdir()?;
    let mut config = Config::default();
    config.state.memory = memory;
    match durability {
        Durability::None => config.state.backend = Backend::Memory,
        Durability::CheckpointEachSecond => {
            config.state.backend = Backend::RocksDb;
            config.checkpoint.interval = seconds(1);
            config.checkpoint.directory = Some(folder.path().join("checkpoints"));
            config.state.directory = Some(folder.path().join("state"));
        }
    }
    let keys = *workload;
    let job = Job::new(config);
    job.source("keys", Generate::new(1, workload.events, move |_, index| keys.key(index)))
        .key_by(|key| *key)
        .process("count", |state| Count { seen: state.value("seen") })
        .sink("nowhere", Discard);
    measure(workload.events, || {
        let report = job.run()?;
        super::check("the job", report.progress.events, workload)?;
        Ok(report.progress.checkpoints)
    })
}
