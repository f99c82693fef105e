//! Checkpoints on another thread, while something else is measured.

use crate::key_value::KeyValue;
use gress_runtime::{Error, Result};
use std::{
    fs,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// Runs `work`, with a checkpoint of `state` into `folder` after each `each`; the one before it is removed. Gives what
/// `work` gives, and the number of checkpoints.
pub(super) fn while_checkpointing<R>(
    state: &dyn KeyValue,
    folder: &Path,
    each: Duration,
    work: impl FnOnce() -> Result<R>,
) -> Result<(R, u64)> {
    let directory = folder.join("checkpoint");
    thread::scope(|scope| {
        let (done, until) = mpsc::channel::<()>();
        let checkpoints = scope.spawn(move || {
            let mut taken = 0;
            while let Err(RecvTimeoutError::Timeout) = until.recv_timeout(each) {
                remove(&directory)?;
                state.checkpoint(&directory)?;
                taken += 1;
            }
            remove(&directory).map(|()| taken)
        });
        let outcome = work();
        drop(done);
        let taken: Result<u64> =
            checkpoints.join().unwrap_or_else(|_| Err(Error::operator("the thread of checkpoints has panicked")));
        Ok((outcome?, taken?))
    })
}

fn remove(directory: &Path) -> Result<()> {
    match directory.exists() {
        true => fs::remove_dir_all(directory).map_err(|e| Error::io("remove", directory, e)),
        false => Ok(()),
    }
}
