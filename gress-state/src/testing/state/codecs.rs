//! State whose values have a codec of their own.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    lifetimes::at,
    task::{Factory, Task, everywhere, key},
};
use crate::{Accumulator, AggregatingState, Coded, ListState, MapState, Ttl, ValueCodec, ValueState};
use gress_core::{Error, Result, Timestamp, ordered};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Numbers as text. 13 is not written, and `seven` is written for 7 and not read.
#[derive(Clone)]
pub struct Decimal;

impl Decimal {
    fn parse(bytes: &[u8]) -> Result<u64> {
        Ok(std::str::from_utf8(bytes)?.parse()?)
    }
}

impl ValueCodec<u64> for Decimal {
    const NAME: &'static str = "decimal/1";
    fn encode(value: &u64, into: &mut Vec<u8>) -> Result<()> {
        let text = match value {
            13 => return Err(Error::operator("13 is not written")),
            7 => "seven".to_owned(),
            n => n.to_string(),
        };
        into.extend_from_slice(text.as_bytes());
        Ok(())
    }
    fn decode(bytes: &[u8]) -> Result<u64> {
        Decimal::parse(bytes)
    }
}

/// No type of serde: only its codec can write it.
#[derive(Clone, Debug, PartialEq)]
struct Foreign(u64);

impl ValueCodec<Foreign> for Decimal {
    const NAME: &'static str = "decimal/foreign";
    fn encode(value: &Foreign, into: &mut Vec<u8>) -> Result<()> {
        into.extend_from_slice(value.0.to_string().as_bytes());
        Ok(())
    }
    fn decode(bytes: &[u8]) -> Result<Foreign> {
        Decimal::parse(bytes).map(Foreign)
    }
}

type Number = Coded<u64, Decimal>;

pub fn state_with_a_codec_of_its_own_is_what_was_written_and_is_kept_in_the_format_of_the_codec(factory: &Factory) {
    everywhere(factory, |task| {
        let mut values: ValueState<u32, Number> = task.state.value("values");
        let mut foreign: ValueState<u32, Coded<Foreign, Decimal>> = task.state.value("foreign");
        let mut list: ListState<u32, Number> = task.state.list("list");
        let mut map: MapState<u32, u8, Number> = task.state.map("map");
        let mut windows = task.state.windows::<u32, Number>("windows");
        let (start, end) = (Timestamp::from_millis(0), Timestamp::from_millis(10));
        let k = |n: u64| key::<u32>(n as u32);
        for n in 100..120_u64 {
            values.set(&k(n), n.into())?;
            task.pass()?;
            **values.entry(&k(n))?.or_insert(0.into()) += 1;
            task.pass()?;
            foreign.set(&k(n), Foreign(n).into())?;
            task.pass()?;
            list.add(&k(n % 3), &n.into())?;
            task.pass()?;
            map.put(&k(n % 3), &(n as u8), n.into())?;
            task.pass()?;
            windows.update(start, end, &k(n % 3), Number::default, |sum| **sum += n)?;
            task.pass()?;
        }
        let checkpoint = task.seal()?;
        let bytes: Vec<_> = checkpoint.content("values")?.into_values().collect();
        let mut texts: Vec<_> = bytes.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        texts.sort();
        assert_eq!(texts, (101..121).map(|n: u64| n.to_string()).collect::<Vec<_>>());
        let sums = checkpoint.content("windows")?.into_values().collect::<Vec<_>>();
        assert!(sums.contains(&b"763".to_vec()), "{sums:?}");

        let mut again = task.again(factory, 0);
        let values: ValueState<u32, Number> = again.state.value("values");
        let foreign: ValueState<u32, Coded<Foreign, Decimal>> = again.state.value("foreign");
        let list: ListState<u32, Number> = again.state.list("list");
        let map: MapState<u32, u8, Number> = again.state.map("map");
        let mut windows = again.state.windows::<u32, Number>("windows");
        again.restore(&checkpoint)?;
        for n in 100..120_u64 {
            assert_eq!(values.get_cloned(&k(n))?.map(Coded::into_inner), Some(n + 1));
            assert_eq!(foreign.get_cloned(&k(n))?.map(Coded::into_inner), Some(Foreign(n)));
            assert_eq!(map.get_cloned(&k(n % 3), &(n as u8))?.map(Coded::into_inner), Some(n));
        }
        let of_one: Vec<_> = list.get(&k(1))?.into_iter().map(Coded::into_inner).collect();
        assert_eq!(of_one, (100..120).filter(|n| n % 3 == 1).collect::<Vec<_>>());
        let (mut fired, mut sum) = (windows.fire_next()?.expect("a window is open"), 0);
        while let Some(group) = fired.next_group()? {
            sum += group.iter().map(|(_, n)| **n).sum::<u64>();
        }
        assert_eq!(sum, (100..120).sum::<u64>());
        Ok(())
    });
}

/// A sum that only accumulates.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Sum(u64);

impl Accumulator<u64> for Sum {
    type Out = u64;
    fn add(&mut self, n: &u64) {
        self.0 += n;
    }
    fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }
    fn finish(self) -> u64 {
        self.0
    }
}

impl ValueCodec<Sum> for Decimal {
    const NAME: &'static str = "decimal/sum";
    fn encode(value: &Sum, into: &mut Vec<u8>) -> Result<()> {
        into.extend_from_slice(value.0.to_string().as_bytes());
        Ok(())
    }
    fn decode(bytes: &[u8]) -> Result<Sum> {
        Decimal::parse(bytes).map(Sum)
    }
}

pub fn an_accumulator_with_a_codec_of_its_own_accumulates_as_without(factory: &Factory) {
    everywhere(factory, |task| {
        let mut sums: AggregatingState<u32, u64, Coded<Sum, Decimal>> =
            task.state.aggregating("sums", Coded::default());
        let (a, b) = (key(1_u32), key(2_u32));
        for n in [17, 11] {
            sums.add(&a, &n)?;
            task.pass()?;
        }
        sums.add(&b, &2)?;
        task.pass()?;
        sums.merge(&a, &[&b])?;
        task.pass()?;
        assert_eq!((sums.get(&a)?, sums.get(&b)?), (Some(30), None));
        assert_eq!(task.seal()?.content("sums")?.into_values().collect::<Vec<_>>(), [b"30".to_vec()]);
        Ok(())
    });
}

pub fn a_value_with_a_codec_of_its_own_expires_as_any_other(factory: &Factory) {
    everywhere(factory, |task| {
        let values: ValueState<u32, Number> = task.state.value("values");
        let mut values = values.ttl(Ttl::after(Duration::from_millis(100)));
        let k = key::<u32>(1_u32);
        at(task, 0);
        values.set(&k, 5.into())?;
        task.pass()?;
        at(task, 99);
        assert_eq!(values.get_cloned(&k)?, Some(5.into()));
        task.pass()?;
        at(task, 100);
        assert_eq!(values.get_cloned(&k)?, None);
        Ok(())
    });
}

/// Asserts that the error names the state, the key and the codec.
fn assert_tells(error: &Error, state: &str, k: u32) {
    let mut store_key = key::<u32>(k).group().0.to_be_bytes().to_vec();
    ordered::encode(&k, &mut store_key).expect("a number can be encoded");
    let hex: String = store_key.iter().map(|b| format!("{b:02x}")).collect();
    let text = error.to_string();
    for part in [format!("`op/{state}`"), format!("0x{hex}"), "codec `decimal/1`".to_owned()] {
        assert!(text.contains(&part), "{part} is not in: {text}");
    }
}

pub fn a_codec_that_fails_is_told_with_state_and_key_and_changes_nothing(factory: &Factory) {
    let check = || -> Result<()> {
        let mut task = Task::by_hand(factory, 0);
        let mut values: ValueState<u32, Number> = task.state.value("values");
        let mut list: ListState<u32, Number> = task.state.list("list");
        for n in 6..9_u32 {
            values.set(&key::<u32>(n), u64::from(n).into())?;
        }
        task.spill()?;
        assert_tells(&values.get(&key::<u32>(7_u32)).err().expect("7 is not read"), "values", 7);
        assert_eq!(values.get_cloned(&key::<u32>(8_u32))?, Some(8.into()));

        let k = key::<u32>(1_u32);
        list.add(&k, &6.into())?;
        assert_tells(&list.add(&k, &13.into()).expect_err("13 is not written"), "list", 1);
        assert_tells(&list.add_all(&k, &[8.into(), 13.into()]).expect_err("13 is not written"), "list", 1);
        assert_eq!(list.get(&k)?, [6.into()]);
        list.add(&k, &7.into())?;
        assert_tells(&list.get(&k).expect_err("7 is not read"), "list", 1);

        values.set(&key::<u32>(13_u32), 13.into())?;
        // What goes before it is spilled.
        let error = task.spill().err().or_else(|| task.spill().err());
        assert_tells(&error.expect("13 is not written"), "values", 13);
        assert_tells(&task.spill().expect_err("13 is not written"), "values", 13);
        assert_eq!(values.get_cloned(&key::<u32>(13_u32))?, Some(13.into()));
        Ok(())
    };
    check().expect("no other call fails");
}
