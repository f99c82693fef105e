//! Maps: their order on every backend, what is looked up where, and what is left of what was cleared.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    lifetimes::at,
    spy::Spy,
    task::{BUDGETS, Factory, Task, everywhere, key},
};
use crate::{MapKey, MapState, StateValue, Ttl, testing::Entry};
use gress_core::Result;
use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

type Numbers = MapState<u32, u64, u64>;

fn hundred() -> Ttl {
    Ttl::after(Duration::from_millis(100))
}

/// All entries, in the order in which they come.
fn all<E: MapKey, V: StateValue + Clone>(map: &MapState<u32, E, V>, k: u32) -> Result<Vec<(E, V)>> {
    map.iter(&key(k))?.map(|entry| entry.map(|(element, value)| (element, value.clone()))).collect()
}

/// Calls `check` with a task that spills only when told to, and then all, and a spy on its backend.
fn with_spy(factory: &Factory, check: impl FnOnce(&mut Task, Numbers, &Spy) -> Result<()>) {
    let spy: Arc<Spy> = Spy::new(factory);
    let mut task = Task::by_hand(&(spy.clone() as Factory), 0);
    let state = task.state.map("n");
    check(&mut task, state, &spy).expect("no call fails");
}

/// Conformance case 6.
pub fn a_map_is_what_was_put_into_it(factory: &Factory) {
    everywhere(factory, |task| {
        let mut map: MapState<u32, String, u64> = task.state.map("n");
        let (k, other) = (key(1_u32), key(2_u32));
        assert!(map.is_empty(&k)?);
        map.put(&k, "a", 1)?;
        task.pass()?;
        map.put(&other, "a", 9)?;
        task.pass()?;
        assert_eq!((map.get_cloned(&k, "a")?, map.get_cloned(&k, "b")?), (Some(1), None));
        assert!(map.contains(&k, "a")? && !map.contains(&k, "b")? && !map.is_empty(&k)?);
        task.pass()?;
        map.put_all(&k, [("a", 2), ("b", 3), ("c", 4)].map(|(element, n)| (element.to_owned(), n)))?;
        task.pass()?;
        assert!(map.update(&k, "b", |n| *n += 10)? && !map.update(&k, "d", |_| panic!("there is none"))?);
        task.pass()?;
        *map.entry(&k, "d")?.or_insert(5) += 1;
        task.pass()?;
        *map.entry(&k, "d")?.or_default() += 1;
        task.pass()?;
        let entries = [("a", 2), ("b", 13), ("c", 4), ("d", 7)].map(|(element, n)| (element.to_owned(), n));
        assert_eq!(all(&map, 1)?, entries);
        task.pass()?;
        let checkpoint = task.seal()?;
        map.remove(&k, "a")?;
        task.pass()?;
        map.remove(&k, "no such")?;
        task.pass()?;
        assert_eq!((map.take(&k, "b")?, map.take(&k, "b")?), (Some(13), None));
        task.pass()?;
        assert_eq!(map.pop_first(&k)?, Some(("c".to_owned(), 4)));
        task.pass()?;
        map.remove(&k, "d")?;
        task.pass()?;
        assert!(map.is_empty(&k)? && map.pop_first(&k)?.is_none() && map.first(&k)?.is_none());
        assert_eq!(all(&map, 2)?, [("a".to_owned(), 9)]);
        for budget in BUDGETS {
            let mut again = task.again(factory, budget);
            let map = again.state.map("n");
            again.restore(&checkpoint)?;
            assert_eq!(all(&map, 1)?, entries);
        }
        Ok(())
    });
}

/// Puts the entries in an order of their own, and looks at them in ascending order.
fn sorted<E: MapKey + Clone + Debug>(task: &mut Task, name: &str, ascending: &[E]) -> Result<()> {
    let mut map: MapState<u32, E, u64> = task.state.map(name);
    let bits = |element: &E| format!("{element:?}");
    for n in 0..ascending.len() {
        let at = n * 7 % ascending.len();
        map.put(&key(1_u32), &ascending[at], at as u64)?;
        task.pass()?;
    }
    let found = all(&map, 1)?;
    assert_eq!(found.iter().map(|(e, _)| bits(e)).collect::<Vec<_>>(), ascending.iter().map(bits).collect::<Vec<_>>());
    assert!(found.iter().map(|(_, n)| *n).eq(0..ascending.len() as u64));
    let k = key(1_u32);
    assert_eq!(map.first(&k)?.map(|(element, _)| bits(&element)), ascending.first().map(bits));
    assert_eq!(map.last(&k)?.map(|(element, _)| bits(&element)), ascending.last().map(bits));
    Ok(())
}

/// Conformance case 7.
pub fn entries_come_in_ascending_order_of_their_map_keys(factory: &Factory) {
    everywhere(factory, |task| {
        let floats = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
        sorted(task, "floats", &floats)?;
        sorted(task, "texts", &["", "\0", "a", "a\0", "ab"].map(String::from))?;
        sorted(task, "pairs", &[(-1_i8, 5_u8), (-1, 6), (0, 0)])?;
        sorted(task, "one", &[()])
    });
    let check = |budget: usize| -> Result<()> {
        let mut task = Task::by_hand(factory, budget);
        sorted(&mut task, "numbers", &(-500..500).collect::<Vec<i64>>())?;
        task.spill()?;
        sorted(&mut task, "more", &(-2_000..3_001).collect::<Vec<i32>>())
    };
    BUDGETS.into_iter().try_for_each(check).expect("no call fails");
}

/// Conformance case 8.
pub fn what_is_not_retained_is_gone_and_the_neighbours_stay(factory: &Factory) {
    let check = |budget: usize, entries: u64| -> Result<()> {
        let mut task = Task::by_hand(factory, budget);
        let mut map: MapState<String, u64, u64> = task.state.map("n");
        let keys = ["a", "a\0", "b"].map(key::<String>);
        for n in 0..entries {
            keys.iter().try_for_each(|k| map.put(k, &n, n))?;
            if n % 64 == 0 {
                task.spill()?;
            }
        }
        task.seal()?;
        map.retain(&keys[0], |_, n| n % 2 == 1)?;
        task.spill()?;
        let list = |map: &MapState<String, u64, u64>, k| -> Result<Vec<u64>> {
            map.iter(k)?.map(|entry| entry.map(|(n, _)| n)).collect()
        };
        let odd: Vec<_> = (0..entries).filter(|n| n % 2 == 1).collect();
        assert_eq!(list(&map, &keys[0])?, odd);
        assert_eq!(list(&map, &keys[1])?.len() + list(&map, &keys[2])?.len(), 2 * entries as usize);
        map.clear(&keys[1])?;
        assert!(map.is_empty(&keys[1])?);
        let checkpoint = task.seal()?;
        let mut again = task.again(factory, budget);
        let restored: MapState<String, u64, u64> = again.state.map("n");
        again.restore(&checkpoint)?;
        assert_eq!(list(&restored, &keys[0])?, odd);
        assert_eq!((list(&restored, &keys[1])?.len(), list(&restored, &keys[2])?.len()), (0, entries as usize));
        Ok(())
    };
    for budget in BUDGETS {
        [10, 200, 3_000].into_iter().try_for_each(|entries| check(budget, entries)).expect("no call fails");
    }
}

/// Conformance case 9.
pub fn an_entry_without_a_value_is_an_entry(factory: &Factory) {
    everywhere(factory, |task| {
        let mut map: MapState<u32, u8, Option<u8>> = task.state.map("n");
        let k = key(1_u32);
        map.put(&k, &1, None)?;
        task.pass()?;
        assert!(map.contains(&k, &1)? && !map.contains(&k, &2)? && !map.is_empty(&k)?);
        assert_eq!((map.get_cloned(&k, &1)?, map.get_cloned(&k, &2)?), (Some(None), None));
        task.pass()?;
        assert_eq!(all(&map, 1)?, [(1, None)]);
        Ok(())
    });
}

/// Conformance case 14.
pub fn maps_of_keys_that_are_prefixes_empty_or_long_are_maps_of_their_own(factory: &Factory) {
    let mut names: Vec<String> = ["", "\0", "a", "a\0", "a\0b", "ab"].map(String::from).into();
    names.push("k".repeat(64 << 10));
    everywhere(factory, |task| {
        let mut map: MapState<String, String, usize> = task.state.map("n");
        for (n, k) in names.iter().enumerate() {
            for element in ["", "\0", "a", "b"] {
                map.put(&key(k.clone()), element, n)?;
            }
            task.pass()?;
        }
        map.clear(&key("a"))?;
        task.pass()?;
        for (n, k) in names.iter().enumerate() {
            let k = key(k.clone());
            let entries = map.iter(&k)?.map(|entry| entry.map(|(e, n)| (e, *n))).collect::<Result<Vec<_>>>()?;
            let wanted = ["", "\0", "a", "b"].map(|element| (element.to_owned(), n));
            assert_eq!(entries, if *k == "a" { vec![] } else { wanted.to_vec() }, "{:?}", k.value());
            task.pass()?;
        }
        Ok(())
    });
}

/// Conformance case 21.
pub fn a_range_shows_the_newest_of_table_and_store_and_each_map_key_once(factory: &Factory) {
    for entries in [20, 5_000_u64] {
        with_spy(factory, |task, mut map, _| {
            let k = key(1_u32);
            (0..entries).try_for_each(|n| map.put(&k, &n, 0))?;
            task.spill()?;
            for n in (0..entries).filter(|n| n % 3 == 0) {
                map.put(&k, &n, 1)?;
            }
            for n in (0..entries).filter(|n| n % 5 == 0) {
                map.remove(&k, &n)?;
            }
            let wanted = |from, to| (from..to).filter(|n| n % 5 != 0).map(|n| (n, u64::from(n % 3 == 0)));
            let read = |range: (std::ops::Bound<u64>, std::ops::Bound<u64>)| -> Result<Vec<(u64, u64)>> {
                map.range(&k, range)?.map(|entry| entry.map(|(n, value)| (n, *value))).collect()
            };
            use std::ops::Bound::{Excluded, Included, Unbounded};
            assert!(read((Included(3), Excluded(17)))?.into_iter().eq(wanted(3, 17)));
            assert!(read((Excluded(3), Included(17)))?.into_iter().eq(wanted(4, 18)));
            assert!(read((Included(7), Unbounded))?.into_iter().eq(wanted(7, entries)));
            assert_eq!(read((Included(7), Included(7)))?, [(7, 0)]);
            for (from, to) in [(Included(9), Included(8)), (Included(7), Excluded(7)), (Excluded(7), Excluded(7))] {
                assert_eq!(read((from, to))?, []);
            }
            assert_eq!(map.first(&k)?.map(|(n, _)| n), Some(1));
            assert_eq!(map.last(&k)?.map(|(n, _)| n), Some(entries - 1));
            for n in entries - 10..entries {
                map.remove(&k, &n)?;
            }
            assert_eq!(map.last(&k)?.map(|(n, _)| n), Some(entries - 11));
            assert!(all(&map, 1)?.into_iter().eq(wanted(0, entries - 10)));
            // Entries may be borrowed together, wherever they are, while others are looked up.
            task.spill()?;
            let mut borrowed = Vec::new();
            for entry in map.iter(&k)?.take(1_500) {
                let (n, value) = entry?;
                assert_eq!(map.get(&k, &n)?.as_deref(), Some(&*value));
                assert_eq!(map.get(&k, &(entries + n))?.as_deref(), None);
                borrowed.push((n, value));
            }
            assert!(borrowed.iter().map(|(n, value)| (*n, **value)).eq(wanted(0, entries - 10).take(1_500)));
            Ok(())
        });
    }
}

/// Conformance case 18.
pub fn a_map_that_was_never_sealed_or_spilled_leaves_no_trace(factory: &Factory) {
    for entries in [10, 1_000_u64] {
        with_spy(factory, |task, mut map, spy| {
            (0..entries).try_for_each(|n| map.put(&key(1_u32), &n, n))?;
            map.clear(&key(1_u32))?;
            task.state.clean()?;
            assert_eq!((task.state.entries(), task.state.memory_bytes()), (0, 0));
            assert_eq!((task.spill()?, spy.opened()), (0, false));
            assert_eq!(task.seal()?.entries("n")?, []);
            Ok(())
        });
    }
}

/// Conformance cases 17 and 24: what is put after a clear stays, whatever is sealed or spilled between them.
pub fn a_map_that_is_cleared_and_filled_again_is_the_new_one_in_table_store_and_checkpoint(factory: &Factory) {
    for entries in [3, 64, 65, 2_500_u64] {
        everywhere(factory, |task| {
            let mut map: Numbers = task.state.map("n");
            let k = key(1_u32);
            for round in 0..3_u64 {
                (0..entries).try_for_each(|n| map.put(&k, &n, round))?;
                task.pass()?;
                let checkpoint = task.seal()?;
                map.clear(&k)?;
                if round == 1 {
                    task.pass()?;
                }
                assert!(map.is_empty(&k)?);
                assert_eq!((map.get_cloned(&k, &0)?, map.get_cloned(&k, &2)?), (None, None));
                map.put(&k, &2, 7)?;
                task.pass()?;
                map.put(&k, &9_999, 8)?;
                task.pass()?;
                assert_eq!(all(&map, 1)?, [(2, 7), (9_999, 8)]);
                let then = checkpoint.content("n")?.len() as u64;
                assert_eq!(then, entries, "the checkpoint before has what was there");
                let checkpoint = task.seal()?;
                for budget in BUDGETS {
                    let mut again = task.again(factory, budget);
                    let map: Numbers = again.state.map("n");
                    again.restore(&checkpoint)?;
                    assert_eq!(all(&map, 1)?, [(2, 7), (9_999, 8)]);
                }
                map.clear(&k)?;
                task.pass()?;
            }
            assert!(task.seal()?.content("n")?.is_empty());
            Ok(())
        });
    }
}

pub fn few_entries_are_deleted_one_by_one_and_many_as_a_range(factory: &Factory) {
    for (entries, ranges) in [(64, 0), (65, 1)] {
        for spilled in [false, true] {
            with_spy(factory, |task, mut map, spy| {
                (0..entries).try_for_each(|n| map.put(&key(1_u32), &n, n))?;
                task.seal()?;
                if spilled {
                    task.spill()?;
                }
                map.clear(&key(1_u32))?;
                let deletes = task.seal()?.entries("n")?.split_off(entries as usize);
                let found = deletes.iter().filter(|entry| matches!(entry, Entry::DeleteRange { .. })).count();
                assert_eq!((found, deletes.len()), (ranges, if ranges == 1 { 1 } else { 64 }));
                assert!(map.is_empty(&key(1_u32))?, "though the store has them still");
                task.spill()?;
                assert!(spy.content("n")?.is_empty() && map.is_empty(&key(1_u32))?);
                task.state.clean()?;
                assert_eq!((task.state.entries(), task.state.memory_bytes()), (0, 0));
                Ok(())
            });
        }
    }
}

/// Conformance cases 19, 20 and 22, for entries of a map.
pub fn an_entry_is_looked_up_once_and_written_when_it_was_changed(factory: &Factory) {
    with_spy(factory, |task, mut map, spy| {
        let k = key(1_u32);
        map.put(&k, &1, 1)?;
        map.put(&k, &2, 2)?;
        task.spill()?;
        let (gets, puts) = (spy.gets(), spy.puts());
        for _ in 0..3 {
            assert_eq!((map.get_cloned(&k, &1)?, map.get_cloned(&k, &3)?), (Some(1), None));
        }
        assert_eq!(spy.gets() - gets, 2);
        assert!(map.update(&k, &1, |n| *n += 1)?);
        task.spill()?;
        assert_eq!((spy.puts() - puts, map.get_cloned(&k, &1)?), (1, Some(2)));
        // A blind write and a blind removal read nothing.
        let gets = spy.gets();
        task.spill()?;
        map.put(&k, &1, 5)?;
        map.remove(&k, &2)?;
        assert_eq!(spy.gets(), gets);
        assert_eq!(all(&map, 1)?, [(1, 5)]);
        // The map is small and was walked over: what it lacks is known without a look.
        assert_eq!((map.get_cloned(&k, &7)?, spy.gets()), (None, gets));
        task.spill()?;
        assert_eq!(task.spill()?, 0, "what was only read has no run");
        let checkpoint = task.seal()?;
        assert_eq!(checkpoint.content("n")?.len(), 1);
        Ok(())
    });
}

/// Conformance case 27: one map of ten times the budget.
pub fn a_map_of_ten_times_the_budget_stays_within_it(factory: &Factory) {
    let check = || -> Result<()> {
        let budget = 200 << 10;
        let mut task = Task::by_hand(factory, budget);
        let mut map: Numbers = task.state.map("n");
        let k = key(1_u32);
        let mut model = BTreeMap::new();
        for n in 0..20_000_u64 {
            let element = n * 7_919 % 20_011;
            map.put(&k, &element, n)?;
            model.insert(element, n);
            if n % 64 == 0 {
                task.spill()?;
                assert!(task.state.memory_bytes() <= budget);
            }
        }
        task.spill()?;
        for (entry, (element, n)) in map.iter(&k)?.zip(&model) {
            let (found, value) = entry?;
            assert_eq!((found, *value), (*element, *n));
        }
        assert_eq!(map.iter(&k)?.count(), model.len());
        assert!(task.state.memory_bytes() <= budget, "a walk keeps nothing of a large map");
        assert_eq!(map.last(&k)?.map(|(element, _)| element), model.last_key_value().map(|(element, _)| *element));
        map.retain(&k, |element, _| element % 100 == 0)?;
        model.retain(|element, _| element % 100 == 0);
        assert_eq!(all(&map, 1)?, model.into_iter().collect::<Vec<_>>());
        Ok(())
    };
    check().expect("no call fails");
}

/// Conformance case 33, for maps.
pub fn entries_of_a_map_expire_one_by_one(factory: &Factory) {
    for ttl in [hundred(), hundred().in_event_time()] {
        everywhere(factory, |task| {
            let mut map: Numbers = task.state.map("n").ttl(ttl);
            let k = key(1_u32);
            for (time, n) in [(0, 1), (60, 2)] {
                at(task, time);
                map.put(&k, &n, n)?;
                task.pass()?;
            }
            at(task, 99);
            assert_eq!(all(&map, 1)?, [(1, 1), (2, 2)]);
            task.pass()?;
            let checkpoint = task.seal()?;
            at(task, 110);
            assert_eq!((map.get_cloned(&k, &1)?, map.get_cloned(&k, &2)?), (None, Some(2)));
            task.pass()?;
            assert_eq!((all(&map, 1)?, map.is_empty(&k)?), (vec![(2, 2)], false));
            task.pass()?;
            at(task, 160);
            assert!(map.is_empty(&k)?);
            assert_eq!((all(&map, 1)?, map.pop_first(&k)?), (vec![], None));
            task.pass()?;
            map.put(&k, &1, 3)?;
            task.pass()?;
            assert_eq!(all(&map, 1)?, [(1, 3)]);
            for budget in BUDGETS {
                let mut again = task.again(factory, budget);
                let map: Numbers = again.state.map("n").ttl(ttl);
                at(&again, 120);
                again.restore(&checkpoint)?;
                assert_eq!((all(&map, 1)?, map.last(&k)?.map(|(n, _)| n)), (vec![(2, 2)], Some(2)));
            }
            Ok(())
        });
    }
}

/// Conformance cases 30 and 31, for maps.
pub fn reads_renew_the_entries_of_a_map_or_give_expired_ones_once(factory: &Factory) {
    everywhere(factory, |task| {
        let mut renewed: Numbers = task.state.map("renewed").ttl(hundred().renewed_by_reads());
        let mut last: Numbers = task.state.map("last").ttl(hundred().returning_expired());
        let k = key(1_u32);
        at(task, 0);
        for n in 0..3 {
            renewed.put(&k, &n, n)?;
            last.put(&k, &n, n)?;
            task.pass()?;
        }
        at(task, 60);
        assert_eq!(renewed.get_cloned(&k, &0)?, Some(0));
        task.pass()?;
        at(task, 120);
        assert_eq!(all(&renewed, 1)?, [(0, 0)]);
        task.pass()?;
        assert!(last.is_empty(&k)?, "what has expired is not counted");
        let given = all(&last, 1)?;
        assert!(given.len() <= 3);
        assert_eq!(all(&last, 1)?, [], "each entry is given once");
        task.pass()?;
        at(task, 219);
        assert_eq!(all(&renewed, 1)?, [(0, 0)]);
        task.pass()?;
        at(task, 319);
        assert_eq!(all(&renewed, 1)?, []);
        Ok(())
    });
}
