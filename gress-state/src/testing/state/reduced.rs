//! State into which what is added is reduced or accumulated.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::{
    lifetimes::at,
    task::{Factory, everywhere, key},
};
use crate::{Accumulator, AggregatingState, ReducingState, Ttl};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Conformance case 10.
pub fn what_is_added_is_reduced_into_what_was_added_first(factory: &Factory) {
    everywhere(factory, |task| {
        let mut sums: ReducingState<u32, u64> = task.state.reducing("sums", |sum, n| *sum += n);
        let (a, b) = (key(1_u32), key(2_u32));
        for n in [17, 11] {
            sums.add(&a, n)?;
            task.pass()?;
        }
        assert_eq!((sums.get(&a)?, sums.get(&b)?), (Some(28), None));
        task.pass()?;
        sums.clear(&a)?;
        task.pass()?;
        assert_eq!(sums.get(&a)?, None);
        sums.add(&a, 2)?;
        task.pass()?;
        let checkpoint = task.seal()?;
        let mut again = task.again(factory, 0);
        let mut restored: ReducingState<u32, u64> = again.state.reducing("sums", |sum, n| *sum += n);
        again.restore(&checkpoint)?;
        restored.add(&a, 1)?;
        assert_eq!((restored.get(&a)?, sums.get(&a)?), (Some(3), Some(2)));
        assert_eq!((sums.take(&a)?, sums.take(&a)?), (Some(2), None));
        Ok(())
    });
}

/// A sum that is given as text.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Text {
    sum: u64,
}

impl Accumulator<u64> for Text {
    type Out = String;
    fn add(&mut self, n: &u64) {
        self.sum += n;
    }
    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
    }
    fn finish(self) -> String {
        self.sum.to_string()
    }
}

/// Conformance case 11.
pub fn an_accumulator_belongs_to_one_key_and_its_result_may_be_of_another_type(factory: &Factory) {
    everywhere(factory, |task| {
        let mut texts: AggregatingState<u32, u64, Text> = task.state.aggregating("texts", Text::default());
        let (a, b) = (key(1_u32), key(2_u32));
        for n in [17, 11] {
            texts.add(&a, &n)?;
            task.pass()?;
        }
        assert_eq!((texts.get(&a)?.as_deref(), texts.get(&b)?), (Some("28"), None));
        texts.add(&b, &1)?;
        task.pass()?;
        assert_eq!((texts.get(&a)?.as_deref(), texts.get(&b)?.as_deref()), (Some("28"), Some("1")));
        task.pass()?;
        texts.merge(&a, &[&b, &key(3_u32)])?;
        task.pass()?;
        assert_eq!((texts.take(&a)?.as_deref(), texts.get(&b)?), (Some("29"), None));
        task.pass()?;
        texts.add(&a, &4)?;
        texts.clear(&a)?;
        task.pass()?;
        assert_eq!(texts.get(&a)?, None);
        Ok(())
    });
}

/// Conformance case 12.
pub fn merged_state_reduces_the_target_first_and_then_the_sources_in_the_order_given(factory: &Factory) {
    everywhere(factory, |task| {
        let mut sums: ReducingState<u32, u64> = task.state.reducing("sums", |sum, n| *sum += n);
        let mut texts: ReducingState<u32, String> =
            task.state.reducing("texts", |text: &mut String, more: String| text.push_str(&more));
        let [k0, k1, k2, k44] = [0_u32, 1, 2, 44].map(key::<u32>);
        for (k, n) in [(&k0, 33), (&k1, 11), (&k2, 22)] {
            sums.add(k, n)?;
            task.pass()?;
            texts.add(k, n.to_string())?;
            task.pass()?;
        }
        sums.merge(&k0, &[&k1, &k2, &k44, &k0])?;
        task.pass()?;
        texts.merge(&k0, &[&k2, &k44, &k1])?;
        task.pass()?;
        assert_eq!((sums.get(&k0)?, sums.get(&k1)?, sums.get(&k2)?), (Some(66), None, None));
        assert_eq!((texts.get(&k0)?.as_deref(), texts.get(&k1)?), (Some("332211"), None));
        task.pass()?;
        sums.merge(&k0, &[&k1, &k44])?;
        task.pass()?;
        sums.merge(&k44, &[&k0, &k1])?;
        task.pass()?;
        assert_eq!((sums.get(&k0)?, sums.get(&k44)?), (None, Some(66)));
        Ok(())
    });
}

pub fn reduced_state_expires_as_values_do(factory: &Factory) {
    everywhere(factory, |task| {
        let ttl = Ttl::after(Duration::from_millis(100));
        let sums: ReducingState<u32, u64> = task.state.reducing("sums", |sum, n| *sum += n);
        let mut sums = sums.ttl(ttl);
        let (a, b) = (key(1_u32), key(2_u32));
        at(task, 0);
        sums.add(&a, 1)?;
        task.pass()?;
        at(task, 60);
        sums.add(&b, 2)?;
        task.pass()?;
        sums.add(&a, 1)?;
        task.pass()?;
        at(task, 159);
        assert_eq!((sums.get(&a)?, sums.get(&b)?), (Some(2), Some(2)));
        task.pass()?;
        at(task, 160);
        sums.add(&a, 5)?;
        task.pass()?;
        // Conformance case 34: what has expired is not merged.
        sums.merge(&a, &[&b])?;
        task.pass()?;
        assert_eq!((sums.get(&a)?, sums.get(&b)?), (Some(5), None));
        Ok(())
    });
}
