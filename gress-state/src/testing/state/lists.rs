//! Lists: their order, what an addition reads and a seal writes, and items that expire.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    lifetimes::at,
    spy::Spy,
    task::{BUDGETS, Factory, Task, everywhere, key},
};
use crate::{Key, ListState, Ttl, testing::Entry};
use gress_core::{Result, codec};
use serde::{Deserialize, Serialize, Serializer};
use std::{sync::Arc, time::Duration};

type Numbers = ListState<u32, u64>;

fn hundred() -> Ttl {
    Ttl::after(Duration::from_millis(100))
}

/// What the list of `k` is after a restore of `task`'s next checkpoint, for each budget.
fn restored(factory: &Factory, task: &mut Task, k: u32) -> Result<Vec<Vec<u64>>> {
    let checkpoint = task.seal()?;
    let read = |budget| {
        let mut again = task.again(factory, budget);
        let list: Numbers = again.state.list("n");
        again.restore(&checkpoint)?;
        list.get(&key(k))
    };
    BUDGETS.into_iter().map(read).collect()
}

/// Conformance case 4.
pub fn a_list_is_what_was_added_in_order_and_no_items_are_no_list(factory: &Factory) {
    everywhere(factory, |task| {
        let mut list: Numbers = task.state.list("n");
        let k = key(1_u32);
        assert_eq!((list.get(&k)?, list.is_empty(&k)?), (vec![], true));
        for n in [17, 11] {
            list.add(&k, &n)?;
            task.pass()?;
        }
        assert_eq!((list.get(&k)?, list.is_empty(&k)?), (vec![17, 11], false));
        task.pass()?;
        list.update(&k, &[1, 2])?;
        task.pass()?;
        assert_eq!(list.get(&k)?, [1, 2]);
        list.add_all(&k, &[3, 4])?;
        task.pass()?;
        list.add_all(&k, &[])?;
        task.pass()?;
        assert_eq!((list.get(&k)?, list.get(&key(2_u32))?), (vec![1, 2, 3, 4], vec![]));
        task.pass()?;
        list.retain(&k, |n| n % 2 == 0)?;
        task.pass()?;
        assert_eq!(list.get(&k)?, [2, 4]);
        assert_eq!(restored(factory, task, 1)?, [[2, 4], [2, 4], [2, 4]]);
        list.update(&k, &[])?;
        task.pass()?;
        assert_eq!((list.get(&k)?, list.is_empty(&k)?), (vec![], true));
        list.add(&k, &5)?;
        list.clear(&k)?;
        task.pass()?;
        assert!(list.is_empty(&k)?);
        assert!(task.seal()?.content("n")?.is_empty());
        Ok(())
    });
}

/// Conformance case 5.
pub fn a_long_list_takes_less_than_twice_its_size_and_each_seal_what_was_added(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, usize::MAX);
        let mut list: Numbers = task.state.list("n");
        let (k, mut size) = (key(1_u32), 0);
        for seal in 0..10_u64 {
            let before = task.last.entries("n")?.len();
            for n in 10_000 * seal..10_000 * (seal + 1) {
                list.add(&k, &n)?;
                size += codec::encoded_len(&n) + 1;
                if n % 1_000 == 999 {
                    let most = 2 * size + 4096;
                    assert!(task.state.memory_bytes() < most, "{} of {size}", task.state.memory_bytes());
                }
            }
            let chunks = task.seal()?.entries("n")?.len() - before;
            assert!(chunks <= 17, "seal {seal} has written {chunks} chunks");
        }
        assert!(list.get(&k)?.into_iter().eq(0..100_000));
        assert!(restored(factory, &mut task, 1)?.into_iter().all(|list| list.into_iter().eq(0..100_000)));
        Ok(())
    };
    check().expect("no call fails");
}

/// A list of ten times the budget is written and read chunk by chunk.
pub fn a_list_that_is_larger_than_memory_is_added_to_and_read_within_the_budget(factory: &Factory) {
    let check = || -> Result<()> {
        let budget = 256 << 10;
        let mut task = Task::by_hand(factory, budget);
        let mut list: ListState<u32, String> = task.state.list("n");
        let (k, text) = (key(1_u32), |n: usize| format!("{n:01000}"));
        for n in 0..2_600 {
            list.add(&k, &text(n))?;
            task.spill()?;
            assert!(task.state.memory_bytes() <= budget + (8 << 10));
        }
        for (n, item) in list.iter(&k)?.enumerate() {
            assert_eq!(item?, text(n));
            assert!(task.state.memory_bytes() <= budget + (8 << 10), "reading leaves chunks where they are");
        }
        // More chunks than are deleted one by one.
        list.clear(&k)?;
        list.add(&k, &"again".to_owned())?;
        task.spill()?;
        assert_eq!(list.get(&k)?, ["again"]);
        let ranges = |entry: &Entry| matches!(entry, Entry::DeleteRange { .. });
        let checkpoint = task.seal()?;
        assert_eq!(checkpoint.entries("n")?.iter().filter(|entry| ranges(entry)).count(), 1);
        assert_eq!(checkpoint.content("n")?.len(), 1);
        Ok(())
    };
    check().expect("no call fails");
}

pub fn an_addition_to_a_list_that_is_not_in_memory_reads_its_end_alone(factory: &Factory) {
    let check = || -> Result<()> {
        let spy: Arc<Spy> = Spy::new(factory);
        let mut task = Task::by_hand(&(spy.clone() as Factory), 0);
        let mut list: Numbers = task.state.list("n");
        let k = key(1_u32);
        list.add_all(&k, &(0..20_000).collect::<Vec<_>>())?;
        task.spill()?;
        let (gets, puts) = (spy.gets(), spy.puts());
        list.add(&k, &1)?;
        assert_eq!((spy.gets() - gets, task.state.entries()), (1, 1));
        task.spill()?;
        assert_eq!(spy.puts() - puts, 1);
        assert!(!list.is_empty(&k)?);
        assert_eq!(spy.gets() - gets, 2);
        assert_eq!(list.get(&k)?.len(), 20_001);
        Ok(())
    };
    check().expect("no call fails");
}

/// Items run through a list as they do through a queue: a read looks at what is left, not at all that ever was.
pub fn a_list_begins_where_its_first_item_is_and_holes_in_it_are_gone_around(factory: &Factory) {
    let text = |n: u32| format!("{n:04000}");
    let check = || -> Result<()> {
        let spy: Arc<Spy> = Spy::new(factory);
        let mut task = Task::by_hand(&(spy.clone() as Factory), 0);
        let mut list: ListState<u32, String> = task.state.list("n");
        let k = key(1_u32);
        let reads = |task: &mut Task, list: &ListState<u32, String>, expected: Vec<u32>| -> Result<usize> {
            task.spill()?;
            let gets = spy.gets();
            assert!(list.get(&k)?.into_iter().eq(expected.into_iter().map(text)));
            assert!(!list.is_empty(&k)?);
            Ok(spy.gets() - gets)
        };
        list.add_all(&k, &(0..1_000).map(text).collect::<Vec<_>>())?;
        assert!(reads(&mut task, &list, (0..1_000).collect())? >= 1_000);
        list.retain(&k, |item| *item == text(0) || *item >= text(998))?;
        let read = reads(&mut task, &list, vec![0, 998, 999])?;
        assert!(read < 80, "{read} reads, of which 64 find out that there is a hole");
        list.retain(&k, |item| *item >= text(998))?;
        let read = reads(&mut task, &list, vec![998, 999])?;
        assert!(read <= 3, "{read} reads of a list with two chunks");
        for start in (1_000..3_000).step_by(100) {
            list.add_all(&k, &(start..start + 100).map(text).collect::<Vec<_>>())?;
            list.retain(&k, |item| *item >= text(start + 98))?;
        }
        assert!(reads(&mut task, &list, vec![2_998, 2_999])? < 80);
        let mut again = task.again(factory, 0);
        let restored: ListState<u32, String> = again.state.list("n");
        again.restore(&task.seal()?)?;
        assert_eq!(restored.get(&k)?, [text(2_998), text(2_999)]);
        list.clear(&k)?;
        assert!(task.seal()?.content("n")?.is_empty());
        Ok(())
    };
    check().expect("no call fails");
}

/// What has expired in the middle of the store is no item, whether a read comes upon it or goes around it.
pub fn expired_chunks_of_a_long_list_are_gone_around(factory: &Factory) {
    let check = || -> Result<()> {
        let spy: Arc<Spy> = Spy::new(factory);
        let mut task = Task::by_hand(&(spy.clone() as Factory), 0);
        let mut list: ListState<u32, String> = task.state.list("n").ttl(hundred().in_event_time());
        let (k, text) = (key(1_u32), |n: u32| format!("{n:04000}"));
        at(&task, 0);
        list.add_all(&k, &(0..1_000).map(text).collect::<Vec<_>>())?;
        task.spill()?;
        at(&task, 200);
        assert!(list.is_empty(&k)?);
        for _ in 0..2 {
            list.add(&k, &text(7))?;
            task.spill()?;
        }
        for most in [1_010, 6] {
            let gets = spy.gets();
            assert_eq!(list.get(&k)?, [text(7), text(7)]);
            assert!(spy.gets() - gets <= most, "{} reads", spy.gets() - gets);
            task.spill()?;
        }
        Ok(())
    };
    check().expect("no call fails");
}

/// The end of a list names its chunks: one that is damaged may name more than can ever be looked for.
pub fn a_list_whose_end_claims_chunks_without_number_is_read_as_what_is_there(factory: &Factory) {
    let check = || -> Result<()> {
        let k = key(1_u32);
        for (first, closed, there) in [(0, 1_u64 << 60, true), (1 << 59, u64::MAX - 1, false)] {
            let (spy, mut task, mut list) = list_with_an_end(factory, &k, first, closed)?;
            let expected: Vec<u64> = (1..if there { 10_000 } else { 1 }).chain([0, 0]).collect();
            assert!(list.get(&k)? == expected, "{first} to {closed}");
            assert!(!list.is_empty(&k)?);
            list.retain(&k, |n| *n != 0)?;
            assert_eq!(list.get(&k)?.len(), expected.len() - 2);
            let other = key(2_u32);
            list.add_all(&k, &(0..10_000).collect::<Vec<_>>())?;
            list.merge(&other, &[&k])?;
            assert_eq!((list.get(&other)?.len(), list.is_empty(&k)?), (expected.len() - 2 + 10_000, true));
            task.spill()?;
            assert!(list.is_empty(&k)? && spy.gets() < 1_000);
        }
        for (first, closed) in [(0, u64::MAX), (u64::MAX, u64::MAX), (3, 2)] {
            let (_, _task, mut list) = list_with_an_end(factory, &k, first, closed)?;
            let long = vec![1; 5_000];
            for error in [list.get(&k).err(), list.add_all(&k, &long).err(), list.clear(&k).err()] {
                let error = error.map_or_else(String::new, |error| error.to_string());
                assert!(error.contains("`op/n`") && error.contains(&format!("from {first} to {closed}")), "{error}");
            }
        }
        Ok(())
    };
    check().expect("no call fails");
}

/// A task whose list of 10,000 has lost its end to one that says so, and holds 0 twice.
fn list_with_an_end(factory: &Factory, k: &Key<u32>, first: u64, closed: u64) -> Result<(Arc<Spy>, Task, Numbers)> {
    let spy: Arc<Spy> = Spy::new(factory);
    let mut task = Task::by_hand(&(spy.clone() as Factory), 0);
    let mut list: Numbers = task.state.list("n");
    list.add_all(k, &(0..10_000).collect::<Vec<_>>())?;
    // Closes the last chunk, so that no item is lost with the end.
    list.add_all(k, &[0; 4_000])?;
    list.retain(k, |n| *n > 0)?;
    task.spill()?;
    let end = spy.content("n")?.into_keys().next_back().unwrap_or_default();
    let (mut chunk, ages) = (Vec::new(), 0_u32);
    codec::encode(&(first, closed, ages, [1_u8, 0, 1, 0].as_slice()), &mut chunk)?;
    spy.put("n", &end, &chunk)?;
    Ok((spy, task, list))
}

/// Conformance cases 17, 18 and 24, for lists. 300 items are more chunks than are deleted one by one.
pub fn a_list_that_is_cleared_and_filled_again_is_the_new_one_in_table_store_and_checkpoint(factory: &Factory) {
    let text = |n: u32| format!("{n:01000}");
    for items in [3, 300_u32] {
        everywhere(factory, |task| {
            let mut list: ListState<u32, String> = task.state.list("n");
            let k = key(1_u32);
            for round in 0..3 {
                let all: Vec<_> = (round..round + items).map(text).collect();
                list.add_all(&k, &all)?;
                task.pass()?;
                assert!(list.get(&k)? == all);
                let checkpoint = task.seal()?;
                list.clear(&k)?;
                if round == 1 {
                    task.pass()?;
                }
                assert!(list.is_empty(&k)?);
                list.add(&k, &text(7))?;
                task.pass()?;
                assert!(list.get(&k)? == [text(7)]);
                for (checkpoint, wanted) in [(&checkpoint, all), (&task.seal()?, vec![text(7)])] {
                    for budget in BUDGETS {
                        let mut again = task.again(factory, budget);
                        let then: ListState<u32, String> = again.state.list("n");
                        again.restore(checkpoint)?;
                        assert!(then.get(&k)? == wanted);
                    }
                }
                list.clear(&k)?;
                task.pass()?;
                assert!(task.seal()?.content("n")?.is_empty());
            }
            Ok(())
        });
    }
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, usize::MAX);
        let mut list: Numbers = task.state.list("n");
        list.add_all(&key(1_u32), &(0..100_000).collect::<Vec<_>>())?;
        list.clear(&key(1_u32))?;
        assert_eq!((task.seal()?.entries("n")?, task.state.entries()), (vec![], 0), "no trace of what nobody saw");
        Ok(())
    };
    check().expect("no call fails");
}

/// A number that cannot be written if it is 13.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
struct Fickle(u32);

impl Serialize for Fickle {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            13 => Err(serde::ser::Error::custom("13 is not written")),
            n => n.serialize(serializer),
        }
    }
}

pub fn an_item_that_does_not_encode_leaves_the_list_as_it_was(factory: &Factory) {
    everywhere(factory, |task| {
        let mut list: ListState<u32, Fickle> = task.state.list("n");
        let k = key(1_u32);
        list.add(&k, &Fickle(1))?;
        task.pass()?;
        let bad = [Fickle(2), Fickle(13), Fickle(3)];
        for error in [list.add(&k, &bad[1]).err(), list.add_all(&k, &bad).err(), list.update(&k, &bad).err()] {
            assert!(error.is_some_and(|error| error.to_string().contains("13 is not written")));
            task.pass()?;
            assert_eq!(list.get(&k)?, [Fickle(1)]);
        }
        Ok(())
    });
}

/// Conformance case 12, for lists.
pub fn merged_lists_are_the_target_and_then_the_sources_in_the_order_given(factory: &Factory) {
    everywhere(factory, |task| {
        let mut list: Numbers = task.state.list("n");
        let [k0, k1, k2, k44] = [0_u32, 1, 2, 44].map(key::<u32>);
        for (k, items) in [(&k0, vec![1]), (&k1, (10..3_000).collect()), (&k2, vec![4, 5])] {
            list.add_all(k, &items)?;
            task.pass()?;
        }
        list.merge(&k0, &[&k2, &k44, &k1])?;
        task.pass()?;
        let expected: Vec<u64> = [1, 4, 5].into_iter().chain(10..3_000).collect();
        assert_eq!(list.get(&k0)?, expected);
        assert!([&k1, &k2, &k44].into_iter().all(|k| list.is_empty(k).is_ok_and(|empty| empty)));
        list.merge(&k0, &[&k1])?;
        list.merge(&k44, &[&k0])?;
        task.pass()?;
        assert_eq!((list.get(&k44)?, list.get(&k0)?), (expected, vec![]));
        Ok(())
    });
}

/// Conformance case 33, for lists.
pub fn items_of_a_list_expire_one_by_one(factory: &Factory) {
    for ttl in [hundred(), hundred().in_event_time()] {
        everywhere(factory, |task| {
            let mut list: Numbers = task.state.list("n").ttl(ttl);
            let k = key(1_u32);
            for (time, n) in [(0, 1), (60, 2)] {
                at(task, time);
                list.add(&k, &n)?;
                task.pass()?;
            }
            at(task, 99);
            assert_eq!(list.get(&k)?, [1, 2]);
            task.pass()?;
            let checkpoint = task.seal()?;
            at(task, 110);
            assert_eq!((list.get(&k)?, list.is_empty(&k)?), (vec![2], false));
            task.pass()?;
            at(task, 160);
            assert_eq!((list.is_empty(&k)?, list.get(&k)?), (true, vec![]));
            task.pass()?;
            list.add(&k, &3)?;
            task.pass()?;
            assert_eq!(list.get(&k)?, [3]);
            for budget in BUDGETS {
                let mut again = task.again(factory, budget);
                let list: Numbers = again.state.list("n").ttl(ttl);
                at(&again, 120);
                again.restore(&checkpoint)?;
                assert_eq!(list.get(&k)?, [2]);
            }
            // Conformance case 34.
            let other = key(2_u32);
            at(task, 200);
            list.add(&other, &4)?;
            task.pass()?;
            at(task, 260);
            list.merge(&other, &[&k])?;
            task.pass()?;
            assert_eq!((list.get(&other)?, list.is_empty(&k)?), (vec![4], true));
            at(task, 300);
            assert!(list.is_empty(&other)?, "an item keeps its age when it is merged");
            Ok(())
        });
    }
}

/// Conformance cases 30 and 31, for lists.
pub fn reads_renew_the_items_of_a_list_or_give_expired_ones_once(factory: &Factory) {
    everywhere(factory, |task| {
        let mut renewed: Numbers = task.state.list("renewed").ttl(hundred().renewed_by_reads());
        let mut last: Numbers = task.state.list("last").ttl(hundred().returning_expired());
        let k = key(1_u32);
        let all: Vec<u64> = (0..3_000).collect();
        at(task, 0);
        renewed.add_all(&k, &all)?;
        last.add_all(&k, &all)?;
        task.pass()?;
        at(task, 60);
        assert_eq!(renewed.get(&k)?, all);
        task.pass()?;
        last.add(&k, &7)?;
        task.pass()?;
        at(task, 150);
        assert_eq!(renewed.get(&k)?, all);
        task.pass()?;
        let given = last.get(&k)?;
        assert!(given.ends_with(&[7]) && given.len() <= 3_001, "what was not cleaned up, and what is there");
        task.pass()?;
        assert_eq!(last.get(&k)?, [7]);
        task.pass()?;
        at(task, 250);
        assert!(renewed.get(&k)?.is_empty());
        Ok(())
    });
}
