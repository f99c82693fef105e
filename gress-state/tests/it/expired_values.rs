//! Expired values that a read may give once, and several who read them at once.

use gress_core::Timestamp;
use gress_state::{KeyValueOptions, ManualWallClock, Ttl, memory::MemoryBackend, testing::Scratch};
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

/// An entry without a stamp has the age of the state's time to live, which the state it is restored into does not know.
#[test]
fn a_snapshot_keeps_the_age_of_what_was_there_before_the_time_to_live() {
    let clock = Arc::new(ManualWallClock::default());
    let at = |millis| clock.set(Timestamp::from_millis(millis));
    let options = || KeyValueOptions::default().ttl(Ttl::after(Duration::from_millis(100))).clock(clock.clone());
    let scratch = Scratch::new();
    let plain = MemoryBackend::open().unwrap();
    plain.put(b"old", b"1").unwrap();
    plain.create_checkpoint(scratch.path().join("plain")).unwrap();
    let aging = MemoryBackend::open_checkpoint(scratch.path().join("plain"), options()).unwrap();
    at(90);
    let mut stream = Vec::new();
    aging.snapshot(&mut stream).unwrap();
    let restored = MemoryBackend::open_with(options()).unwrap();
    restored.restore(&stream[..]).unwrap();
    assert_eq!(restored.get(b"old").unwrap(), Some(b"1".to_vec()));
    at(100);
    assert_eq!(restored.get(b"old").unwrap(), None);
}
