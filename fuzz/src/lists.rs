//! Hostile chunks of a list: it is read, added to, sealed and cleared, or it says that it is damaged.

use crate::input::Input;
use gress_core::{ErrorKind, Result, StateName, codec};
use gress_state::{
    Key, ListState, StateDescription, StateKind, TaskState, Ttl, Version,
    memory::MemoryFactory,
    run::{RunEntry, RunReader, RunWriter},
    testing::state::{Factory, Task, key},
    ttl::{Restamp, TtlDescription},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

type Item = Option<u32>;

/// By the number of a chunk, what is stored of it.
type Chunks = BTreeMap<u64, Vec<u8>>;

/// The number of the chunk in which a list ends.
const OPEN: u64 = u64::MAX;

/// One byte says which time to live the list has, which it had, whether it is kept in memory, and whether its items are
/// migrated; then come chunks, each behind its number, of which 0 stands for the open end.
pub fn check(input: &[u8]) {
    let mut input = Input::new(input);
    let kind = input.byte();
    let mut chunks = Chunks::new();
    while !input.is_empty() {
        let number = u64::from(input.byte()).wrapping_sub(1);
        chunks.insert(number, input.part().to_vec());
    }
    let bytes: usize = chunks.values().map(Vec::len).sum();
    let (ttl, had) = (ttl(kind), ttl(kind >> 2));
    if let Some(restamp) = Restamp::between(had.map(TtlDescription::from), ttl.map(TtlDescription::from), |_| 1_000) {
        let restamp = restamp.of(StateKind::List);
        chunks.retain(|_, stored| {
            let mut into = Vec::new();
            let kept = damaged_or(restamp.restamp(stored, &mut into));
            *stored = into;
            kept == Some(true)
        });
    }
    if kind & 0x20 != 0 {
        migrate(&mut chunks, ttl);
    }
    let budget = if kind & 0x10 == 0 { usize::MAX } else { 0 };
    if let Some(read) = damaged_or(use_list(&chunks, ttl, budget)) {
        assert!(read <= bytes, "{read} items in {bytes} bytes");
    }
}

/// Migrates items to a version of the same type: what can be read is as it was.
fn migrate(chunks: &mut Chunks, ttl: Option<Ttl>) {
    let factory: Factory = Arc::new(MemoryFactory);
    let mut task = Task::by_hand(&factory, usize::MAX);
    let _list = declare(&mut task.state, ttl).version(Version::new(2).migrate(1, |item: Item| Ok(item)));
    let ttl = ttl.map(TtlDescription::from);
    let stored = StateDescription { ttl, ..StateDescription::of::<u8, Item>(StateKind::List) };
    let conversion = task.state.conversion(&name(), &stored).expect("it is migrated from version 1");
    let conversion = conversion.expect("it has another version");
    chunks.retain(|_, stored| {
        let mut into = Vec::new();
        let kept = damaged_or(conversion.convert(stored, &mut into));
        *stored = into;
        kept == Some(true)
    });
}

/// Everything that can be done with a list; gives how many items were found in it.
fn use_list(chunks: &Chunks, ttl: Option<Ttl>, budget: usize) -> Result<usize> {
    let factory: Factory = Arc::new(MemoryFactory);
    let mut task = Task::by_hand(&factory, budget);
    let (mut list, key) = (declare(&mut task.state, ttl), key::<u8>(1_u8));
    task.state.restore(&name(), &mut RunReader::from_bytes(run(chunks))?)?;
    let found = list.get(&key)?;
    assert_eq!(list.get(&key)?, found, "reads change nothing");
    list.add(&key, &Some(7))?;
    task.spill()?;
    let more = list.get(&key)?;
    assert_eq!((&more[..found.len()], &more[found.len()..]), (&found[..], &[Some(7)][..]));
    list.retain(&key, |item| *item != Some(7))?;
    let kept: Vec<Item> = found.iter().copied().filter(|item| *item != Some(7)).collect();
    assert_eq!(list.get(&key)?, kept);
    let checkpoint = task.seal()?;
    let sealed = checkpoint.entries("list")?.len();
    assert!(sealed <= chunks.len() + 2, "{sealed} entries of {} chunks", chunks.len());
    list.clear(&key)?;
    assert!(list.is_empty(&key)?);
    list.add(&key, &None)?;
    task.seal()?;
    assert_eq!(list.get(&key)?, [None]);
    Ok(found.len())
}

/// `None` for what was found to be damaged; nothing else may go wrong.
fn damaged_or<T>(result: Result<T>) -> Option<T> {
    result.map_err(|error| assert_eq!(error.kind(), ErrorKind::Damaged, "{error}")).ok()
}

fn ttl(kind: u8) -> Option<Ttl> {
    let ttl = Ttl::after(Duration::from_millis(500));
    match kind & 3 {
        0 => None,
        1 => Some(ttl),
        2 => Some(ttl.in_event_time()),
        _ => Some(Ttl::after(Duration::MAX).renewed_by_reads()),
    }
}

fn name() -> StateName {
    StateName::new("op", "list")
}

fn declare(state: &mut TaskState, ttl: Option<Ttl>) -> ListState<u8, Item> {
    let list = state.list("list");
    match ttl {
        Some(ttl) => list.ttl(ttl),
        None => list,
    }
}

fn run(chunks: &Chunks) -> Vec<u8> {
    let mut writer = RunWriter::new(Vec::new()).expect("memory can be written");
    for (number, value) in chunks {
        let key = [prefix(), &number.to_be_bytes()[..]].concat();
        writer.append(RunEntry::Put { key: &key, value }).expect("they are in order");
    }
    writer.finish().expect("memory can be written").0
}

/// What the store keys of the list begin with, as Gress writes them.
fn prefix() -> &'static [u8] {
    static PREFIX: OnceLock<Vec<u8>> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let content = sealed(None, 1);
        let (mut key, _) = content.into_iter().next().expect("the list has an end");
        key.truncate(key.len() - 8);
        key
    })
}

/// What a list of so many items is stored as.
fn sealed(ttl: Option<Ttl>, items: u32) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let factory: Factory = Arc::new(MemoryFactory);
    let mut task = Task::by_hand(&factory, usize::MAX);
    let mut list = declare(&mut task.state, ttl);
    let key: Key<u8> = key(1_u8);
    for item in 0..items {
        list.add(&key, &(item % 3 > 0).then_some(item)).expect("memory can be written");
    }
    let checkpoint = task.seal().expect("memory can be written");
    checkpoint.content("list").expect("it was just written")
}

/// Lists with each kind of ages, short and of several chunks, as they are and under another time to live; and ends that claim
/// chunks that nobody could look for.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (first, closed) in [(0_u64, 1_u64 << 60), (1 << 59, OPEN - 1), (0, OPEN), (3, 2)] {
        let mut end = Vec::new();
        codec::encode(&(first, closed, 0_u32, [1_u8, 0].as_slice()), &mut end).expect("memory can be written");
        for memory in [0, 0x10] {
            let mut seed = vec![memory, 0];
            Input::push_part(&end, &mut seed);
            seeds.push(seed);
        }
    }
    for kind in 0..4_u8 {
        for (items, other) in [(1, kind), (3, kind), (3, 1), (3, 0), (2_000, kind)] {
            for memory in [0, 0x10, 0x20] {
                let mut seed = vec![other | kind << 2 | memory];
                for (key, value) in sealed(ttl(kind), items) {
                    let number = u64::from_be_bytes(key[key.len() - 8..].try_into().expect("it ends in a number"));
                    seed.push(if number == OPEN { 0 } else { number as u8 + 1 });
                    Input::push_part(&value, &mut seed);
                }
                seeds.push(seed);
            }
        }
    }
    seeds
}
