//! User types that fail to encode or decode: the error says what and where, and the state stays as it was.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    spy::Spy,
    task::{Factory, Task, key},
};
use crate::{ListState, MapState, Ttl, ValueState};
use gress_core::{Error, Result, Timestamp, ordered};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// A number that cannot be written if it is 13, and not be read if it is 7.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fickle(u32);

impl Serialize for Fickle {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            13 => Err(serde::ser::Error::custom("13 is not written")),
            n => n.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Fickle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            7 => Err(serde::de::Error::custom("7 is not read")),
            n => Ok(Fickle(n)),
        }
    }
}

/// Asserts that the error names the state, the store key and the type.
fn assert_tells(error: &Error, state: &str, times: &[i64], k: u32) {
    let mut store_key = key::<u32>(k).group().0.to_be_bytes().to_vec();
    times.iter().for_each(|time| store_key.extend_from_slice(&((*time as u64) ^ (1 << 63)).to_be_bytes()));
    ordered::encode(&k, &mut store_key).expect("a number can be encoded");
    let hex: String = store_key.iter().map(|b| format!("{b:02x}")).collect();
    let text = error.to_string();
    for part in [format!("`op/{state}`"), format!("0x{hex}"), std::any::type_name::<Fickle>().to_owned()] {
        assert!(text.contains(&part), "{part} is not in: {text}");
    }
}

/// Conformance case 16.
pub fn a_value_that_does_not_decode_is_told_and_changes_nothing(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, 0);
        let mut state: ValueState<u32, Fickle> = task.state.value("n");
        for k in [6, 7, 8] {
            state.set(&key::<u32>(k), Fickle(k))?;
        }
        task.spill()?;
        let k = key::<u32>(7_u32);
        let errors = [state.get(&k).err(), state.update(&k, |_| ()).err(), state.take(&k).err(), state.entry(&k).err()];
        errors.iter().for_each(|error| assert_tells(error.as_ref().expect("7 is not read"), "n", &[], 7));
        assert_eq!(task.state.entries(), 0);
        assert_eq!(state.get_cloned(&key::<u32>(8_u32))?, Some(Fickle(8)));
        let checkpoint = task.seal()?;
        assert_eq!(checkpoint.content("n")?.len(), 3);
        for budget in [0, usize::MAX] {
            let mut again = task.again(factory, budget);
            let _state: ValueState<u32, Fickle> = again.state.value("n");
            match again.restore(&checkpoint) {
                Ok(()) => assert_eq!(budget, 0, "what only goes to the store is not decoded"),
                Err(error) => assert_tells(&error, "n", &[], 7),
            }
        }
        // What is not read can be overwritten and removed.
        state.set(&k, Fickle(1))?;
        assert_eq!(state.get_cloned(&k)?, Some(Fickle(1)));
        state.remove(&k)?;
        assert_eq!(task.seal()?.content("n")?.len(), 2);
        Ok(())
    };
    check().expect("no other call fails");
}

pub fn an_expiring_value_that_does_not_decode_is_told(factory: &Factory) {
    let check = || -> Result<()> {
        let spy = Spy::new(factory);
        let mut task = Task::by_hand(&(spy.clone() as Factory), 0);
        let ttl = Ttl::after(Duration::from_millis(100)).renewed_by_reads();
        let mut state: ValueState<u32, Fickle> = task.state.value("n").ttl(ttl);
        task.state.batch_begins(Timestamp::from_millis(0));
        for k in [7, 8] {
            state.set(&key::<u32>(k), Fickle(k))?;
        }
        task.spill()?;
        let k = key::<u32>(7_u32);
        let errors = [state.get(&k).err(), state.update(&k, |_| ()).err(), state.take(&k).err(), state.entry(&k).err()];
        errors.iter().for_each(|error| assert_tells(error.as_ref().expect("7 is not read"), "n", &[], 7));
        // A value that no stamp begins.
        let store_key = super::model::store_key(&[], 8);
        spy.put("n", &store_key, &[0xff])?;
        let error = state.get(&key::<u32>(8_u32)).err().expect("it is damaged");
        assert_tells(&error, "n", &[], 8);
        assert!(error.to_string().contains("a stamp of its time to live"), "{error}");
        Ok(())
    };
    check().expect("no other call fails");
}

pub fn a_value_that_does_not_encode_fails_the_seal_and_is_not_forgotten(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, usize::MAX);
        let mut state: ValueState<u32, Fickle> = task.state.value("n");
        for k in [12, 13, 14] {
            state.set(&key::<u32>(k), Fickle(k))?;
        }
        task.begin()?;
        for _ in 0..3 {
            assert_tells(&task.slice(10).expect_err("13 is not written"), "n", &[], 13);
        }
        assert_tells(&state.set(&key::<u32>(13_u32), Fickle(1)).expect_err("the seal needs 13"), "n", &[], 13);
        assert_eq!(task.begin().err().map(|e| e.kind()), Some(gress_core::ErrorKind::Refused));
        for k in [12, 13, 14] {
            assert_eq!(state.get_cloned(&key::<u32>(k))?, Some(Fickle(k)));
        }
        Ok(())
    };
    check().expect("no other call fails");
}

pub fn a_value_that_does_not_encode_fails_the_spill_and_nothing_is_lost(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, 0);
        let mut state: ValueState<u32, Fickle> = task.state.value("n");
        for k in 8..18 {
            state.set(&key::<u32>(k), Fickle(k))?;
        }
        assert_eq!(task.spill()?, 1, "those before it are spilled");
        for _ in 0..2 {
            assert_tells(&task.spill().expect_err("13 is not written"), "n", &[], 13);
        }
        for k in 8..18 {
            assert_eq!(state.get_cloned(&key::<u32>(k))?, Some(Fickle(k)));
        }
        state.set(&key::<u32>(13_u32), Fickle(1))?;
        task.spill()?;
        assert_eq!((task.state.entries(), task.seal()?.content("n")?.len()), (0, 10));
        Ok(())
    };
    check().expect("no other call fails");
}

pub fn a_window_whose_content_does_not_encode_stays_open(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, usize::MAX);
        let mut state = task.state.windows::<u32, Fickle>("w");
        let (start, end) = (Timestamp::from_millis(0), Timestamp::from_millis(10));
        for k in [12, 13, 14] {
            state.update(start, end, &key(k), || Fickle(0), |value| value.0 = k)?;
        }
        task.begin()?;
        for _ in 0..2 {
            let error = state.fire_next().err().expect("the seal needs 13");
            assert_tells(&error, "w", &[0, 10], 13);
            assert_eq!((state.next_end(), task.state.entries()), (Some(end), 3));
        }
        Ok(())
    };
    check().expect("no other call fails");
}

pub fn an_accumulator_that_does_not_decode_is_told_when_its_window_fires(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, 0);
        let mut state = task.state.windows::<u32, Fickle>("w");
        let (start, end) = (Timestamp::from_millis(-10), Timestamp::from_millis(10));
        state.update(start, end, &key(7_u32), || Fickle(0), |value| value.0 = 7)?;
        task.spill()?;
        let update = state.update(start, end, &key(7_u32), || Fickle(0), |_| panic!("there is nothing to change"));
        assert_tells(&update.expect_err("7 is not read"), "w", &[-10, 10], 7);
        let mut firing = state.fire_next()?.expect("a window is open");
        assert_tells(&firing.next_group().expect_err("7 is not read"), "w", &[-10, 10], 7);
        Ok(())
    };
    check().expect("no other call fails");
}

/// Conformance case 16, for entries and items.
pub fn an_entry_or_item_that_does_not_decode_is_told_and_ends_the_iteration(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, 0);
        let mut map: MapState<u32, u8, Fickle> = task.state.map("map");
        let mut list: ListState<u32, Fickle> = task.state.list("list");
        let k = key::<u32>(1_u32);
        for n in 6..9 {
            map.put(&k, &n, Fickle(n.into()))?;
            list.add(&k, &Fickle(n.into()))?;
        }
        task.spill()?;
        let error = map.get(&k, &7).err().expect("7 is not read");
        assert!(error.to_string().contains("`op/map`") && error.to_string().contains("Fickle"), "{error}");
        assert!(map.iter(&k).is_err(), "a small map is loaded as a whole");
        assert_eq!(map.get_cloned(&k, &8)?, Some(Fickle(8)));
        let read: Vec<_> = list.iter(&k)?.collect();
        assert!(matches!(&read[..], [Ok(Fickle(6)), Err(_)]), "{read:?}");
        let error = list.get(&k).expect_err("7 is not read");
        assert!(error.to_string().contains("`op/list`") && error.to_string().contains("Fickle"), "{error}");
        map.remove(&k, &7)?;
        assert_eq!(map.iter(&k)?.count(), 2);
        list.clear(&k)?;
        assert!(list.get(&k)?.is_empty());
        Ok(())
    };
    check().expect("no call fails");
}
