//! Values: what a handle promises to its user.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    spy::Spy,
    task::{Factory, Task, everywhere, key},
};
use crate::ValueState;
use gress_core::Result;

/// Conformance case 1.
pub fn a_value_is_what_was_set_last_and_removing_an_absent_one_is_no_error(factory: &Factory) {
    everywhere(factory, |task| {
        let mut state = task.state.value::<String, u64>("n");
        let (a, b) = (key("a"), key("b"));
        assert_eq!(state.get_cloned(&a)?, None);
        task.pass()?;
        state.set(&a, 1)?;
        task.pass()?;
        assert_eq!((state.get_cloned(&a)?, state.get_cloned(&b)?), (Some(1), None));
        task.pass()?;
        state.remove(&a)?;
        task.pass()?;
        assert_eq!(state.get_cloned(&a)?, None);
        task.pass()?;
        state.remove(&a)?;
        task.pass()?;
        state.remove(&b)?;
        task.pass()?;
        assert_eq!((state.take(&a)?, state.take(&b)?), (None, None));
        task.pass()?;
        assert!(task.seal()?.content("n")?.is_empty());
        Ok(())
    });
}

/// Conformance case 2.
pub fn a_restore_gives_the_values_at_the_barrier(factory: &Factory) {
    everywhere(factory, |task| {
        let mut state = task.state.value::<u32, String>("n");
        for (k, v) in [(1_u32, "one"), (2, "two")] {
            state.set(&key(k), v.into())?;
            task.pass()?;
        }
        let checkpoint = task.seal()?;
        state.set(&key(1_u32), "changed".into())?;
        task.pass()?;
        state.set(&key(3_u32), "three".into())?;
        task.pass()?;
        for budget in super::BUDGETS {
            let mut restored = task.again(factory, budget);
            let state = restored.state.value::<u32, String>("n");
            restored.restore(&checkpoint)?;
            let values = [1_u32, 2, 3].map(|k| state.get_cloned(&key(k)).expect("a value can be read"));
            assert_eq!(values, [Some("one".to_owned()), Some("two".to_owned()), None]);
            // Not touched any more, and in the next checkpoint all the same.
            assert_eq!(restored.seal()?.content("n")?, checkpoint.content("n")?);
        }
        Ok(())
    });
}

/// Conformance case 3.
pub fn states_of_different_names_do_not_see_each_other(factory: &Factory) {
    everywhere(factory, |task| {
        let (mut one, mut two) = (task.state.value::<u32, u64>("n"), task.state.value::<u32, u64>("nn"));
        one.set(&key(7_u32), 1)?;
        task.pass()?;
        assert_eq!(two.get_cloned(&key(7_u32))?, None);
        two.set(&key(7_u32), 2)?;
        task.pass()?;
        one.remove(&key(7_u32))?;
        task.pass()?;
        assert_eq!((one.get_cloned(&key(7_u32))?, two.get_cloned(&key(7_u32))?), (None, Some(2)));
        assert_eq!(task.state.problems(), [""; 0]);
        Ok(())
    });
}

/// Conformance case 3.
pub fn a_name_used_twice_is_a_problem_that_tells_both_types(factory: &Factory) {
    let mut task = Task::by_hand(factory, usize::MAX);
    let _one: ValueState<u32, u64> = task.state.value("n");
    let _two = task.state.windows::<String, bool>("n");
    let problems = task.state.problems();
    let [problem] = &problems[..] else { panic!("one problem: {problems:?}") };
    for part in ["`op/n`", "Value", "`u64`", "Window", "`bool`"] {
        assert!(problem.contains(part), "{problem}");
    }
}

/// Conformance case 14.
pub fn keys_that_are_prefixes_empty_or_long_are_keys_of_their_own(factory: &Factory) {
    let mut keys: Vec<String> = ["", "\0", "a", "a\0", "a\0b", "ab", "\u{ff}", "\u{10ffff}"].map(String::from).into();
    keys.push("k".repeat(64 << 10));
    keys.push("k".repeat((64 << 10) - 1));
    everywhere(factory, |task| {
        let mut state = task.state.value::<String, usize>("n");
        for (n, k) in keys.iter().enumerate() {
            state.set(&key(k.clone()), n)?;
            task.pass()?;
        }
        state.remove(&key("a"))?;
        task.pass()?;
        let checkpoint = task.seal()?;
        let mut restored = task.again(factory, 0);
        let again = restored.state.value::<String, usize>("n");
        restored.restore(&checkpoint)?;
        for (n, k) in keys.iter().enumerate() {
            let wanted = (k != "a").then_some(n);
            assert_eq!(state.get_cloned(&key(k.clone()))?, wanted, "{k:?}");
            assert_eq!(again.get_cloned(&key(k.clone()))?, wanted, "{k:?}, restored");
            task.pass()?;
        }
        Ok(())
    });
}

/// Conformance case 23.
pub fn only_what_is_written_through_the_handle_changes_state(factory: &Factory) {
    everywhere(factory, |task| {
        let mut state = task.state.value::<u32, Vec<u8>>("n");
        let k = key(1_u32);
        state.set(&k, vec![1])?;
        task.pass()?;
        let mut clone = state.get_cloned(&k)?.unwrap_or_default();
        clone.push(2);
        task.pass()?;
        assert_eq!(state.get(&k)?.as_deref(), Some(&vec![1]));
        let entry = state.entry(&k)?.or_default();
        assert_eq!(*entry, [1]);
        drop(entry);
        assert!(state.update(&k, |value| value.push(3))?);
        task.pass()?;
        assert!(state.update(&k, |value| value.push(4))?);
        task.pass()?;
        state.entry(&k)?.or_default().push(5);
        task.pass()?;
        assert!(!state.update(&key(2_u32), |_| panic!("there is nothing to change"))?);
        assert_eq!(state.take(&k)?, Some(vec![1, 3, 4, 5]));
        Ok(())
    });
}

/// Conformance case 23.
pub fn a_value_is_dirty_once_it_is_changed_and_not_when_it_is_looked_at(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, usize::MAX);
        let mut state = task.state.value::<u32, u64>("n");
        let k = key(1_u32);
        state.set(&k, 1)?;
        task.seal()?;
        assert_eq!(*state.entry(&k)?.or_insert(0), 1);
        drop(state.entry(&k)?);
        assert_eq!(state.get_cloned(&k)?, Some(1));
        assert_eq!(task.seal()?.entries("n")?.len(), 1);
        (0..3).try_for_each(|_| state.update(&k, |n| *n += 1).map(drop))?;
        *state.entry(&k)?.or_insert(0) += 1;
        assert_eq!(task.seal()?.entries("n")?.len(), 2);
        Ok(())
    };
    check().expect("no call fails");
}

pub fn values_may_be_borrowed_together_wherever_they_are(factory: &Factory) {
    everywhere(factory, |task| {
        let mut state = task.state.value::<u32, u32>("n");
        for k in 0..20_u32 {
            state.set(&key(k), k)?;
            task.pass()?;
        }
        let read: Vec<_> = (0..22_u32).map(|k| state.get(&key(k)).expect("a value can be read")).collect();
        for (k, value) in (0..).zip(&read) {
            assert_eq!(value.as_deref(), Some(&k).filter(|k| **k < 20));
        }
        Ok(())
    });
}

/// Conformance case 27.
pub fn state_of_ten_times_the_budget_stays_within_it(factory: &Factory) {
    let check = || -> Result<()> {
        // About 1,000 entries of 20,000, and values that grow from nothing.
        let budget = 200 << 10;
        let mut task = Task::by_hand(factory, budget);
        let mut state = task.state.value::<u32, Vec<u8>>("n");
        for round in 0..3_u8 {
            for k in 0..20_000_u32 {
                let growing = k % 20_000 / 10_000 == 0;
                let bytes = if growing { 40 * usize::from(round) } else { 1 };
                state.entry(&key(k))?.or_default().resize(bytes, round);
                if k % 64 == 0 {
                    task.spill()?;
                    assert!(task.state.memory_bytes() <= budget);
                }
            }
            task.seal()?;
        }
        for k in 0..20_000_u32 {
            let wanted = if k < 10_000 { 80 } else { 1 };
            assert_eq!(state.get(&key(k))?.map(|value| value.len()), Some(wanted), "key {k}");
            task.spill()?;
        }
        Ok(())
    };
    check().expect("no call fails");
}

pub fn values_that_grow_are_noticed_by_the_budget(factory: &Factory) {
    let check = || -> Result<()> {
        let spy = Spy::new(factory);
        let mut task = Task::by_hand(&(spy.clone() as Factory), 100 << 10);
        let mut state = task.state.value::<u32, Vec<u8>>("n");
        for k in (0..20_000_u32).map(|n| n % 100) {
            state.entry(&key(k))?.or_default().extend([7; 32]);
            task.spill()?;
        }
        // 6.4 KB a key, 640 KB in all.
        assert!(spy.opened(), "state of six times the budget has spilled");
        Ok(())
    };
    check().expect("no call fails");
}
