//! Timers: which fire, in which order, and what is left of those that are gone.

use super::task::{BUDGETS, Checkpoint, Factory, Task, everywhere, key};
use crate::{Timers, TimersOfTask, testing::Random};
use gress_core::{Result, Timestamp};
use std::collections::BTreeSet;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Timers of two purposes, in two states.
struct Two {
    one: Timers<String>,
    two: Timers<String>,
    due: TimersOfTask<String>,
}

impl Two {
    fn declare(task: &mut Task) -> Self {
        let mut due = TimersOfTask::default();
        let one = task.state.timers("one", &mut due);
        let two = task.state.timers("two", &mut due);
        Two { one, two, due }
    }

    fn restored(checkpoint: &Checkpoint, task: &mut Task) -> Result<Self> {
        let two = Two::declare(task);
        task.restore(checkpoint)?;
        Ok(two)
    }

    /// All that is due, as (time, key, name), with a pass after each.
    fn fire(&mut self, task: &mut Task, watermark: i64) -> Result<Vec<(i64, String, &'static str)>> {
        let mut fired = Vec::new();
        while let Some(timer) = self.due.pop_due(at(watermark))? {
            fired.push((timer.time.as_millis(), timer.key.value().clone(), timer.name));
            task.pass()?;
        }
        Ok(fired)
    }
}

/// Conformance case 40: the name of the state is the namespace.
pub fn a_timer_set_twice_fires_once_and_a_deleted_one_never(factory: &Factory) {
    for delete in [false, true] {
        everywhere(factory, |task| {
            let mut two = Two::declare(task);
            for timers in [&mut two.one, &mut two.two] {
                for k in ["a", "b", "a", "b"] {
                    timers.set(&key(k), at(10))?;
                    task.pass()?;
                }
            }
            if delete {
                two.one.delete(&key("a"), at(10))?;
                task.pass()?;
                two.two.delete(&key("b"), at(10))?;
                two.two.delete(&key("b"), at(11))?;
                task.pass()?;
            }
            let fired = two.fire(task, 10)?;
            let names: Vec<_> = fired.iter().map(|(_, k, name)| (k.as_str(), *name)).collect();
            match delete {
                false => assert_eq!(names, [("a", "one"), ("a", "two"), ("b", "one"), ("b", "two")]),
                true => assert_eq!(names, [("a", "two"), ("b", "one")]),
            }
            assert!(two.fire(task, i64::MAX)?.is_empty());
            Ok(())
        });
    }
}

/// Conformance case 41, but for the watermark in a callback, which is the runtime's.
pub fn a_watermark_fires_what_is_due_at_it_and_no_later_one(factory: &Factory) {
    everywhere(factory, |task| {
        let mut two = Two::declare(task);
        for time in [11, 10, i64::MAX, i64::MIN] {
            two.one.set(&key("a"), at(time))?;
            task.pass()?;
        }
        let times = |fired: Vec<(i64, String, &str)>| fired.into_iter().map(|(t, ..)| t).collect::<Vec<_>>();
        assert_eq!(times(two.fire(task, 9)?), [i64::MIN]);
        assert_eq!(times(two.fire(task, 10)?), [10]);
        assert_eq!(times(two.fire(task, i64::MAX)?), [11, i64::MAX]);
        Ok(())
    });
}

/// Conformance case 42.
pub fn a_timer_set_while_its_like_fires_is_due_in_the_same_advance(factory: &Factory) {
    everywhere(factory, |task| {
        let mut two = Two::declare(task);
        two.one.set(&key("a"), at(10))?;
        task.pass()?;
        let mut fired = Vec::new();
        while let Some(timer) = two.due.pop_due(at(10))? {
            fired.push(timer.time.as_millis());
            if fired.len() == 1 {
                two.one.set(&timer.key, at(10))?;
                two.one.set(&timer.key, at(5))?;
                two.one.set(&timer.key, at(11))?;
            }
            task.pass()?;
        }
        assert_eq!(fired, [10, 5, 10]);
        assert_eq!(task.seal()?.content("one")?.len(), 1);
        Ok(())
    });
}

/// Conformance case 43.
pub fn timers_fire_by_time_then_key_then_declaration(factory: &Factory) {
    everywhere(factory, |task| {
        let mut two = Two::declare(task);
        two.two.set(&key("b"), at(2))?;
        for (time, k) in [(3, "a"), (1, "a"), (2, "b"), (-1, "a"), (2, "a\0"), (2, "a"), (2, "")] {
            two.one.set(&key(k), at(time))?;
            task.pass()?;
        }
        let wanted = [(-1, "a"), (1, "a"), (2, ""), (2, "a"), (2, "a\0"), (2, "b"), (2, "b"), (3, "a")];
        let checkpoint = task.seal()?;
        let mut again = task.again(factory, 0);
        let mut replayed = Two::restored(&checkpoint, &mut again)?;
        let fired = two.fire(task, 3)?;
        assert_eq!(fired.iter().map(|(t, k, _)| (*t, k.as_str())).collect::<Vec<_>>(), wanted);
        assert_eq!((fired[5].2, fired[6].2), ("one", "two"));
        assert_eq!(replayed.fire(&mut again, 3)?, fired);
        Ok(())
    });
}

/// Conformance case 44.
pub fn a_timer_that_is_overdue_when_set_fires_at_the_next_watermark(factory: &Factory) {
    everywhere(factory, |task| {
        let mut two = Two::declare(task);
        assert!(two.fire(task, 10)?.is_empty());
        two.one.set(&key("a"), at(5))?;
        task.pass()?;
        assert_eq!(two.fire(task, 11)?.len(), 1);
        Ok(())
    });
}

/// Conformance case 46.
pub fn each_timer_fires_once_in_the_task_that_has_its_key_group(factory: &Factory) {
    everywhere(factory, |task| {
        let mut two = Two::declare(task);
        let all: BTreeSet<String> = (0..40).map(|n| format!("k{n}")).collect();
        for k in &all {
            two.one.set(&key(k.clone()), at(10))?;
            task.pass()?;
        }
        let (checkpoint, name) = (task.seal()?, task.state.describe()[0].0.clone());
        let mut fired = BTreeSet::new();
        for groups in [0..64, 64..128] {
            let mut part = task.again(factory, usize::MAX);
            let mut timers = Two::declare(&mut part);
            part.state.restore(&name, &mut checkpoint.share("one", groups.clone())?)?;
            for (_, k, _) in timers.fire(&mut part, 10)? {
                assert!(groups.contains(&key::<String>(k.as_str()).group().0));
                assert!(fired.insert(k));
            }
        }
        assert_eq!(fired, all);
        Ok(())
    });
}

/// Conformance case 47.
pub fn a_deleted_timer_comes_back_only_with_an_earlier_checkpoint(factory: &Factory) {
    everywhere(factory, |task| {
        let mut two = Two::declare(task);
        two.one.set(&key("deleted"), at(10))?;
        task.pass()?;
        two.one.set(&key("fired"), at(1))?;
        task.pass()?;
        let earlier = task.seal()?;
        two.one.delete(&key("deleted"), at(10))?;
        task.pass()?;
        assert_eq!(two.fire(task, 5)?.len(), 1);
        let later = task.seal()?;
        for budget in BUDGETS {
            for (checkpoint, count) in [(&earlier, 2), (&later, 0)] {
                let mut again = task.again(factory, budget);
                let mut timers = Two::restored(checkpoint, &mut again)?;
                assert_eq!(timers.fire(&mut again, 10)?.len(), count);
            }
        }
        Ok(())
    });
}

/// Conformance case 18, for timers.
pub fn a_timer_that_comes_and_goes_between_two_seals_leaves_no_trace(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, 0);
        let mut two = Two::declare(&mut task);
        two.one.set(&key("kept"), at(100))?;
        let sealed = task.seal()?.entries("one")?.len();
        let idle = task.state.memory_bytes();
        let mut random = Random::new(1);
        for n in 0..1_000 {
            let k = key(format!("k{}", random.below(20)));
            two.one.set(&k, at(n % 50))?;
            if random.one_in(2) {
                two.one.delete(&k, at(n % 50))?;
            }
        }
        two.one.delete(&key("kept"), at(100))?;
        two.one.set(&key("kept"), at(100))?;
        two.fire(&mut task, 50)?;
        assert_eq!(task.state.memory_bytes(), idle);
        assert_eq!(task.seal()?.entries("one")?.len(), sealed);
        Ok(())
    };
    check().expect("no call fails");
}
