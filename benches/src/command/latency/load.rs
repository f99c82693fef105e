//! Gets and puts of one thread, as fast as they go or when they are due.

use crate::{key_value::KeyValue, keys::Keys, latencies::Latencies, values::Values};
use gress_runtime::{Clock, Result, SystemClock};
use std::{hint, thread, time::Duration};

/// What is asked of a state.
pub(super) struct Load {
    pub(super) keys: Keys,
    pub(super) values: Values,
    /// Of 100 requests.
    pub(super) gets: u64,
    pub(super) seconds: Duration,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) all: Latencies,
    pub(super) gets: Latencies,
    pub(super) puts: Latencies,
    pub(super) checkpoints: u64,
    pub(super) compacted_bytes: u64,
}

/// Before a request is due by less, the thread does not sleep: it could wake too late.
const AWAKE: Duration = Duration::from_micros(300);

impl Load {
    /// Requests from number `first` on, each right after the one before.
    pub(super) fn as_fast_as_possible(&self, state: &dyn KeyValue, first: u64) -> Result<Latencies> {
        Latencies::of_loop(self.seconds, |index| self.request(state, first + index).map(drop))
    }

    /// Requests from number `first` on that are due `rate` times a second. Each time counts from the moment when the
    /// request was due.
    pub(super) fn at_rate(&self, state: &dyn KeyValue, first: u64, rate: f64) -> Result<Outcome> {
        let mut outcome = Outcome::new()?;
        let between = 1.0 / rate.max(1e-3);
        let clock = SystemClock::start();
        for index in 0.. {
            let due = Duration::from_secs_f64(index as f64 * between);
            if due >= self.seconds {
                break;
            }
            wait_until(&clock, due);
            let was_get = self.request(state, first + index)?;
            let took = clock.now() - due;
            outcome.all.record(took);
            if was_get { outcome.gets.record(took) } else { outcome.puts.record(took) }
        }
        outcome.last(clock.now());
        Ok(outcome)
    }

    /// Makes request number `index`. Gives whether it was a get.
    #[inline]
    fn request(&self, state: &dyn KeyValue, index: u64) -> Result<bool> {
        let key = self.keys.at(index);
        // 37 and 100 have no common divisor: gets and puts are spread over each hundred.
        let is_get = index.wrapping_mul(37) % 100 < self.gets;
        match is_get {
            true => drop(hint::black_box(state.get(key)?)),
            false => state.put(key, self.values.at(index))?,
        }
        Ok(is_get)
    }
}

fn wait_until(clock: &SystemClock, due: Duration) {
    loop {
        match due.checked_sub(clock.now()) {
            None | Some(Duration::ZERO) => return,
            Some(left) if left > AWAKE => thread::park_timeout(left - AWAKE),
            Some(_) => hint::spin_loop(),
        }
    }
}

impl Outcome {
    pub(super) fn new() -> Result<Self> {
        let (all, gets, puts) = (Latencies::new()?, Latencies::new()?, Latencies::new()?);
        Ok(Outcome { all, gets, puts, checkpoints: 0, compacted_bytes: 0 })
    }

    fn last(&mut self, wall: Duration) {
        [&mut self.all, &mut self.gets, &mut self.puts].into_iter().for_each(|latencies| latencies.wall = wall);
    }

    pub(super) fn add(&mut self, other: &Outcome) -> Result<()> {
        self.checkpoints += other.checkpoints;
        self.compacted_bytes += other.compacted_bytes;
        self.all.add(&other.all)?;
        self.gets.add(&other.gets)?;
        self.puts.add(&other.puts)
    }
}
