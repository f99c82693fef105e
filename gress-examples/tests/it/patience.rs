//! Waiting for what another process does, with a limit.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Far more than a loaded machine needs.
const LIMIT: Duration = Duration::from_secs(120);

/// Looks again and again until there is something to see.
#[expect(clippy::disallowed_methods, reason = "a real process is waited for in real time")]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < LIMIT, "waited {LIMIT:?} for {what}");
        sleep(Duration::from_millis(2));
    }
}
