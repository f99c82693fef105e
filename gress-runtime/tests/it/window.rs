//! Tumbling windows, fed by hand.

use crate::sums::Sum;
use gress_runtime::{prelude::*, testing::Harness};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn sums(size: u64) -> Harness<(&'static str, u64), (String, i64, u64)> {
    Harness::new(move |events: Stream<(&'static str, u64)>| {
        let keyed = events.key_by(|(key, _)| (*key).to_owned());
        let sums = keyed.window(Tumbling::every(millis(size))).aggregate("sums", Second::default());
        sums.map(|sum| (sum.key, sum.window.max_timestamp().as_millis(), sum.value))
    })
    .unwrap()
}

#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
struct Second(Sum);

impl Accumulator<(&'static str, u64)> for Second {
    type Out = u64;
    fn add(&mut self, (_, n): &(&'static str, u64)) {
        self.0.0 += n;
    }
    fn merge(&mut self, other: Second) {
        self.0.merge(other.0);
    }
    fn finish(self) -> u64 {
        self.0.0
    }
}

// Conformance case 69, with a restore at every point.
#[test]
fn windows_sum_by_key_and_fire_when_the_watermark_passes_across_a_restore_at_any_point() {
    let input = [("2", 3999), ("2", 3000), ("1", 20), ("1", 0), ("1", 999), ("2", 1998), ("2", 1999), ("2", 1000)];
    for restore_after in 0..=input.len() {
        let mut windows = sums(3000);
        for (n, (key, time)) in input.into_iter().enumerate() {
            if n == restore_after {
                let checkpoint = windows.checkpoint().unwrap();
                windows.feed(at(1), ("1", 100)).unwrap();
                windows.restore(&checkpoint).unwrap();
            }
            windows.feed(at(time), (key, 1)).unwrap();
        }
        windows.advance(at(2998)).unwrap();
        assert!(windows.values().is_empty(), "not before its last millisecond");
        windows.advance(at(2999)).unwrap();
        let mut fired = windows.outputs();
        fired.sort_by(|a, b| a.value.cmp(&b.value));
        assert!(fired.iter().all(|e| e.time == at(2999) && e.watermark() == at(2998)));
        let values: Vec<_> = fired.into_iter().map(|e| e.value).collect();
        assert_eq!(values, [("1".to_owned(), 2999, 3), ("2".to_owned(), 2999, 3)]);
        let checkpoint = windows.checkpoint().unwrap();
        windows.restore(&checkpoint).unwrap();
        windows.advance(at(5999)).unwrap();
        assert_eq!(windows.values(), [("2".to_owned(), 5999, 2)], "what has fired does not fire again");
    }
}

// Conformance case 73.
#[test]
fn an_event_is_late_from_the_watermark_of_its_windows_last_millisecond_on() {
    let mut windows = sums(2000);
    windows.advance(at(1985)).unwrap();
    windows.feed(at(1980), ("a", 1)).unwrap();
    windows.advance(at(1999)).unwrap();
    assert_eq!(windows.values(), [("a".to_owned(), 1999, 1)]);
    windows.feed(at(1998), ("a", 1)).unwrap();
    windows.feed(at(2001), ("a", 1)).unwrap();
    assert_eq!(windows.late(), 1);
    windows.end().unwrap();
    assert_eq!(windows.values(), [("a".to_owned(), 3999, 1)]);
}

#[test]
fn a_chained_window_of_the_same_size_takes_the_results_of_the_first() {
    let mut windows = Harness::new(|events: Stream<u64>| {
        let first = events.key_by(|n| n % 3).window(Tumbling::every(millis(10))).aggregate("first", Sum::default());
        let second = first.map(|sum| sum.value).key_by(|_| 0_u64).window(Tumbling::every(millis(10)));
        second.aggregate("second", Sum::default()).map(|sum| (sum.window.start.as_millis(), sum.value))
    })
    .unwrap();
    for n in 0..30 {
        windows.feed(at(n), n as u64).unwrap();
    }
    windows.end().unwrap();
    assert_eq!(windows.values(), [(0, 45), (10, 145), (20, 245)]);
    assert_eq!(windows.late(), 0);
}

#[test]
fn many_windows_that_fire_at_once_fire_in_order() {
    let mut windows = sums(1);
    for n in 0..5_000 {
        windows.feed(at((n * 7919) % 5_000), ("a", 1)).unwrap();
    }
    windows.end().unwrap();
    let ends: Vec<_> = windows.values().into_iter().map(|(_, end, _)| end).collect();
    assert_eq!(ends, (0..5_000).collect::<Vec<_>>());
}
