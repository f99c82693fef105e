//! The processor time of one thread.

use gress_runtime::{Error, Result};
use std::{fs::File, os::unix::fs::FileExt, time::Duration};

/// Reads how long the thread that opened it has been on a processor, in nanoseconds. A reading takes a few microseconds.
///
/// Linux brings what it tells of a thread up to date at each tick only, 4 ms apart, unless the thread itself asks for the
/// time of its whole process: so it does, each time before.
#[derive(Debug)]
pub(crate) struct ThreadTime {
    process: File,
    thread: File,
}

const PROCESS: &str = "/proc/self/stat";
/// Nanoseconds on a processor, nanoseconds of waiting for one, number of turns.
const THREAD: &str = "/proc/thread-self/schedstat";

impl ThreadTime {
    pub(crate) fn of_this_thread() -> Result<Self> {
        let open = |path: &str| File::open(path).map_err(|e| Error::io("open", path.as_ref(), e));
        Ok(ThreadTime { process: open(PROCESS)?, thread: open(THREAD)? })
    }

    pub(crate) fn now(&self) -> Result<Duration> {
        let mut text = [0; 1024];
        self.process.read_at(&mut text, 0).map_err(|e| Error::io("read", PROCESS.as_ref(), e))?;
        let length = self.thread.read_at(&mut text, 0).map_err(|e| Error::io("read", THREAD.as_ref(), e))?;
        let digits = text[..length].split(|byte| *byte == b' ').next().unwrap_or_default();
        let nanos = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let nanos = nanos.ok_or_else(|| Error::input(format!("`{THREAD}` does not begin with nanoseconds")))?;
        Ok(Duration::from_nanos(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gress_runtime::{Clock, SystemClock};
    use std::{hint, thread};

    #[test]
    fn time_passes_while_the_thread_runs_and_stands_while_it_waits() {
        let (time, clock) = (ThreadTime::of_this_thread().unwrap(), SystemClock::start());
        let begun = time.now().unwrap();
        thread::park_timeout(Duration::from_millis(100));
        let waited = time.now().unwrap() - begun;
        assert!(clock.now() >= Duration::from_millis(100) && waited < Duration::from_millis(50), "{waited:?}");
        let runs_until = time.now().unwrap() + Duration::from_millis(20);
        while time.now().unwrap() < runs_until {
            hint::spin_loop();
        }
        assert!(clock.now() >= Duration::from_millis(115), "{:?}", clock.now());
        let mut before = time.now().unwrap();
        for _ in 0..100 {
            let now = time.now().unwrap();
            assert!(now > before, "time is told to the moment, not to the tick");
            before = now;
        }
    }
}
