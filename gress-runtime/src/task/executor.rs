//! Where slow work is done: submitted by tasks and coordinator, which go on and hear of its end in their mailbox.

#[cfg(any(test, feature = "testing"))]
mod stepped;

#[cfg(any(test, feature = "testing"))]
pub(crate) use stepped::SteppedExecutor;

use std::{fmt, sync::Arc};

/// A piece of work that may block. It tells its outcome itself.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// Does work on other threads, or when a stepper says so.
pub(crate) trait Executor: fmt::Debug + Send + Sync {
    fn submit(&self, work: Work);
}

/// Does work on the blocking threads of a tokio runtime.
#[derive(Debug)]
pub(crate) struct BlockingPool {
    runtime: tokio::runtime::Handle,
}

impl BlockingPool {
    pub(crate) fn new(runtime: tokio::runtime::Handle) -> Arc<Self> {
        Arc::new(BlockingPool { runtime })
    }
}

impl Executor for BlockingPool {
    fn submit(&self, work: Work) {
        self.runtime.spawn_blocking(work);
    }
}

/// Calls `work`; a panic in it becomes an error with its text.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> gress_core::Result<T>) -> gress_core::Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        Err(gress_core::Error::operator(format!("panicked: {}", text.unwrap_or_else(|| "no text".to_owned()))))
    })
}
