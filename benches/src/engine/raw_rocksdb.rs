//! Raw RocksDB, as most programs use it: a get and a put for each event, without log, bloom filter on.

use super::check;
use crate::{
    measure::{Sample, measure},
    workload::Workload,
};
use gress_runtime::{Error, Result};
use rocksdb::{BlockBasedOptions, Cache, DB, IteratorMode, Options, WriteOptions};

pub(super) fn count(workload: &Workload) -> Result<Sample> {
    let folder = tempfile::tempdir()?;
    let (mut options, mut blocks) = (Options::default(), BlockBasedOptions::default());
    options.create_if_missing(true);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_block_cache(&Cache::new_lru_cache(128 << 20));
    options.set_block_based_table_factory(&blocks);
    let db = DB::open(&options, folder.path())?;
    let mut no_log = WriteOptions::default();
    no_log.disable_wal(true);
    let sample = measure(workload.events, || {
        for index in 0..workload.events {
            let key = workload.key(index).to_be_bytes();
            let count = match db.get_pinned(key)? {
                Some(value) => number(&value)? + 1,
                None => 1,
            };
            db.put_opt(key, count.to_le_bytes(), &no_log)?;
        }
        Ok(0)
    })?;
    let mut counted = 0;
    for row in db.iterator(IteratorMode::Start) {
        counted += number(&row?.1)?;
    }
    check("raw RocksDB", counted, workload)?;
    Ok(sample)
}

fn number(value: &[u8]) -> Result<u64> {
    let bytes = value.try_into().map_err(|_| Error::damaged("a count has 8 bytes"))?;
    Ok(u64::from_le_bytes(bytes))
}
