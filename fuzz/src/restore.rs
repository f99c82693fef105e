//! Keyed state from hostile store keys and values: each is found again under its key, or the restore says what is wrong.

use crate::{input::Input, keys::encoded};
use gress_core::{KeyGroup, StateName, Timestamp, codec, key_group::key_hash, ordered};
use gress_state::{
    KeyMaker, StateKey, StateValue, TaskBackend, TaskState, TimersOfTask,
    memory::MemoryFactory,
    run::{Merge, RunReader, Tombstones, UnsortedRun},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What follows the key group in a store key, before the key.
const TIMES: [usize; 3] = [0, 16, 8];

/// The first byte says which state with which types, the second how much memory it has; then store keys and values.
pub fn check(input: &[u8]) {
    let mut input = Input::new(input);
    let (kind, budget) = (input.byte(), input.byte());
    let budget = if budget & 1 == 0 { usize::MAX } else { usize::from(budget) };
    let times = TIMES[usize::from(kind % 3)];
    let mut entries = BTreeMap::new();
    while !input.is_empty() {
        let (flags, mut key, value) = (input.byte(), input.part().to_vec(), input.part().to_vec());
        // Where it lies in a wrong group every key is refused: that is seen soon.
        if flags & 1 == 0 && key.len() >= 2 + times {
            let group = KeyGroup::of_hash(key_hash(&key[2 + times..]));
            key[..2].copy_from_slice(&group.0.to_be_bytes());
        }
        entries.insert(key, if kind % 3 == 2 { Vec::new() } else { value });
    }
    match kind / 3 % 3 {
        0 => state::<u64, u64>(kind, budget, &entries),
        1 => state::<(String, Option<i32>), Vec<Option<String>>>(kind, budget, &entries),
        _ => state::<BTreeSet<String>, BTreeMap<u8, String>>(kind, budget, &entries),
    }
}

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn state<K: StateKey, V: StateValue>(kind: u8, budget: usize, entries: &Entries) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let backend = TaskBackend::new(Arc::new(MemoryFactory), folder.path().join("task"));
    let mut task = TaskState::new("op", backend, budget);
    match kind % 3 {
        0 => values::<K, V>(&mut task, entries),
        1 => windows::<K, V>(&mut task, entries),
        _ => timers::<K>(&mut task, entries),
    }
}

fn restore(task: &mut TaskState, entries: &Entries) -> gress_core::Result<()> {
    let mut run = UnsortedRun::default();
    let bytes = |of: &Vec<u8>| {
        let of = of.clone();
        move |into: &mut Vec<u8>| {
            into.extend_from_slice(&of);
            Ok(())
        }
    };
    entries.iter().try_for_each(|(key, value)| run.put(bytes(key), bytes(value)))?;
    let run = RunReader::from_bytes(run.into_bytes()?)?;
    task.restore(&StateName::new("op", "state"), &mut Merge::new(vec![Box::new(run)], Tombstones::Drop)?)
}

fn values<K: StateKey, V: StateValue>(task: &mut TaskState, entries: &Entries) {
    let state = task.value::<K, V>("state");
    if restore(task, entries).is_err() {
        return;
    }
    for (store_key, value) in entries {
        // What was put aside into the store is decoded when it is asked for.
        let bytes = store_key.get(2..).unwrap_or_default();
        let (Ok(key), Ok(value)) = (ordered::decode::<K>(bytes), V::decode_value(value)) else { continue };
        let key = KeyMaker::default().key(key).expect("what was decoded can be encoded");
        if store_key.starts_with(&key.group().0.to_be_bytes()) && encoded(key.value()) == bytes {
            let found = state.get(&key).expect("it decodes").expect("what was restored is found under its key");
            assert_eq!(bytes_of::<V>(&found), bytes_of(&value));
        }
    }
}

fn bytes_of<V: StateValue>(value: &V) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode_value(&mut bytes).expect("what was decoded can be encoded");
    bytes
}

fn windows<K: StateKey, V: StateValue>(task: &mut TaskState, entries: &Entries) {
    let mut state = task.windows::<K, V>("state");
    if restore(task, entries).is_err() {
        return;
    }
    let (mut fired, mut last) = (0, None);
    while let Ok(Some(mut window)) = state.fire_next() {
        assert!(last < Some((window.end(), window.start())), "windows fire in order, each once");
        last = Some((window.end(), window.start()));
        loop {
            match window.next_group() {
                Ok(Some(group)) => fired += group.len(),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    assert_eq!(fired, entries.len(), "every accumulator fires once");
}

fn timers<K: StateKey>(task: &mut TaskState, entries: &Entries) {
    let mut all = TimersOfTask::default();
    let _timers = task.timers::<K>("state", &mut all);
    if restore(task, entries).is_err() {
        return;
    }
    let (mut fired, mut last) = (0, Timestamp::MIN);
    while let Some(timer) = all.pop_due(Timestamp::MAX).expect("timers are in memory") {
        assert!(last <= timer.time, "timers fire in order");
        (fired, last) = (fired + 1, timer.time);
    }
    assert_eq!(fired, entries.len(), "every timer fires once");
}

/// A few entries of each kind of state.
pub fn seeds() -> Vec<Vec<u8>> {
    let keys = [
        [encoded(&7_u64), encoded(&70_u64)],
        [encoded(&("a", None::<i32>)), encoded(&("b\0", Some(-1_i32)))],
        [encoded(&["a", "b"].as_slice()), encoded(&["b", "a"].as_slice())],
    ];
    let values: [Vec<u8>; 3] = [
        bytes_of(&300_u64),
        bytes_of(&vec![Some("text".to_owned()), None]),
        bytes_of(&BTreeMap::from([(1_u8, "x".to_owned())])),
    ];
    let time = |millis: i64| ((millis as u64) ^ (1 << 63)).to_be_bytes();
    let mut seeds = Vec::new();
    for kind in 0..9_u8 {
        let (state, types) = (usize::from(kind % 3), usize::from(kind / 3));
        let times = [time(-30), time(5_000)].concat();
        let mut seed = vec![kind, kind * 16];
        for key in &keys[types] {
            seed.push(0);
            Input::push_part(&[&[0, 0], &times[..TIMES[state]], key].concat(), &mut seed);
            Input::push_part(&values[types], &mut seed);
        }
        seeds.push(seed);
    }
    seeds
}
