//! Windowed state: what fires, in which order, and what a fired window leaves behind, which is nothing.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    spy::Spy,
    task::{BUDGETS, Checkpoint, Factory, Task, everywhere, key},
};
use crate::{WindowState, testing::Entry};
use gress_core::{Result, Timestamp};
use std::collections::BTreeMap;

type Sums = WindowState<u32, u64>;

/// Start, end, and the sum of each key, in the order in which they fire.
type Fired = (i64, i64, Vec<(u32, u64)>);

fn add(state: &mut Sums, (start, end): (i64, i64), k: u32, n: u64) -> Result<()> {
    state.update(Timestamp::from_millis(start), Timestamp::from_millis(end), &key(k), || 0, |sum| *sum += n)
}

fn fire(state: &mut Sums) -> Result<Option<Fired>> {
    let Some(mut firing) = state.fire_next()? else { return Ok(None) };
    let mut content = Vec::new();
    while let Some(group) = firing.next_group()? {
        assert!(group.is_sorted(), "the keys of a group are in order");
        content.extend(group);
    }
    Ok(Some((firing.start().as_millis(), firing.end().as_millis(), content)))
}

/// Fires one window that must be there, whatever the order of its keys.
fn fire_sorted(state: &mut Sums) -> Result<(i64, i64, BTreeMap<u32, u64>)> {
    let (start, end, content) = fire(state)?.expect("a window is open");
    Ok((start, end, content.into_iter().collect()))
}

fn restored(checkpoint: &Checkpoint, task: &mut Task) -> Result<Sums> {
    let state = task.state.windows("w");
    task.restore(checkpoint)?;
    Ok(state)
}

pub fn windows_fire_by_end_then_start_with_all_their_keys(factory: &Factory) {
    everywhere(factory, |task| {
        let mut state: Sums = task.state.windows("w");
        let windows = [(10, 20), (0, 10), (0, 20), (-10, 0), (5, 10), (-30, 30), (i64::MAX - 1, i64::MAX)];
        for round in 0..3 {
            for (at, window) in (0..).zip(windows) {
                for k in 0..=at {
                    add(&mut state, window, k, u64::from(k) + round)?;
                    task.pass()?;
                }
            }
        }
        let checkpoint = task.seal()?;
        let order = [(-10, 0), (0, 10), (5, 10), (0, 20), (10, 20), (-30, 30), (i64::MAX - 1, i64::MAX)];
        let mut fired = Vec::new();
        for (start, end) in order {
            assert_eq!(state.next_end(), Some(Timestamp::from_millis(end)));
            let window = fire(&mut state)?.expect("a window is open");
            assert_eq!((window.0, window.1), (start, end));
            let keys = windows.iter().position(|w| *w == (start, end)).map_or(0, |at| at as u32);
            let sums: BTreeMap<u32, u64> = window.2.iter().copied().collect();
            assert_eq!(sums, (0..=keys).map(|k| (k, 3 * u64::from(k) + 3)).collect());
            fired.push(window);
            task.pass()?;
        }
        assert_eq!((fire(&mut state)?, state.next_end()), (None, None));
        assert!(task.seal()?.content("w")?.is_empty());
        // A replay fires the same in the same order, wherever the content is.
        for budget in BUDGETS {
            let mut again = task.again(factory, budget);
            let mut state = restored(&checkpoint, &mut again)?;
            for window in &fired {
                assert_eq!(fire(&mut state)?.as_ref(), Some(window));
                again.pass()?;
            }
            assert_eq!(fire(&mut state)?, None);
        }
        Ok(())
    });
}

pub fn a_window_fires_what_lies_in_the_table_in_the_store_and_in_both(factory: &Factory) {
    let check = |sealed: bool| -> Result<()> {
        let mut task = Task::by_hand(factory, 0);
        let mut state: Sums = task.state.windows("w");
        (0..20).try_for_each(|k| add(&mut state, (0, 10), k, 1))?;
        task.spill()?;
        (10..30).try_for_each(|k| add(&mut state, (0, 10), k, 1))?;
        if sealed {
            task.begin()?;
            task.slice(3)?;
        }
        let wanted = (0..30).map(|k| (k, if (10..20).contains(&k) { 2 } else { 1 })).collect();
        assert_eq!(fire_sorted(&mut state)?, (0, 10, wanted));
        let checkpoint = if sealed { task.finish()? } else { task.seal()? };
        assert_eq!(checkpoint.content("w")?.len(), if sealed { 30 } else { 0 });
        assert!(task.seal()?.content("w")?.is_empty());
        Ok(())
    };
    check(false).and_then(|()| check(true)).expect("no call fails");
}

pub fn a_fired_window_leaves_nothing_in_store_or_checkpoint(factory: &Factory) {
    let check = |budget: usize| -> Result<()> {
        let spy = Spy::new(factory);
        let mut task = Task::by_hand(&(spy.clone() as Factory), budget);
        let mut state: Sums = task.state.windows("w");
        for window in [(0, 10), (0, 11), (10, 20)] {
            (0..50).try_for_each(|k| add(&mut state, window, k, 1))?;
        }
        task.spill()?;
        task.seal()?;
        task.spill()?;
        assert_eq!(spy.content("w")?.is_empty(), budget == usize::MAX);
        fire(&mut state)?;
        let checkpoint = task.seal()?;
        assert_eq!(checkpoint.content("w")?.len(), 100, "the windows beside it stay");
        let newest = checkpoint.entries("w")?.split_off(150);
        let ranges = newest.iter().filter(|entry| matches!(entry, Entry::DeleteRange { .. })).count();
        assert!(ranges == newest.len() && (1..=50).contains(&ranges), "one range a key group: {newest:?}");
        fire(&mut state)?;
        fire(&mut state)?;
        assert!(task.seal()?.content("w")?.is_empty());
        assert!(spy.content("w")?.is_empty());
        assert_eq!((task.state.entries(), task.state.memory_bytes()), (0, 0));
        Ok(())
    };
    check(0).and_then(|()| check(usize::MAX)).expect("no call fails");
}

/// Conformance case 18, for windows.
pub fn a_window_that_was_never_sealed_or_spilled_writes_nothing(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, 0);
        let mut state: Sums = task.state.windows("w");
        add(&mut state, (0, 10), 1, 1)?;
        fire(&mut state)?;
        assert_eq!(task.seal()?.entries("w")?, []);
        Ok(())
    };
    check().expect("no call fails");
}

/// Conformance case 24, for windows.
pub fn a_window_that_fires_after_a_barrier_is_in_its_checkpoint(factory: &Factory) {
    let check = |budget: usize, slice: usize| -> Result<()> {
        let mut task = Task::by_hand(factory, budget);
        let mut state: Sums = task.state.windows("w");
        for window in [(0, 10), (10, 20)] {
            (0..10).try_for_each(|k| add(&mut state, window, k, 1))?;
        }
        task.begin()?;
        task.slice(slice)?;
        add(&mut state, (0, 10), 3, 5)?;
        add(&mut state, (0, 10), 11, 5)?;
        task.spill()?;
        let mut wanted: BTreeMap<u32, u64> = (0..10).map(|k| (k, 1)).collect();
        let at_barrier = wanted.clone();
        wanted.extend([(3, 6), (11, 5)]);
        assert_eq!(fire_sorted(&mut state)?, (0, 10, wanted));
        let checkpoint = task.finish()?;
        let mut again = task.again(factory, budget);
        let mut then = restored(&checkpoint, &mut again)?;
        assert_eq!(fire_sorted(&mut then)?, (0, 10, at_barrier));
        assert_eq!(task.seal()?.content("w")?.len(), 10);
        Ok(())
    };
    for budget in BUDGETS {
        (0..5).try_for_each(|slice| check(budget, slice)).expect("no call fails");
    }
}

pub fn a_window_that_is_opened_again_after_it_fired_begins_anew_and_is_kept(factory: &Factory) {
    everywhere(factory, |task| {
        let mut state: Sums = task.state.windows("w");
        for round in 1..=4 {
            // Some keys of the round before, some new ones.
            for k in round..round + 12 {
                add(&mut state, (0, 10), k, u64::from(round))?;
                task.pass()?;
            }
            let checkpoint = task.seal()?;
            let mut again = task.again(factory, 0);
            let mut then = restored(&checkpoint, &mut again)?;
            let wanted = (0, 10, (round..round + 12).map(|k| (k, u64::from(round))).collect());
            assert_eq!(fire_sorted(&mut then)?, wanted);
            assert_eq!(fire_sorted(&mut state)?, wanted);
            task.pass()?;
        }
        Ok(())
    });
}

pub fn a_large_window_of_many_scans_fires_whole(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, 64 << 10);
        // One key group of 128 has more rows than one look at the store takes.
        let keys = || (0_u32..400_000).filter(|k| key::<u32>(*k).group().0 == 77);
        let mut state: Sums = task.state.windows("w");
        for k in keys() {
            add(&mut state, (0, 10), k, 1)?;
            if k % 64 == 0 {
                task.spill()?;
            }
        }
        let (.., content) = fire(&mut state)?.expect("a window is open");
        assert!(content.len() > 2048, "{} keys", content.len());
        assert!(content.into_iter().map(|(k, _)| k).eq(keys()));
        Ok(())
    };
    check().expect("no call fails");
}
