//! What a waiting task waits for.

use crossbeam_channel::{Receiver, Select, Sender};
use std::time::Duration;

/// Channels of any types, one of which must become ready.
pub(crate) struct Watch<'a> {
    select: Select<'a>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new() -> Self {
        Watch { select: Select::new() }
    }

    pub(crate) fn recv<T>(&mut self, receiver: &'a Receiver<T>) {
        self.select.recv(receiver);
    }

    pub(crate) fn send<T>(&mut self, sender: &'a Sender<T>) {
        self.select.send(sender);
    }

    /// Waits until a channel is ready, or `timeout` has passed.
    pub(crate) fn wait(&mut self, timeout: Duration) {
        let _ = self.select.ready_timeout(timeout);
    }
}
