//! Corners of the table in front of the store: what is written when, and which of several copies of a value counts.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    spy::Spy,
    task::{Factory, Task, everywhere, key},
};
use crate::{ValueState, testing::Entry};
use gress_core::Result;
use std::sync::Arc;

type Numbers = ValueState<u32, u64>;

/// Calls `check` with a task that spills only when told to, and then all, and a spy on its backend.
fn with_spy(factory: &Factory, check: impl FnOnce(&mut Task, Numbers, &Spy) -> Result<()>) {
    let spy: Arc<Spy> = Spy::new(factory);
    let mut task = Task::by_hand(&(spy.clone() as Factory), 0);
    let state = task.state.value("n");
    check(&mut task, state, &spy).expect("no call fails");
}

/// What a restore of the next checkpoint has for this key.
fn restored(factory: &Factory, task: &mut Task, k: u32) -> Result<Option<u64>> {
    let checkpoint = task.seal()?;
    let mut again = task.again(factory, usize::MAX);
    let state: Numbers = again.state.value("n");
    again.restore(&checkpoint)?;
    state.get_cloned(&key(k))
}

/// Conformance case 17.
pub fn a_removal_in_the_table_hides_the_value_in_the_store(factory: &Factory) {
    with_spy(factory, |task, mut state, spy| {
        state.set(&key(1_u32), 1)?;
        task.spill()?;
        state.remove(&key(1_u32))?;
        assert_eq!(state.get_cloned(&key(1_u32))?, None);
        assert_eq!(spy.content("n")?.len(), 1, "the store has it still");
        assert_eq!(restored(factory, task, 1)?, None);
        task.spill()?;
        assert_eq!(state.get_cloned(&key(1_u32))?, None);
        assert!(spy.content("n")?.is_empty());
        Ok(())
    });
}

/// Conformance case 18.
pub fn what_is_set_and_removed_before_the_first_seal_leaves_no_trace(factory: &Factory) {
    with_spy(factory, |task, mut state, spy| {
        for k in 0..100_u32 {
            state.set(&key(k), 1)?;
            match k % 2 {
                0 => state.remove(&key(k))?,
                _ => assert_eq!(state.take(&key(k))?, Some(1)),
            }
        }
        assert_eq!(task.state.entries(), 0);
        assert_eq!(task.spill()?, 0);
        assert!(!spy.opened());
        assert_eq!(task.seal()?.entries("n")?, []);
        Ok(())
    });
}

/// Conformance case 18.
pub fn a_removal_is_in_the_next_checkpoint_if_an_older_one_has_the_value(factory: &Factory) {
    with_spy(factory, |task, mut state, _| {
        state.set(&key(1_u32), 1)?;
        task.seal()?;
        state.remove(&key(1_u32))?;
        let entries = task.seal()?.entries("n")?;
        assert!(matches!(entries[..], [Entry::Put { .. }, Entry::Delete { .. }]), "{entries:?}");
        // Sealed, gone from table and store: a second removal has nothing to say.
        state.remove(&key(1_u32))?;
        assert_eq!(task.seal()?.entries("n")?.len(), 2);
        assert_eq!(task.state.entries(), 0);
        Ok(())
    });
}

pub fn a_blind_removal_of_a_spilled_value_reaches_store_and_checkpoint(factory: &Factory) {
    with_spy(factory, |task, mut state, spy| {
        state.set(&key(1_u32), 1)?;
        state.set(&key(2_u32), 2)?;
        task.spill()?;
        let gets = spy.gets();
        state.remove(&key(1_u32))?;
        assert_eq!(spy.gets(), gets, "it does not read");
        task.spill()?;
        assert_eq!(spy.content("n")?.len(), 1);
        assert_eq!(restored(factory, task, 1)?, None);
        assert_eq!(restored(factory, task, 2)?, Some(2));
        Ok(())
    });
}

/// Conformance case 19.
pub fn a_clean_entry_is_evicted_without_a_write_and_a_dirty_one_with_one(factory: &Factory) {
    with_spy(factory, |task, mut state, spy| {
        let k = key(1_u32);
        for n in 1..=5 {
            state.set(&k, n as u64)?;
            task.spill()?;
            assert_eq!(spy.puts(), n);
            assert_eq!(state.get_cloned(&k)?, Some(n as u64));
            assert_eq!(task.spill()?, 0, "what was only read has no run");
            assert_eq!((spy.puts(), task.state.entries()), (n, 0));
        }
        // Sealed, but not in the store yet: written there, and part of no further run.
        state.set(&k, 6)?;
        let before = task.seal()?.entries("n")?.len();
        assert_eq!(task.spill()?, 0);
        assert_eq!(spy.puts(), 6);
        assert_eq!(task.seal()?.entries("n")?.len(), before);
        assert_eq!(state.get_cloned(&k)?, Some(6));
        Ok(())
    });
}

/// Conformance case 20.
pub fn a_read_of_the_store_never_replaces_what_was_written(factory: &Factory) {
    with_spy(factory, |task, mut state, _| {
        let k = key(1_u32);
        state.set(&k, 1)?;
        task.spill()?;
        state.set(&k, 2)?;
        assert_eq!(state.get_cloned(&k)?, Some(2));
        assert_eq!(*state.entry(&k)?.or_insert(9), 2);
        assert!(state.update(&k, |n| *n += 1)?);
        assert_eq!(state.get_cloned(&k)?, Some(3));
        task.spill()?;
        assert_eq!(state.get_cloned(&k)?, Some(3));
        assert_eq!(restored(factory, task, 1)?, Some(3));
        Ok(())
    });
}

/// Conformance case 21, for single keys: table, seal under way, store, in this order.
pub fn the_newest_copy_of_a_value_counts(factory: &Factory) {
    with_spy(factory, |task, mut state, _| {
        for k in 0..8_u32 {
            state.set(&key(k), 1)?;
        }
        task.spill()?;
        for k in 0..6_u32 {
            if k % 2 == 0 { state.remove(&key(k))? } else { state.set(&key(k), 2)? }
        }
        task.begin()?;
        task.slice(1)?;
        for k in 0..4_u32 {
            if k % 2 == 0 { state.set(&key(k), 3)? } else { state.remove(&key(k))? }
        }
        let newest = [Some(3), None, Some(3), None, None, Some(2), Some(1), Some(1)];
        let read = |state: &Numbers| (0..8_u32).map(|k| state.get_cloned(&key(k))).collect::<Result<Vec<_>>>();
        assert_eq!(read(&state)?, newest);
        task.spill()?;
        assert_eq!(read(&state)?, newest);
        let checkpoint = task.finish()?;
        let mut again = task.again(factory, 0);
        let then: Numbers = again.state.value("n");
        again.restore(&checkpoint)?;
        assert_eq!(read(&then)?, [None, Some(2), None, Some(2), None, Some(2), Some(1), Some(1)]);
        let checkpoint = task.seal()?;
        let mut again = task.again(factory, 0);
        let now: Numbers = again.state.value("n");
        again.restore(&checkpoint)?;
        assert_eq!(read(&now)?, newest);
        Ok(())
    });
}

/// Conformance case 22.
pub fn a_known_absence_is_looked_up_once_and_ends_with_a_write(factory: &Factory) {
    with_spy(factory, |task, mut state, spy| {
        assert_eq!(state.get_cloned(&key(1_u32))?, None);
        assert_eq!((spy.opened(), task.state.entries()), (false, 0), "nothing was spilled: nothing to look up");
        state.set(&key(0_u32), 0)?;
        task.spill()?;
        for _ in 0..3 {
            assert_eq!(state.get_cloned(&key(1_u32))?, None);
        }
        assert_eq!((spy.gets(), task.state.entries()), (1, 1));
        state.set(&key(1_u32), 1)?;
        assert_eq!(state.get_cloned(&key(1_u32))?, Some(1));
        assert_eq!(state.take(&key(1_u32))?, Some(1));
        assert_eq!(state.get_cloned(&key(1_u32))?, None);
        *state.entry(&key(1_u32))?.or_insert(5) += 1;
        assert_eq!(restored(factory, task, 1)?, Some(6));
        // An absence says nothing to store or checkpoint.
        assert_eq!(state.get_cloned(&key(2_u32))?, None);
        let before = task.seal()?.entries("n")?.len();
        task.spill()?;
        assert_eq!(task.seal()?.entries("n")?.len(), before);
        Ok(())
    });
}

/// Conformance case 24.
pub fn writes_after_a_barrier_are_not_in_its_checkpoint(factory: &Factory) {
    for spill in [false, true] {
        with_spy(factory, |task, mut state, _| {
            for k in 0..50_u32 {
                state.set(&key(k), 1)?;
            }
            task.begin()?;
            for k in 0..70_u32 {
                match k % 5 {
                    0 => state.set(&key(k), 2)?,
                    1 => state.remove(&key(k))?,
                    2 => drop(state.update(&key(k), |n| *n = 2)?),
                    3 => *state.entry(&key(k))?.or_insert(2) = 2,
                    _ => drop(state.take(&key(k))?),
                }
                task.slice(k as usize % 2)?;
                if spill && k % 7 == 0 {
                    task.spill()?;
                }
            }
            let content = task.finish()?.content("n")?;
            assert_eq!((content.len(), content.values().all(|v| v == &[1])), (50, true));
            assert_eq!(state.get_cloned(&key(65_u32))?, Some(2));
            let content = task.seal()?.content("n")?;
            assert_eq!(content.values().filter(|v| *v == &[2]).count(), content.len());
            Ok(())
        });
    }
}

/// Conformance case 25.
pub fn two_checkpoints_that_follow_at_once_are_both_right(factory: &Factory) {
    everywhere(factory, |task| {
        let mut state: Numbers = task.state.value("n");
        let mut before = 0;
        for n in 1..=10_u64 {
            for k in 0..10_u32 {
                state.set(&key(k), n)?;
                task.pass()?;
            }
            let one = task.seal()?.content("n")?;
            let two = task.seal()?.content("n")?;
            assert_eq!(one, two);
            assert!(one.len() == 10 && one.values().all(|v| u64::from(v[0]) == n), "{before}");
            before = n;
        }
        Ok(())
    });
}

pub fn a_seal_that_was_not_taken_is_not_lost_by_the_next_barrier(factory: &Factory) {
    with_spy(factory, |task, mut state, _| {
        let mut timers = crate::TimersOfTask::<u32>::default();
        let mut timer = task.state.timers("t", &mut timers);
        state.set(&key(1_u32), 1)?;
        timer.set(&key(1_u32), gress_core::Timestamp::from_millis(1))?;
        task.begin()?;
        let refused = task.begin().expect_err("the seal before was not taken");
        assert!(refused.to_string().contains("`op/n`"), "{refused}");
        let checkpoint = task.finish()?;
        assert_eq!((checkpoint.content("n")?.len(), checkpoint.content("t")?.len()), (1, 1));
        Ok(())
    });
}

pub fn slots_that_come_and_go_leave_nothing_in_memory(factory: &Factory) {
    with_spy(factory, |task, mut state, _| {
        for n in 0..1_000_u32 {
            state.set(&key(n), 1)?;
        }
        for n in 0..1_000_u32 {
            state.remove(&key(n))?;
        }
        assert_eq!((task.state.entries(), task.state.memory_bytes()), (0, 0));
        assert_eq!(task.seal()?.entries("n")?, []);
        Ok(())
    });
}

pub fn reads_are_counted_by_who_answered_them(factory: &Factory) {
    with_spy(factory, |task, mut state, spy| {
        assert_eq!(state.get_cloned(&key(1_u32))?, None);
        *state.entry(&key(1_u32))?.or_insert(0) += 1;
        assert!(state.update(&key(1_u32), |n| *n += 1)?);
        state.set(&key(2_u32), 1)?;
        let stats = |task: &Task| task.state.stats()[0].1;
        assert_eq!((stats(task).hits, stats(task).misses), (3, 0), "a blind write reads nothing");
        assert_eq!((stats(task).entries, stats(task).dirty_entries), (2, 2));
        assert_eq!(stats(task).table_bytes, stats(task).dirty_bytes);
        assert!(stats(task).table_bytes > 0);
        task.spill()?;
        assert_eq!((stats(task).entries, stats(task).table_bytes, stats(task).spills), (0, 0, 1));
        assert!(stats(task).spilled_bytes > 0);
        assert_eq!(state.get_cloned(&key(1_u32))?, Some(2));
        assert_eq!(state.get_cloned(&key(3_u32))?, None, "asked once");
        assert_eq!(state.take(&key(3_u32))?, None, "and known from then on");
        assert_eq!((stats(task).hits, stats(task).misses), (4, 2));
        assert_eq!(stats(task).misses, spy.gets() as u64, "a miss is a read of the store");
        // While a value is borrowed, a miss is read past the table.
        let held = state.get(&key(1_u32))?;
        assert_eq!(state.get_cloned(&key(2_u32))?, Some(1));
        drop(held);
        assert_eq!((stats(task).hits, stats(task).misses), (5, 3));
        Ok(())
    });
}
