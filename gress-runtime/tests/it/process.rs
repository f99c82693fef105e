//! Keyed processes: state, timers and side outputs, fed by hand.

use gress_runtime::{prelude::*, testing::Harness};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Remembers numbers and tells what it does: `1` sets a timer 10 ms later, other numbers at their own value.
struct Alarms {
    at: Timers<String>,
    fired: ValueState<String, Vec<i64>>,
}

impl Process<String, (String, i64)> for Alarms {
    type Out = String;

    fn on_event(&mut self, key: &Key<String>, event: Event<(String, i64)>, out: &mut Output<String>) -> Result<()> {
        let time = at(event.1);
        match event.1 {
            delete if delete < 0 => self.at.delete(key, at(-delete))?,
            _ => self.at.set(key, time)?,
        }
        out.emit(format!("{} sees {} at {:?}", **key, event.1, event.watermark()));
        Ok(())
    }

    fn on_timer(&mut self, key: &Key<String>, timer: Timer, out: &mut Output<String>) -> Result<()> {
        let mut fired = self.fired.entry(key)?.or_default();
        fired.push(timer.time.as_millis());
        // One more in the same advance, and one again at the same time, once.
        if timer.time == at(7) {
            self.at.set(key, at(5))?;
        }
        if timer.time == at(5) && fired.iter().filter(|t| **t == 5).count() < 2 {
            self.at.set(key, at(5))?;
        }
        out.emit(format!("{} fires {} for {}", timer.name, timer.time.as_millis(), **key));
        Ok(())
    }
}

fn alarms() -> Harness<(String, i64), String> {
    Harness::new(|events: Stream<(String, i64)>| {
        let alarms = events.key_by(|(key, _)| key.clone());
        let alarms = alarms.process("alarms", |state| Alarms { at: state.timers("at"), fired: state.value("fired") });
        alarms.filter(|said| said.contains("fires"))
    })
    .unwrap()
}

fn feed(alarms: &mut Harness<(String, i64), String>, key: &str, n: i64) {
    alarms.feed(at(0), (key.to_owned(), n)).unwrap();
}

// Conformance cases 40 and 41.
#[test]
fn a_timer_fires_once_a_key_and_time_when_the_watermark_reaches_it() {
    let mut alarms = alarms();
    for key in ["a", "b"] {
        for time in [10, 10, 11] {
            feed(&mut alarms, key, time);
        }
    }
    feed(&mut alarms, "b", -11);
    alarms.advance(at(9)).unwrap();
    assert!(alarms.values().is_empty());
    alarms.advance(at(10)).unwrap();
    let fired = alarms.outputs();
    assert!(fired.iter().all(|e| e.time == at(10) && e.watermark() == at(9)));
    assert_eq!(fired.iter().map(|e| e.value.as_str()).collect::<Vec<_>>(), ["at fires 10 for a", "at fires 10 for b"]);
    alarms.end().unwrap();
    assert_eq!(alarms.values(), ["at fires 11 for a"]);
}

// Conformance cases 42 and 43.
#[test]
fn timers_fire_in_order_and_those_set_in_a_callback_fire_in_the_same_advance() {
    let mut alarms = alarms();
    for time in [3, 1, 2, 7] {
        feed(&mut alarms, "a", time);
    }
    alarms.advance(at(10)).unwrap();
    let expected = [1, 2, 3, 7, 5, 5].map(|time| format!("at fires {time} for a"));
    assert_eq!(alarms.values(), expected);
}

// Conformance case 44.
#[test]
fn a_timer_set_at_or_before_the_watermark_fires_at_the_next_one() {
    let mut alarms = alarms();
    alarms.advance(at(100)).unwrap();
    feed(&mut alarms, "a", 50);
    alarms.advance(at(101)).unwrap();
    assert_eq!(alarms.values(), ["at fires 50 for a"]);
}

// Conformance cases 46 and 47.
#[test]
fn timers_and_values_come_back_with_their_checkpoint_and_not_with_another() {
    let mut alarms = alarms();
    for time in [10, 20, 30] {
        feed(&mut alarms, "a", time);
    }
    let first = alarms.checkpoint().unwrap();
    feed(&mut alarms, "a", -20);
    alarms.advance(at(10)).unwrap();
    let second = alarms.checkpoint().unwrap();
    alarms.outputs();
    alarms.restore(&second).unwrap();
    alarms.end().unwrap();
    assert_eq!(alarms.values(), ["at fires 30 for a"], "10 has fired and 20 was deleted before the second");
    alarms.restore(&first).unwrap();
    alarms.end().unwrap();
    assert_eq!(alarms.values(), [10, 20, 30].map(|time| format!("at fires {time} for a")));
}

const ODD: Tag<u64> = Tag::new("odd");

/// Passes even numbers on, and odd ones to the side.
struct Split {
    odd: SideOutput<u64>,
}

impl Process<u64, u64> for Split {
    type Out = u64;
    fn on_event(&mut self, _: &Key<u64>, n: Event<u64>, out: &mut Output<u64>) -> Result<()> {
        match *n % 2 {
            0 => out.emit(*n),
            _ => self.odd.emit(n),
        }
        Ok(())
    }
}

#[test]
fn a_side_output_is_a_stream_of_its_own_and_one_that_nobody_reads_costs_nothing() {
    let split =
        |numbers: &Stream<u64>| numbers.key_by(|n| *n).process("split", |state| Split { odd: state.side_output(&ODD) });
    let mut odd = Harness::new(move |numbers: Stream<u64>| {
        let split = split(&numbers);
        split.sink("even", Discard);
        split.side_output(&ODD)
    })
    .unwrap();
    let mut even = Harness::new(move |numbers: Stream<u64>| split(&numbers).map(|n| n)).unwrap();
    for n in 0..6 {
        odd.feed(at(n), n as u64).unwrap();
        even.feed(at(n), n as u64).unwrap();
    }
    let odd = odd.outputs();
    assert!(odd.iter().all(|event| event.time == at(event.value as i64)), "they keep their times");
    assert_eq!(odd.into_iter().map(|event| event.value).collect::<Vec<_>>(), [1, 3, 5]);
    assert_eq!(even.values(), [0, 2, 4]);
}
