//! Where in the job this thread is: which operator handles which event. Read when something fails or panics, so that the
//! error can say it.

use gress_core::{Error, ErrorKind, Timestamp};
use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

thread_local! {
    static OPERATOR: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
    static EVENT_TIME: Cell<Timestamp> = const { Cell::new(Timestamp::MIN) };
}

/// `operator` begins to handle a batch.
#[inline]
pub(crate) fn enter(operator: &Arc<str>) {
    OPERATOR.with_borrow_mut(|current| match current {
        Some(current) if Arc::ptr_eq(current, operator) => {}
        _ => *current = Some(operator.clone()),
    });
    EVENT_TIME.set(Timestamp::MIN);
}

/// The operator begins to handle an event or timer of this time.
#[inline]
pub(crate) fn event_time(time: Timestamp) {
    EVENT_TIME.set(time);
}

/// Adds operator, subtask and, where user code failed, event time to an error of this thread.
pub(crate) fn locate(error: Error, task_chain: &str, subtask: usize) -> Error {
    let operator = OPERATOR.with_borrow(|current| current.as_ref().map_or(task_chain.to_owned(), |o| o.to_string()));
    let time = EVENT_TIME.get();
    match error.kind() {
        ErrorKind::Operator if time != Timestamp::MIN => {
            error.at(format!("operator `{operator}`, subtask {subtask}, event time {time}"))
        }
        _ => error.at(format!("operator `{operator}`, subtask {subtask}")),
    }
}
