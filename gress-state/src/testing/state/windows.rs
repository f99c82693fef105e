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

fn at((start, end): (i64, i64)) -> (Timestamp, Timestamp) {
    (Timestamp::from_millis(start), Timestamp::from_millis(end))
}

/// Conformance case 12, for windows.
pub fn merged_windows_reduce_the_earlier_into_the_later_one_whatever_the_order_given(factory: &Factory) {
    everywhere(factory, |task| {
        let mut texts: WindowState<u32, String> = task.state.windows("texts");
        let [a, b, c, absent] = [(0, 30), (10, 20), (10, 25), (5, 50)].map(at);
        let target = at((9, 40));
        let write = |texts: &mut WindowState<u32, String>,
                     task: &mut Task,
                     window: (Timestamp, Timestamp),
                     k: u32,
                     text: &str| {
            texts.update(window.0, window.1, &key(k), String::new, |whole| whole.push_str(text))?;
            task.pass()
        };
        for k in 0..6 {
            write(&mut texts, task, c, k, "c")?;
            write(&mut texts, task, a, k, "a")?;
            write(&mut texts, task, b, k, "b")?;
        }
        for k in [0, 1, 4] {
            write(&mut texts, task, target, k, "-")?;
        }
        let join = |whole: &mut String, later: String| whole.push_str(&later);
        texts.merge(&key(0_u32), target, &[c, absent, a, target, b, a], join)?;
        task.pass()?;
        // No target, no source, no source that has anything.
        texts.merge(&key(2_u32), target, &[b, c], join)?;
        task.pass()?;
        texts.merge(&key(1_u32), target, &[], join)?;
        texts.merge(&key(1_u32), target, &[absent], join)?;
        texts.merge(&key(9_u32), target, &[a, b, c], join)?;
        task.pass()?;
        texts.merge(&key(3_u32), absent, &[a], join)?;
        task.pass()?;
        texts.merge(&key(3_u32), target, &[absent], join)?;
        task.pass()?;
        let checkpoint = task.seal()?;
        // What was moved is not there twice, and what is written after a merge is.
        write(&mut texts, task, target, 0, "+")?;
        write(&mut texts, task, a, 0, "A")?;

        let fires = |texts: &mut WindowState<u32, String>| -> Result<Vec<(i64, u32, String)>> {
            let mut found = Vec::new();
            while let Some(mut firing) = texts.fire_next()? {
                while let Some(group) = firing.next_group()? {
                    let end = firing.end().as_millis();
                    found.extend(group.into_iter().map(|(k, text)| (end, k, text)));
                }
            }
            found.sort();
            Ok(found)
        };
        let expected = |after: bool| {
            let mut found: Vec<(i64, u32, String)> = Vec::new();
            found.extend([1, 3, 4, 5].map(|k| (20, k, "b".to_owned())));
            found.extend([1, 3, 4, 5].map(|k| (25, k, "c".to_owned())));
            found.extend([1, 2, 4, 5].map(|k| (30, k, "a".to_owned())));
            found.extend(
                [(0, "a-bc"), (1, "-"), (2, "bc"), (3, "a"), (4, "-")].map(|(k, text)| (40, k, text.to_owned())),
            );
            if after {
                found.push((30, 0, "A".to_owned()));
                found.iter_mut().filter(|(end, k, _)| (*end, *k) == (40, 0)).for_each(|(.., text)| text.push('+'));
            }
            found.sort();
            found
        };
        assert_eq!(fires(&mut texts)?, expected(true));
        for budget in BUDGETS {
            let mut again = task.again(factory, budget);
            let mut texts: WindowState<u32, String> = again.state.windows("texts");
            again.restore(&checkpoint)?;
            assert_eq!(fires(&mut texts)?, expected(false));
        }
        Ok(())
    });
}

pub fn a_merge_while_a_seal_is_under_way_changes_nothing_of_its_checkpoint(factory: &Factory) {
    let check = || -> Result<()> {
        for budget in BUDGETS {
            let mut task = Task::by_hand(factory, budget);
            let mut state: Sums = task.state.windows("w");
            let (early, late, joined) = (at((0, 10)), at((5, 15)), at((0, 15)));
            for k in 0..20 {
                add(&mut state, (0, 10), k, 1)?;
                add(&mut state, (5, 15), k, 2)?;
            }
            task.spill()?;
            task.begin()?;
            for k in 0..20_u32 {
                state.merge(&key(k), joined, &[late, early], |sum, more| *sum = 10 * *sum + more)?;
            }
            task.spill()?;
            let before = task.finish()?;
            let after = task.seal()?;
            let sums = |from: u64| (0..20).map(|k| (k, from)).collect::<BTreeMap<_, _>>();
            let mut again = task.again(factory, 600);
            let mut restored_before = restored(&before, &mut again)?;
            assert_eq!(fire_sorted(&mut restored_before)?, (0, 10, sums(1)));
            assert_eq!(fire_sorted(&mut restored_before)?, (5, 15, sums(2)));
            let mut again = task.again(factory, 600);
            let mut restored_after = restored(&after, &mut again)?;
            for state in [&mut restored_after, &mut state] {
                // Of windows that have nothing left, nothing comes.
                let mut fired = Vec::new();
                while let Some((start, end, content)) = fire(state)? {
                    if !content.is_empty() {
                        fired.push((start, end, content.into_iter().collect::<BTreeMap<_, _>>()));
                    }
                }
                assert_eq!(fired, [(0, 15, sums(12))]);
            }
        }
        Ok(())
    };
    check().expect("no call fails");
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
