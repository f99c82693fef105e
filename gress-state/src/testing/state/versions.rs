//! State whose values have versions: what older programs have written is migrated when it is restored.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    codecs::Decimal,
    lifetimes::at,
    task::{Checkpoint, Factory, Task, everywhere, key},
};
use crate::{Coded, ListState, MapState, ReducingState, Ttl, ValueState, Version, WindowState};
use gress_core::{Error, ErrorKind, Result, Timestamp, ordered};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What was a plain number in version 1: of a longer encoding, so that chunks of lists grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Second {
    unit: String,
    amount: u64,
}

/// What became of [`Second`] in version 3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Third(i64);

fn second(amount: u64) -> Second {
    Second { unit: "a unit of some length".to_owned(), amount }
}

fn version_2() -> Version<Second> {
    Version::new(2).migrate(1, |amount: u64| Ok(second(amount)))
}

fn version_3() -> Version<Third> {
    let third = |amount: u64| Ok(Third(-i64::try_from(amount)?));
    Version::new(3).migrate(2, move |old: Second| third(old.amount)).migrate(1, third)
}

/// The states of a task, with values of one version.
struct States<V> {
    values: ValueState<u32, V>,
    list: ListState<u32, V>,
    map: MapState<u32, u16, V>,
    sums: ReducingState<u32, V>,
    windows: WindowState<u32, V>,
}

const START: Timestamp = Timestamp::from_millis(0);
const END: Timestamp = Timestamp::from_millis(10);
const KEYS: u64 = 24;

impl<V: crate::StateValue + Clone + std::fmt::Debug + PartialEq> States<V> {
    fn of(task: &mut Task, version: impl Fn() -> Version<V>) -> Self {
        States {
            values: task.state.value("values").version(version()),
            list: task.state.list("list").version(version()),
            map: task.state.map("map").version(version()),
            sums: task.state.reducing("sums", |_, _| ()).version(version()),
            windows: task.state.windows("windows").version(version()),
        }
    }

    fn write(&mut self, task: &mut Task, numbers: impl Iterator<Item = u64>, value: impl Fn(u64) -> V) -> Result<()> {
        for n in numbers {
            let (k, few) = (key::<u32>(n as u32), key::<u32>((n % 3) as u32));
            self.values.set(&k, value(n))?;
            task.pass()?;
            self.sums.add(&k, value(n))?;
            task.pass()?;
            self.map.put(&few, &(n as u16), value(n))?;
            task.pass()?;
            // Items enough for several chunks.
            for _ in 0..100 {
                self.list.add(&few, &value(n))?;
            }
            task.pass()?;
            self.windows.update(START, END, &k, || value(n), |_| ())?;
            task.pass()?;
        }
        Ok(())
    }

    /// Asserts that the states hold `numbers`, as these values.
    fn assert_hold(&mut self, numbers: std::ops::Range<u64>, value: impl Fn(u64) -> V) -> Result<()> {
        for n in numbers.clone() {
            let (k, few) = (key::<u32>(n as u32), key::<u32>((n % 3) as u32));
            assert_eq!(self.values.get_cloned(&k)?, Some(value(n)));
            assert_eq!(self.sums.get(&k)?, Some(value(n)));
            assert_eq!(self.map.get_cloned(&few, &(n as u16))?, Some(value(n)));
        }
        for few in 0..3 {
            let items = self.list.get(&key::<u32>(few as u32))?;
            let expected: Vec<_> = numbers.clone().filter(|n| n % 3 == few).flat_map(|n| vec![value(n); 100]).collect();
            assert_eq!(items, expected);
        }
        Ok(())
    }

    /// Asserts that the window holds `numbers`, as these values, and leaves it empty.
    fn assert_fires(mut self, numbers: std::ops::Range<u64>, value: impl Fn(u64) -> V) -> Result<()> {
        let mut fired = self.windows.fire_next()?.expect("a window is open");
        let mut found = Vec::new();
        while let Some(group) = fired.next_group()? {
            found.extend(group);
        }
        found.sort_by_key(|(k, _)| *k);
        assert_eq!(found, numbers.map(|n| (n as u32, value(n))).collect::<Vec<_>>());
        Ok(())
    }
}

/// A checkpoint of a program whose values have version 1.
fn first(task: &mut Task) -> Result<Checkpoint> {
    let mut states = States::<u64>::of(task, || Version::new(1));
    states.write(task, 0..KEYS, |n| n)?;
    task.seal()
}

fn third(n: u64) -> Third {
    Third(-(n as i64))
}

/// Conformance case 54.
pub fn values_of_an_older_version_are_migrated_by_a_restore(factory: &Factory) {
    everywhere(factory, |task| {
        let mut checkpoint = first(task)?;
        for (budget, folded) in [(0, false), (usize::MAX, false), (600, true)] {
            if folded {
                checkpoint.fold(1)?;
            }
            let mut again = task.again(factory, budget);
            let mut states = States::of(&mut again, version_2);
            again.restore(&checkpoint)?;
            states.assert_hold(0..KEYS, second)?;
            // What is written from now on lies beside what was migrated, in table, store and checkpoint.
            states.write(&mut again, KEYS..2 * KEYS, second)?;
            states.assert_hold(0..2 * KEYS, second)?;
            let next = again.seal()?;
            states.assert_fires(0..2 * KEYS, second)?;

            let mut once_more = again.again(factory, budget);
            let mut states = States::of(&mut once_more, || Version::<Second>::new(2));
            once_more.restore(&next)?;
            states.assert_hold(0..2 * KEYS, second)?;
            states.assert_fires(0..2 * KEYS, second)?;
        }
        Ok(())
    });
}

/// Conformance case 54.
pub fn a_restore_from_any_known_version_gives_the_same(factory: &Factory) {
    everywhere(factory, |task| {
        let version_1 = first(task)?;
        let mut again = task.again(factory, 600);
        let mut states = States::of(&mut again, version_2);
        again.restore(&version_1)?;
        // Of what was migrated and what was written, there is one version.
        states.write(&mut again, KEYS..KEYS + 2, second)?;
        let version_2 = again.seal()?;
        for (checkpoint, end) in [(&version_1, KEYS), (&version_2, KEYS + 2)] {
            let mut last = task.again(factory, 600);
            let mut states = States::of(&mut last, version_3);
            last.restore(checkpoint)?;
            states.assert_hold(0..end, third)?;
            states.assert_fires(0..end, third)?;
        }
        Ok(())
    });
}

pub fn migrated_entries_keep_their_ages(factory: &Factory) {
    everywhere(factory, |task| {
        let ttl = Ttl::after(Duration::from_millis(100));
        let mut values: ValueState<u32, u64> = task.state.value("values").ttl(ttl);
        let mut list: ListState<u32, u64> = task.state.list("list").ttl(ttl);
        let (a, b) = (key(1_u32), key(2_u32));
        for (now, k, n) in [(0, &a, 1), (60, &b, 2)] {
            at(task, now);
            values.set(k, n)?;
            task.pass()?;
            list.add(&a, &n)?;
            task.pass()?;
        }
        let checkpoint = task.seal()?;
        // The time to live may change at the same start.
        for (new, over) in
            [(Some(ttl), [100, 160]), (Some(Ttl::after(Duration::from_millis(80))), [80, 140]), (None, [0; 2])]
        {
            let mut again = task.again(factory, 600);
            at(&again, 61);
            let values: ValueState<u32, Second> = again.state.value("values").version(version_2());
            let list: ListState<u32, Second> = again.state.list("list").version(version_2());
            let (values, list) = match new {
                Some(ttl) => (values.ttl(ttl), list.ttl(ttl)),
                None => (values, list),
            };
            again.restore(&checkpoint)?;
            assert_eq!((values.get_cloned(&a)?, values.get_cloned(&b)?), (Some(second(1)), Some(second(2))));
            assert_eq!(list.get(&a)?, [second(1), second(2)]);
            let [first, last] = over.map(Timestamp::from_millis);
            again.state.batch_begins(first);
            let there = new.is_none();
            assert_eq!((values.get_cloned(&a)?.is_some(), list.get(&a)?.len()), (there, if there { 2 } else { 1 }));
            assert_eq!(values.get_cloned(&b)?, Some(second(2)));
            again.state.batch_begins(last);
            assert_eq!((values.get_cloned(&b)?.is_some(), list.is_empty(&a)?), (there, !there));
        }
        Ok(())
    });
}

type Text = Coded<u64, Decimal>;

pub fn a_version_may_change_the_codec(factory: &Factory) {
    everywhere(factory, |task| {
        let mut values: ValueState<u32, u64> = task.state.value("values");
        let k = key::<u32>(1_u32);
        values.set(&k, 500)?;
        task.pass()?;
        let checkpoint = task.seal()?;
        let to_text = || Version::new(2).migrate(1, |n: u64| Ok(Text::new(n)));
        let back = || Version::new(3).migrate(2, |text: Text| Ok(text.into_inner() + 1));

        let mut again = task.again(factory, 600);
        let texts: ValueState<u32, Text> = again.state.value("values").version(to_text());
        again.restore(&checkpoint)?;
        assert_eq!(texts.get_cloned(&k)?, Some(Text::new(500)));
        let checkpoint = again.seal()?;
        assert_eq!(checkpoint.content("values")?.into_values().collect::<Vec<_>>(), [b"500".to_vec()]);

        let mut again = task.again(factory, 600);
        let values: ValueState<u32, u64> = again.state.value("values").version(back());
        again.restore(&checkpoint)?;
        assert_eq!(values.get_cloned(&k)?, Some(501));

        let mut again = task.again(factory, 600);
        let raw = Version::new(3).migrate_bytes(2, |bytes| Ok(bytes.len() as u64));
        let values: ValueState<u32, u64> = again.state.value("values").version(raw);
        again.restore(&checkpoint)?;
        assert_eq!(values.get_cloned(&k)?, Some(3));
        Ok(())
    });
}

pub fn what_cannot_be_migrated_is_refused_and_stays_readable(factory: &Factory) {
    let refusal = |checkpoint: &Checkpoint, declare: &dyn Fn(&mut Task)| -> String {
        let mut task = Task::by_hand(factory, 600);
        declare(&mut task);
        let error = task.restore(checkpoint).expect_err("it cannot be read");
        assert_eq!(error.kind(), ErrorKind::Refused);
        error.to_string()
    };
    let value = |task: &mut Task, version: Version<u64>| drop(task.state.value::<u32, u64>("n").version(version));
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, 600);
        let mut state: ValueState<u32, u64> = task.state.value("n").version(Version::new(2).migrate(1, |n: u64| Ok(n)));
        let k = key::<u32>(1_u32);
        state.set(&k, 5)?;
        let checkpoint = task.seal()?;
        let text = refusal(&checkpoint, &|task| value(task, Version::new(1)));
        assert!(text.contains("`op/n` has version 2 in the checkpoint, 1 in the job: a newer program has"), "{text}");
        let text = refusal(&checkpoint, &|task| value(task, Version::new(3)));
        assert!(text.contains("`op/n` has version 2 in the checkpoint, 3 in the job"), "{text}");
        assert!(text.contains("migrates from no other: add `.migrate(2, …)`"), "{text}");
        let text = refusal(&checkpoint, &|task| value(task, Version::new(5).migrate(3, |n: u64| Ok(n))));
        assert!(text.contains("migrates from 3: add `.migrate(2, …)`"), "{text}");
        let text = refusal(&checkpoint, &|task| value(task, Version::new(3).migrate(2, |n: u8| Ok(n.into()))));
        assert!(text.contains("migrates from values `u8`, and these are `u64`"), "{text}");
        let of_text = |text: Text| Ok(text.into_inner());
        let text = refusal(&checkpoint, &|task| value(task, Version::new(3).migrate(2, of_text)));
        assert!(text.contains("of the codec `decimal/1`, and these are of `bincode-2/varint`"), "{text}");
        let other = Version::new(2);
        let text = refusal(&checkpoint, &|task| drop(task.state.value::<u32, i64>("n").version(other.clone())));
        assert!(text.contains("`op/n` has values `u64` in the checkpoint, `i64` in the job"), "{text}");
        assert!(text.contains("`.version(Version::new(3).migrate(2, …))`"), "{text}");
        // No version migrates what entries are found by.
        let version = Version::new(3).migrate(2, |n: u64| Ok(n));
        let text = refusal(&checkpoint, &|task| drop(task.state.value::<u64, u64>("n").version(version.clone())));
        assert!(
            text.contains("keys `u32` in the checkpoint, `u64` in the job: give the changed state another"),
            "{text}"
        );
        let text = refusal(&checkpoint, &|task| drop(task.state.value::<u32, u64>("m")));
        assert!(text.contains("has the state `op/n`, the job has none of this name"), "{text}");

        let mut again = task.again(factory, 600);
        let state: ValueState<u32, u64> = again.state.value("n").version(Version::new(2));
        again.restore(&checkpoint)?;
        assert_eq!(state.get_cloned(&k)?, Some(5));
        Ok(())
    };
    check().expect("no other call fails");
}

pub fn a_migration_that_fails_is_told_and_the_checkpoint_stays_readable(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, 600);
        let mut state: ValueState<u32, u64> = task.state.value("n");
        for n in 0..20_u32 {
            state.set(&key::<u32>(n), n.into())?;
        }
        let checkpoint = task.seal()?;
        let mut store_key = key::<u32>(7_u32).group().0.to_be_bytes().to_vec();
        ordered::encode(&7_u32, &mut store_key)?;
        let hex: String = store_key.iter().map(|b| format!("{b:02x}")).collect();

        let mut again = task.again(factory, 600);
        let refuse_7 = |n: u64| if n == 7 { Err(Error::operator("7 is not migrated")) } else { Ok(n + 1) };
        let _state: ValueState<u32, u64> = again.state.value("n").version(Version::new(2).migrate(1, refuse_7));
        let text = again.restore(&checkpoint).expect_err("7 is not migrated").to_string();
        for part in ["`op/n`", &format!("0x{hex}"), "from version 1 to 2", "7 is not migrated"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
        let mut again = task.again(factory, 600);
        let state: ValueState<u32, u64> = again.state.value("n");
        again.restore(&checkpoint)?;
        assert_eq!(state.get_cloned(&key::<u32>(7_u32))?, Some(7));
        Ok(())
    };
    check().expect("no other call fails");
}

pub fn versions_that_make_no_sense_are_problems(factory: &Factory) {
    let mut task = Task::by_hand(factory, usize::MAX);
    let same = |n: u64| Ok(n);
    let _zero: ValueState<u32, u64> = task.state.value("zero").version(Version::new(0));
    let _twice: MapState<u32, u8, u64> = task.state.map("twice").version(Version::new(1)).version(Version::new(2));
    let _up: ListState<u32, u64> = task.state.list("up").version(Version::new(2).migrate(2, same));
    let _window: WindowState<u32, u64> = task.state.windows("window").version(Version::new(0));
    let _fine: ValueState<u32, u64> =
        task.state.value("fine").version(Version::new(3).migrate(1, same).migrate(2, same));
    let expected = [
        "the state `op/zero` has version 0: valid are 1 and more",
        "the state `op/twice` is given a version twice",
        "the state `op/up` has version 2 and migrates from 2: valid are 1 and more below 2",
        "the state `op/window` has version 0: valid are 1 and more",
    ];
    assert_eq!(task.state.problems(), expected);
}
