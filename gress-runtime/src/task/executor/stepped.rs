//! An executor that does its work when it is told to: for running a whole job on one thread.

use super::{Executor, Work};
use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, PoisonError},
};

/// Keeps work until it is asked to do some: for running a whole job on one thread, in an order that a seed decides.
#[derive(Default)]
pub(crate) struct SteppedExecutor {
    waiting: Mutex<VecDeque<Work>>,
}

impl SteppedExecutor {
    /// How much work waits.
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Does the piece of work at this place, out of order if it is not the first.
    pub(crate) fn run(&self, at: usize) {
        let work = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(at);
        if let Some(work) = work {
            work();
        }
    }
}

impl fmt::Debug for SteppedExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SteppedExecutor").field("waiting", &self.len()).finish()
    }
}

impl Executor for SteppedExecutor {
    fn submit(&self, work: Work) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(work);
    }
}
