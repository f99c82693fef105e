//! Values that expire: exactly when, whatever lies where, and what remains of them.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    spy::Spy,
    task::{Content, Factory, Task, everywhere, key},
};
use crate::{
    Ttl, ValueState,
    testing::Entry,
    ttl::{Stamp, TtlClock},
};
use gress_core::{Result, Timestamp};
use std::{sync::Arc, time::Duration};

type Numbers = ValueState<u32, u64>;

/// Entries live for 100 ms.
fn hundred() -> Ttl {
    Ttl::after(Duration::from_millis(100))
}

/// Makes it `now` for the states of `task`, by both clocks: what follows is a batch and an event of that time.
pub(super) fn at(task: &Task, now: i64) {
    let now = Timestamp::from_millis(now);
    task.state.batch_begins(now);
    task.state.fired(now);
    task.state.event_begins(now, now);
}

/// Calls `check` everywhere, with a state whose entries expire by `ttl`, once in each time.
fn in_both_times(factory: &Factory, ttl: Ttl, check: impl Fn(&mut Task, Numbers) -> Result<()>) {
    for ttl in [ttl, ttl.in_event_time()] {
        everywhere(factory, |task| {
            let state = task.state.value("n").ttl(ttl);
            check(task, state)
        });
    }
}

/// Calls `check` with a task that spills only when told to, and then all, and a spy on its backend.
fn with_spy(factory: &Factory, ttl: Ttl, check: impl Fn(&mut Task, Numbers, &Spy) -> Result<()>) {
    for ttl in [ttl, ttl.in_event_time()] {
        let spy: Arc<Spy> = Spy::new(factory);
        let mut task = Task::by_hand(&(spy.clone() as Factory), 0);
        let state = task.state.value("n").ttl(ttl);
        check(&mut task, state, &spy).expect("no call fails");
    }
}

/// What of the next checkpoint has not expired `now`. Of what a store has dropped, a checkpoint may keep the bytes.
fn sealed(task: &mut Task, now: i64) -> Result<Content> {
    let mut content = task.seal()?.content("n")?;
    content.retain(|_, value| matches!(Stamp::split(value), Ok((Stamp::Updated(at), _)) if at + 100 > now));
    Ok(content)
}

/// Content with these numbers under keys 0, 1, …, updated then.
fn content(entries: &[(u32, u64, i64)]) -> Content {
    let entry = |&(k, n, updated): &(u32, u64, i64)| {
        let mut value = Vec::new();
        Stamp::Updated(updated).encode(&mut value);
        gress_core::codec::encode(&n, &mut value).expect("a number can be encoded");
        (super::model::store_key(&[], k), value)
    };
    entries.iter().map(entry).collect()
}

/// Conformance case 29.
pub fn a_value_is_there_until_its_time_to_live_has_passed_and_not_a_millisecond_longer(factory: &Factory) {
    in_both_times(factory, hundred(), |task, mut state| {
        let (a, b) = (key(1_u32), key(2_u32));
        at(task, 0);
        for k in [&a, &b] {
            state.set(k, 1)?;
            task.pass()?;
        }
        at(task, 20);
        assert_eq!(state.get_cloned(&a)?, Some(1));
        task.pass()?;
        at(task, 50);
        assert!(state.update(&b, |n| *n += 1)?);
        task.pass()?;
        at(task, 99);
        assert_eq!(state.get_cloned(&a)?, Some(1));
        task.pass()?;
        at(task, 100);
        assert_eq!(state.get_cloned(&a)?, None);
        task.pass()?;
        at(task, 120);
        assert_eq!(state.get_cloned(&b)?, Some(2));
        task.pass()?;
        at(task, 149);
        *state.entry(&b)?.or_insert(7) += 1;
        task.pass()?;
        at(task, 248);
        assert_eq!(state.get_cloned(&b)?, Some(3));
        task.pass()?;
        at(task, 249);
        assert_eq!(state.get_cloned(&b)?, None);
        task.pass()?;
        assert!(sealed(task, 249)?.is_empty(), "they are gone from the next checkpoint, too");
        Ok(())
    });
}

pub fn an_expired_value_is_absent_for_every_call(factory: &Factory) {
    in_both_times(factory, hundred(), |task, mut state| {
        at(task, 0);
        for k in 0..6_u32 {
            state.set(&key(k), 1)?;
            task.pass()?;
        }
        at(task, 100);
        assert!(!state.update(&key(0_u32), |_| panic!("there is nothing to change"))?);
        task.pass()?;
        assert_eq!(state.take(&key(1_u32))?, None);
        task.pass()?;
        assert_eq!(*state.entry(&key(2_u32))?.or_insert(5), 5);
        task.pass()?;
        drop(state.entry(&key(3_u32))?);
        task.pass()?;
        state.remove(&key(4_u32))?;
        task.pass()?;
        state.set(&key(5_u32), 6)?;
        task.pass()?;
        let read = (0..6_u32).map(|k| state.get_cloned(&key(k))).collect::<Result<Vec<_>>>()?;
        assert_eq!(read, [None, None, Some(5), None, None, Some(6)]);
        task.pass()?;
        assert_eq!(sealed(task, 100)?, content(&[(2, 5, 100), (5, 6, 100)]));
        Ok(())
    });
}

/// Conformance case 30.
pub fn an_expired_value_may_be_given_once_by_the_read_that_removes_it(factory: &Factory) {
    in_both_times(factory, hundred().returning_expired(), |task, mut state| {
        let (a, b, c) = (key(1_u32), key(2_u32), key(3_u32));
        at(task, 0);
        for k in [&a, &b, &c] {
            state.set(k, 1)?;
            task.pass()?;
        }
        at(task, 120);
        assert_eq!(state.get_cloned(&a)?, Some(1));
        // No call lies between: what is not cleaned up yet may be changed and lives on.
        assert!(state.update(&b, |n| *n += 1)?);
        assert_eq!(*state.entry(&c)?.or_insert(7), 1);
        task.pass()?;
        assert_eq!(state.get_cloned(&a)?, None);
        task.pass()?;
        at(task, 219);
        assert_eq!((state.get_cloned(&b)?, state.get_cloned(&c)?), (Some(2), Some(1)));
        task.pass()?;
        assert_eq!(sealed(task, 219)?, content(&[(2, 2, 120), (3, 1, 120)]));
        Ok(())
    });
}

/// Conformance case 31.
pub fn a_read_renews_a_value_that_has_not_expired_and_revives_none(factory: &Factory) {
    in_both_times(factory, hundred().renewed_by_reads(), |task, mut state| {
        let (a, b) = (key(1_u32), key(2_u32));
        at(task, 0);
        state.set(&a, 1)?;
        task.pass()?;
        state.set(&b, 2)?;
        task.pass()?;
        at(task, 50);
        assert_eq!(state.get_cloned(&a)?, Some(1));
        task.pass()?;
        at(task, 90);
        assert_eq!(*state.entry(&b)?.or_insert(0), 2);
        task.pass()?;
        at(task, 120);
        {
            // The second one is renewed though the first one is borrowed.
            let (first, second) = (state.get(&a)?, state.get(&b)?);
            assert_eq!((first.as_deref(), second.as_deref()), (Some(&1), Some(&2)));
        }
        task.pass()?;
        assert_eq!(sealed(task, 120)?, content(&[(1, 1, 120), (2, 2, 120)]));
        at(task, 219);
        assert_eq!(state.get_cloned(&b)?, Some(2));
        task.pass()?;
        at(task, 250);
        assert_eq!((state.get_cloned(&a)?, state.get_cloned(&a)?), (None, None));
        task.pass()?;
        assert_eq!(state.get_cloned(&b)?, Some(2));
        Ok(())
    });
}

/// Conformance case 32.
pub fn an_endless_time_to_live_ends_never(factory: &Factory) {
    for length in [Duration::MAX, Duration::from_millis(i64::MAX as u64), Duration::from_millis(i64::MAX as u64 - 1)] {
        in_both_times(factory, Ttl::after(length), |task, mut state| {
            at(task, 1);
            state.set(&key(1_u32), 1)?;
            task.pass()?;
            at(task, i64::MAX);
            assert_eq!(state.get_cloned(&key(1_u32))?, Some(1));
            task.pass()?;
            state.set(&key(2_u32), 2)?;
            task.pass()?;
            assert_eq!(state.get_cloned(&key(2_u32))?, Some(2));
            Ok(())
        });
    }
}

/// Conformance case 35.
pub fn the_time_between_checkpoint_and_restore_counts(factory: &Factory) {
    for ttl in [hundred(), hundred().in_event_time()] {
        everywhere(factory, |task| {
            let mut state: Numbers = task.state.value("n").ttl(ttl);
            for (k, time) in [(1_u32, 50), (2, 100)] {
                at(task, time);
                state.set(&key(k), 1)?;
                task.pass()?;
            }
            let checkpoint = task.seal()?;
            assert_eq!(checkpoint.content("n")?, content(&[(1, 1, 50), (2, 1, 100)]));
            for budget in super::BUDGETS {
                let mut again = task.again(factory, budget);
                let mut state: Numbers = again.state.value("n").ttl(ttl);
                at(&again, 180);
                again.restore(&checkpoint)?;
                assert_eq!((state.get_cloned(&key(1_u32))?, state.get_cloned(&key(2_u32))?), (None, Some(1)));
                again.pass()?;
                at(&again, 200);
                assert_eq!(state.get_cloned(&key(2_u32))?, None);
                again.pass()?;
                state.set(&key(1_u32), 2)?;
                again.pass()?;
                assert_eq!(state.get_cloned(&key(1_u32))?, Some(2));
            }
            Ok(())
        });
    }
}

/// Conformance case 36.
pub fn cleaning_looks_at_all_entries_in_turn_and_removes_the_expired_ones_only(factory: &Factory) {
    for ttl in [hundred(), hundred().in_event_time()] {
        let check = || -> Result<()> {
            let mut task = Task::by_hand(factory, usize::MAX);
            let mut state: Numbers = task.state.value("n").ttl(ttl);
            at(&task, 0);
            (0..1_000_u32).try_for_each(|k| state.set(&key(k), 1))?;
            at(&task, 60);
            (0..500_u32).try_for_each(|k| state.set(&key(2 * k + 1), 1))?;
            at(&task, 110);
            task.state.clean()?;
            assert_eq!(task.state.entries(), 1_000 - 64, "a few at a time");
            (1..8).try_for_each(|_| task.state.clean())?;
            assert_eq!((task.state.entries(), task.state.expired()[0].1), (500, 500));
            (0..8).try_for_each(|_| task.state.clean())?;
            assert_eq!(task.state.entries(), 500);
            for k in 0..1_000_u32 {
                assert_eq!(state.get_cloned(&key(k))?, (k % 2 == 1).then_some(1));
            }
            at(&task, 160);
            (0..8).try_for_each(|_| task.state.clean())?;
            assert_eq!((task.state.entries(), task.state.memory_bytes()), (0, 0));
            assert_eq!(task.seal()?.entries("n")?, [], "what no checkpoint ever had leaves no trace");
            Ok(())
        };
        check().expect("no call fails");
    }
}

pub fn what_has_expired_is_not_written_and_what_was_written_is_deleted(factory: &Factory) {
    with_spy(factory, hundred(), |task, mut state, spy| {
        at(task, 0);
        state.set(&key(1_u32), 1)?;
        at(task, 100);
        assert_eq!(
            (task.state.spill(0)?.runs.len(), spy.opened(), task.state.entries()),
            (0, false, 0),
            "it goes by eviction"
        );
        state.set(&key(2_u32), 2)?;
        at(task, 200);
        assert_eq!(task.seal()?.entries("n")?, [], "and by a seal");
        task.spill()?;

        state.set(&key(3_u32), 3)?;
        task.seal()?;
        task.spill()?;
        at(task, 310);
        assert_eq!(state.get_cloned(&key(3_u32))?, None);
        task.spill()?;
        assert!(spy.content("n")?.is_empty(), "the store has let go of what a read has met");
        let entries = task.seal()?.entries("n")?;
        assert!(matches!(entries[..], [Entry::Put { .. }, Entry::Delete { .. }]), "{entries:?}");
        Ok(())
    });
}

pub fn a_checkpoint_holds_what_had_not_expired_at_its_barrier(factory: &Factory) {
    with_spy(factory, hundred(), |task, mut state, _| {
        at(task, 0);
        state.set(&key(1_u32), 1)?;
        at(task, 60);
        state.set(&key(2_u32), 2)?;
        at(task, 99);
        task.begin()?;
        at(task, 150);
        assert_eq!(state.get_cloned(&key(1_u32))?, None);
        task.spill()?;
        assert_eq!(task.finish()?.content("n")?, content(&[(1, 1, 0), (2, 2, 60)]));
        assert_eq!(task.seal()?.content("n")?, content(&[(2, 2, 60)]));
        Ok(())
    });
}

/// A dirty newer version stands in the table, an expired older one in the store.
pub fn an_old_expiry_never_removes_a_fresh_value(factory: &Factory) {
    with_spy(factory, hundred(), |task, mut state, spy| {
        at(task, 0);
        state.set(&key(1_u32), 1)?;
        task.spill()?;
        at(task, 150);
        state.set(&key(1_u32), 2)?;
        task.state.clean()?;
        assert_eq!(state.get_cloned(&key(1_u32))?, Some(2));
        task.begin()?;
        task.spill()?;
        task.finish()?;
        spy.compact()?;
        assert_eq!(state.get_cloned(&key(1_u32))?, Some(2));
        at(task, 249);
        let checkpoint = task.seal()?;
        assert_eq!(checkpoint.content("n")?, content(&[(1, 2, 150)]));
        let mut again = task.again(factory, 0);
        let restored: Numbers = again.state.value("n").ttl(hundred());
        at(&again, 249);
        again.restore(&checkpoint)?;
        assert_eq!(restored.get_cloned(&key(1_u32))?, Some(2));
        Ok(())
    });
}

/// Conformance case 38.
pub fn a_store_removes_what_expired_before_the_last_complete_checkpoint_and_nothing_else(factory: &Factory) {
    with_spy(factory, hundred(), |task, mut state, spy| {
        for k in 0..200_u32 {
            at(task, i64::from(k));
            state.set(&key(k), 1)?;
            task.spill()?;
        }
        let left = |spy: &Spy| -> Result<usize> {
            spy.compact()?;
            Ok(spy.content("n")?.len())
        };
        at(task, 250);
        assert_eq!(left(spy)?, 200, "a replay may begin at time 0");
        task.begin()?;
        assert_eq!(left(spy)?, 200, "the checkpoint is not complete");
        at(task, 270);
        task.finish()?;
        // Entries 0 to 150 had expired at 250.
        assert_eq!(left(spy)?, 49);
        for k in 0..200_u32 {
            assert_eq!(state.get_cloned(&key(k))?, (k > 170).then_some(1), "key {k}");
        }
        task.seal()?;
        assert_eq!(left(spy)?, 29);
        Ok(())
    });
}

pub fn a_time_to_live_is_given_once_before_any_use_and_is_longer_than_nothing(factory: &Factory) {
    let mut task = Task::by_hand(factory, usize::MAX);
    let mut used: Numbers = task.state.value("used");
    used.set(&key(1_u32), 1).expect("a value can be set");
    let states = [
        task.state.value("good").ttl(hundred()),
        task.state.value("twice").ttl(hundred()).ttl(hundred()),
        task.state.value("nothing").ttl(Ttl::after(Duration::ZERO)),
        used.ttl(hundred()),
    ];
    let problems = task.state.problems();
    let expected = [
        "the state `op/used` is given a time to live after it was used",
        "the state `op/twice` is given a time to live twice",
        "the state `op/nothing` has a time to live of 0 ms",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    problems.iter().zip(expected).for_each(|(problem, expected)| assert!(problem.starts_with(expected), "{problem}"));
    let [good, twice, _, mut used]: [Numbers; 4] = states;
    assert!(good.get(&key(1_u32)).is_ok());
    for refused in [twice.get(&key(1_u32)).err(), used.set(&key(1_u32), 1).err()] {
        assert!(refused.is_some_and(|error| error.to_string().contains("is given a time to live")));
    }
    assert!(task.state.expires_by(TtlClock::Processing) && !task.state.expires_by(TtlClock::Event));
}
