//! Fetching what a batch will read: fewer calls of the store, and nothing else.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    spy::Spy,
    task::{Factory, Task, key},
};
use crate::{Key, Ttl, ValueState, testing::Random};
use gress_core::{Result, Timestamp};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Of the table: some hundred entries, of which those of a batch are a small part.
const BUDGET: usize = 64 << 10;
const KEYS: usize = 4_000;
const BATCH: usize = 40;
const BATCHES: usize = 100;

/// A task with a table for some of the keys, and a spy on its backend.
fn with_spy(factory: &Factory, check: impl FnOnce(&mut Task, &Spy) -> Result<()>) {
    let spy: Arc<Spy> = Spy::new(factory);
    let mut task = Task::by_hand(&(spy.clone() as Factory), BUDGET);
    check(&mut task, &spy).expect("no call fails");
}

/// The keys of a batch, some of them twice, some that were never written.
fn batch(random: &mut Random) -> Vec<Key<u32>> {
    (0..BATCH).map(|_| key(random.below(KEYS + KEYS / 10) as u32)).collect()
}

/// Writes every key, with twice its number, and gives what was written.
fn fill(task: &mut Task, state: &mut ValueState<u32, u64>) -> Result<BTreeMap<u32, u64>> {
    let all: BTreeMap<u32, u64> = (0..KEYS as u32).map(|k| (k, 2 * u64::from(k))).collect();
    for (k, value) in &all {
        state.set(&key(*k), *value)?;
        task.spill()?;
    }
    Ok(all)
}

pub fn what_a_batch_reads_is_fetched_by_one_call_and_is_what_single_reads_find(factory: &Factory) {
    with_spy(factory, |task, spy| {
        let mut state = task.state.value("n");
        let (mut expected, mut random) = (fill(task, &mut state)?, Random::new(1));
        for number in 0..BATCHES {
            let keys = batch(&mut random);
            task.state.fetch(keys.iter())?;
            for (at, k) in keys.iter().enumerate() {
                assert_eq!(state.get_cloned(k)?, expected.get(k.value()).copied());
                match (number + at) % 3 {
                    0 => drop(expected.insert(**k, number as u64)),
                    1 => drop(expected.remove(k.value())),
                    _ => continue,
                }
                match expected.get(k.value()) {
                    Some(value) => state.set(k, *value)?,
                    None => state.remove(k)?,
                }
            }
            task.spill()?;
            if number % 7 == 0 {
                task.seal()?;
            }
        }
        let stats = task.state.stats()[0].1;
        assert!(stats.misses > (BATCHES * BATCH / 2) as u64, "most keys are in the store: {stats:?}");
        assert_eq!(stats.hits + stats.misses, (BATCHES * BATCH) as u64, "each read was counted once: {stats:?}");
        assert!(spy.gets() < 5 * BATCH && spy.multi_gets() > BATCHES - 5, "{} {}", spy.gets(), spy.multi_gets());
        // The store is what the calls have made it, whichever way they went.
        for k in 0..(KEYS + KEYS / 10) as u32 {
            assert_eq!(state.get_cloned(&key(k))?, expected.get(&k).copied());
        }
        Ok(())
    });
}

pub fn what_is_fetched_expires_like_what_is_read(factory: &Factory) {
    with_spy(factory, |task, spy| {
        let ttl = Ttl::after(Duration::from_millis(100));
        let mut state = task.state.value("n").ttl(ttl);
        let at = Timestamp::from_millis;
        task.state.batch_begins(at(1_000));
        fill(task, &mut state)?;
        task.state.batch_begins(at(1_050));
        for k in 0..KEYS as u32 / 2 {
            state.set(&key(k), 1)?;
            task.spill()?;
        }
        let mut random = Random::new(2);
        for _ in 0..BATCHES {
            task.state.batch_begins(at(1_100));
            let keys = batch(&mut random);
            task.state.fetch(keys.iter())?;
            for k in &keys {
                let lives = **k < KEYS as u32 / 2;
                assert_eq!(state.get_cloned(k)?, lives.then_some(1), "{}", **k);
            }
            task.spill()?;
        }
        assert!(spy.multi_gets() > BATCHES / 2, "{}", spy.multi_gets());
        Ok(())
    });
}

pub fn a_state_that_is_only_written_or_lies_in_the_table_is_not_fetched(factory: &Factory) {
    with_spy(factory, |task, spy| {
        let (mut written, mut small) = (task.state.value("written"), task.state.value::<u32, u64>("small"));
        fill(task, &mut written)?;
        let mut random = Random::new(3);
        for number in 0..BATCHES as u64 {
            let keys = batch(&mut random);
            task.state.fetch(keys.iter())?;
            for k in &keys {
                written.set(k, number)?;
                *small.entry(&key(**k % 10))?.or_insert(0) += 1;
            }
            task.spill()?;
        }
        assert_eq!(spy.multi_gets(), 0);
        assert!(spy.gets() < BATCHES, "{}", spy.gets());
        Ok(())
    });
}

pub fn a_fetched_value_that_does_not_decode_is_told(factory: &Factory) {
    with_spy(factory, |task, spy| {
        let mut state = task.state.value("n");
        fill(task, &mut state)?;
        let damaged = spy.content("n")?.into_keys().collect::<Vec<_>>();
        damaged.iter().try_for_each(|store_key| spy.put("n", store_key, &[0xff; 20]))?;
        let mut random = Random::new(4);
        let error = (0..BATCHES).find_map(|_| {
            let keys = batch(&mut random);
            let fetched = task.state.fetch(keys.iter());
            // Single reads of damaged values fail, too: they are what makes fetching worth a try.
            keys.iter().for_each(|k| drop(state.get_cloned(k)));
            fetched.err()
        });
        let error = error.expect("damaged values are fetched sooner or later").to_string();
        assert!(error.contains("state `op/n`, store key") && error.contains("is no `u64`"), "{error}");
        Ok(())
    });
}
