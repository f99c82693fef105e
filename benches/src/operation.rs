//! One call, as a benchmark repeats it.

use crate::{
    key_value::KeyValue,
    keys::{Key, Keys},
    values::Values,
};
use clap::ValueEnum;
use gress_runtime::Result;
use gress_state::KeyRange;
use std::hint::black_box;

/// Keys of a batch, and rows of a scan.
pub(crate) const BATCH: usize = 100;

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    /// Looks at a value where it lies.
    GetWith,
    /// Copies a value.
    Get,
    Put,
    Delete,
    /// Puts 100 keys together.
    BatchPut,
    /// Copies the values of 100 keys.
    BatchGet,
    /// Copies 100 entries from a key on.
    Scan,
    /// A put after each nine gets.
    Mixed,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Operation::GetWith => "get_with",
            Operation::Get => "get",
            Operation::Put => "put",
            Operation::Delete => "delete",
            Operation::BatchPut => "batch_put(100)",
            Operation::BatchGet => "batch_get(100)",
            Operation::Scan => "scan(100)",
            Operation::Mixed => "mixed 90/10",
        }
    }

    /// Entries that a call reads or writes.
    pub(crate) fn entries(self) -> u64 {
        match self {
            Operation::BatchPut | Operation::BatchGet | Operation::Scan => BATCH as u64,
            _ => 1,
        }
    }

    /// Makes call number `index`.
    #[inline]
    pub(crate) fn call(self, state: &dyn KeyValue, keys: &Keys, values: &Values, index: u64) -> Result<()> {
        let key = keys.at(index);
        match self {
            Operation::GetWith => drop(black_box(state.get_with(key)?)),
            Operation::Get => drop(black_box(state.get(key)?)),
            Operation::Put => state.put(key, values.at(index))?,
            Operation::Delete => state.delete(key)?,
            Operation::BatchPut => state.batch_put(&batch(keys, values, index))?,
            Operation::BatchGet => drop(black_box(state.batch_get(keys.slice(index, BATCH))?)),
            Operation::Scan => drop(black_box(state.scan(KeyRange { lower: key, upper: None }, BATCH)?)),
            Operation::Mixed if index % 10 == 9 => state.put(key, values.at(index))?,
            Operation::Mixed => drop(black_box(state.get(key)?)),
        }
        Ok(())
    }
}

fn batch<'a>(keys: &Keys, values: &'a Values, index: u64) -> Vec<(Key, &'a [u8])> {
    let numbered = keys.slice(index, BATCH).iter().zip(index * BATCH as u64..);
    numbered.map(|(key, number)| (*key, values.at(number))).collect()
}
