//! Properties, counters and histograms of a database, by the names that RocksDB gives them.

use crate::database::Open;
use rocksdb::{
    Error, Options,
    statistics::{Histogram, Ticker},
};

/// Properties of the whole database, or of what databases share: the same from each column family, so not summed.
const OF_THE_DATABASE: [&str; 17] = [
    "rocksdb.actual-delayed-write-rate",
    "rocksdb.background-errors",
    "rocksdb.block-cache-capacity",
    "rocksdb.block-cache-pinned-usage",
    "rocksdb.block-cache-usage",
    "rocksdb.dbstats",
    "rocksdb.is-file-deletions-enabled",
    "rocksdb.is-write-stopped",
    "rocksdb.min-log-number-to-keep",
    "rocksdb.min-obsolete-sst-number-to-keep",
    "rocksdb.num-running-compactions",
    "rocksdb.num-running-flushes",
    "rocksdb.num-snapshots",
    "rocksdb.oldest-snapshot-sequence",
    "rocksdb.oldest-snapshot-time",
    "rocksdb.options-statistics",
    "rocksdb.block-cache-entry-stats",
];

/// What RocksDB says under `name`: a property, a counter, or a histogram (in its own unit, mostly microseconds).
///
/// A number is summed over all stores, a text stands below the name of its store. Counters and histograms need
/// `enable_statistics`, times also `enable_latency_tracking`.
pub(crate) fn property(open: &Open, options: &Options, counted: bool, name: &str) -> Result<Option<String>, Error> {
    if name.contains('\0') {
        return Ok(None);
    }
    let own = open.db.property_value(name)?;
    match own {
        Some(own) if OF_THE_DATABASE.contains(&name) => Ok(Some(own)),
        Some(own) if own.parse::<u64>().is_ok() => sum(open, name).map(|sum| Some(sum.to_string())),
        Some(_) => texts(open, name).map(Some),
        None if counted => Ok(statistic(options, name)),
        None => Ok(None),
    }
}

/// The sum of a property that is a number, over the default column family and those of the stores.
pub(crate) fn sum(open: &Open, name: &str) -> Result<u64, Error> {
    // Some numbers, such as files of a level, are there as text only.
    let number = |text: Option<String>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut sum: u64 = number(open.db.property_value(name)?);
    for (_, family) in open.families() {
        sum = sum.saturating_add(number(open.db.property_value_cf(&family, name)?));
    }
    Ok(sum)
}

fn texts(open: &Open, name: &str) -> Result<String, Error> {
    let mut texts = String::new();
    for (store, family) in open.families() {
        if let Some(text) = open.db.property_value_cf(&family, name)? {
            texts.push_str(&format!("{store}:\n{text}\n"));
        }
    }
    Ok(texts)
}

fn statistic(options: &Options, name: &str) -> Option<String> {
    if let Ok(ticker) = name.parse::<Ticker>() {
        return Some(options.get_ticker_count(ticker).to_string());
    }
    let data = options.get_histogram_data(name.parse::<Histogram>().ok()?);
    let (count, average, max) = (data.count(), data.average(), data.max());
    let (p50, p95, p99) = (data.median(), data.p95(), data.p99());
    Some(format!("count={count} average={average:.1} p50={p50:.1} p95={p95:.1} p99={p99:.1} max={max:.1}"))
}
