//! The memory that the process takes, without files that are mapped.

use gress_runtime::{Error, Result};
use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// How often it is read.
const EACH: Duration = Duration::from_millis(10);

/// Runs `work`. Gives what it gives, and the most bytes of anonymous memory that the process had meanwhile.
pub(crate) fn peak_during<R>(work: impl FnOnce() -> Result<R>) -> Result<(R, u64)> {
    thread::scope(|scope| {
        let (done, until) = mpsc::channel::<()>();
        let sampler = scope.spawn(move || {
            let mut peak = anonymous()?;
            while let Err(RecvTimeoutError::Timeout) = until.recv_timeout(EACH) {
                peak = peak.max(anonymous()?);
            }
            Ok(peak.max(anonymous()?))
        });
        let outcome = work();
        drop(done);
        let peak: Result<u64> =
            sampler.join().unwrap_or_else(|_| Err(Error::operator("the sampler of memory has panicked")));
        Ok((outcome?, peak?))
    })
}

/// `RssAnon` of this process, in bytes.
pub(crate) fn anonymous() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.map(|kib: u64| kib * 1024).ok_or_else(|| Error::input("/proc/self/status has no `RssAnon`"))
}
