//! Expired values that a read may give once, and several who read them at once.

use gress_core::Timestamp;
use gress_state::{KeyValueOptions, ManualWallClock, Ttl, memory::MemoryBackend};
use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

/// Conformance case 30, with several who ask at once.
#[test]
fn of_all_who_read_an_expired_value_at_once_one_is_given_it() {
    const READERS: usize = 4;
    let clock = Arc::new(ManualWallClock::default());
    let ttl = Ttl::after(Duration::from_millis(100)).returning_expired();
    let state = MemoryBackend::open_with(KeyValueOptions::default().clock(clock.clone()).ttl(ttl)).unwrap();
    for round in 0..2_000_i64 {
        clock.set(Timestamp::from_millis(1_000 * round));
        state.put(b"key", &[7; 10_000]).unwrap();
        clock.set(Timestamp::from_millis(1_000 * round + 100));
        let start = Barrier::new(READERS);
        let given: usize = thread::scope(|scope| {
            let (start, state) = (&start, &state);
            let read = |reader: usize| {
                start.wait();
                let found = match reader % 2 {
                    0 => state.get(b"key").unwrap(),
                    _ => state.batch_get([b"key"]).unwrap().remove(0),
                };
                usize::from(found.is_some())
            };
            let readers: Vec<_> = (0..READERS).map(|reader| scope.spawn(move || read(reader))).collect();
            readers.into_iter().map(|reader| reader.join().unwrap()).sum()
        });
        assert_eq!(given, 1, "in round {round}");
    }
    let metrics = state.metrics();
    assert_eq!((metrics.misses, metrics.bytes_read), (2_000 * (READERS as u64 - 1), 2_000 * 10_000));
}
