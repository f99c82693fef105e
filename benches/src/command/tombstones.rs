//! Scans of a range that was emptied by deletes.

use crate::{
    key_value::{KeyValue, Subject},
    keys::Key,
    report::{
        Cell::{Count, Time},
        Report, Row,
    },
    shared::Shared,
    values::Values,
};
use clap::ValueEnum;
use gress_runtime::{Clock, Result, SystemClock};
use gress_state::KeyRange;
use gress_state_rocksdb::Preset;
use std::{thread, time::Duration};

#[derive(clap::Args)]
pub(crate) struct Tombstones {
    /// Keys that are put, and then deleted one by one [default: 100000; short: 5000].
    #[arg(long)]
    deletes: Option<u64>,
    /// Rows that a scan gives at most.
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
    /// Scans; the median is shown.
    #[arg(long, default_value_t = 21)]
    scans: usize,
    /// Presets, each on Gress and on raw RocksDB.
    #[arg(long, value_delimiter = ',', default_values_t = Preset::ALL)]
    presets: Vec<Preset>,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    value: usize,
    /// How they are deleted.
    #[arg(long, value_enum, default_value_t = By::Key)]
    by: By,
    /// Lets the keys come to rest in the last level before they are deleted, instead of deleting them in memory.
    #[arg(long)]
    at_rest: bool,
}

/// How many keys a call deletes.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// One.
    Key,
    /// All, named one by one.
    Batch,
    /// All between two keys.
    Range,
}

impl Tombstones {
    pub(crate) fn run(self, shared: &Shared) -> Result<Report> {
        let deletes = shared.or(self.deletes, 100_000, 5_000);
        let mut report = Report::new("tombstones");
        report.setting("deletes", deletes);
        report.setting("limit of a scan", self.limit);
        report.setting("deleted by", format!("{:?}", self.by).to_lowercase());
        report.setting("deleted in", if self.at_rest { "the last level" } else { "memory" });
        report.setting("seed", shared.seed);
        let values = Values::new(self.value, shared.seed);
        let (mut rows, mut limits) = (Vec::new(), Vec::new());
        for subject in self.subjects() {
            let scratch = shared.scratch()?;
            let state = subject.open(&scratch.path().join("state"))?;
            let times = self.measure(&*state, deletes, &values)?;
            state.close()?;
            rows.push(times.row(&subject.name()));
            if !matches!(subject, Subject::Raw(_)) {
                limits.push((subject.name(), times));
            }
        }
        report.table("a scan of the range", &rows);
        for (name, times) in limits {
            // The range is the same, and so is the limit: before, a scan gives so many rows, afterwards none.
            let ratio = |time: Duration, other: Duration| time.as_secs_f64() / other.as_secs_f64().max(1e-9);
            report.at_most(&format!("{name}: the first after, to before"), ratio(times.first, times.before), 1.0);
            report.at_most(&format!("{name}: after, to before"), ratio(times.after, times.before), 1.0);
            report.at_most(&format!("{name}: after, to empty"), ratio(times.after, times.empty), 10.0);
        }
        Ok(report)
    }

    fn subjects(&self) -> Vec<Subject> {
        let presets = self.presets.iter().flat_map(|preset| [Subject::gress(*preset), Subject::raw(*preset)]);
        std::iter::once(Subject::Memory).chain(presets).collect()
    }

    fn measure(&self, state: &dyn KeyValue, deletes: u64, values: &Values) -> Result<Times> {
        for number in 0..deletes {
            state.put(&key(b'm', number), values.at(number))?;
            // Neighbours, which are not to be read.
            state.put(&key(b'a', number), values.at(number))?;
            state.put(&key(b'z', number), values.at(number))?;
        }
        if self.at_rest {
            state.flush()?;
            state.compact()?;
        }
        let before = self.median_of_scans(state)?;
        match self.by {
            By::Key => (0..deletes).try_for_each(|number| state.delete(&key(b'm', number)))?,
            By::Batch => state.batch_delete(&(0..deletes).map(|number| key(b'm', number)).collect::<Vec<_>>())?,
            By::Range => state.delete_range(KeyRange { lower: b"m", upper: Some(b"n") })?,
        }
        let first = self.scan(state)?;
        for _ in 0..SETTLING_SCANS {
            rest(state)?;
            self.scan(state)?;
        }
        rest(state)?;
        let after = self.median_of_scans(state)?;
        state.flush()?;
        let flushed = self.median_of_scans(state)?;
        state.compact()?;
        let empty = self.median_of_scans(state)?;
        Ok(Times {
            before: before.0,
            before_rows: before.1,
            first: first.0,
            after: after.0,
            flushed: flushed.0,
            empty: empty.0,
        })
    }

    fn median_of_scans(&self, state: &dyn KeyValue) -> Result<(Duration, usize)> {
        let mut scans = (0..self.scans.max(1)).map(|_| self.scan(state)).collect::<Result<Vec<_>>>()?;
        scans.sort_unstable();
        Ok(scans[scans.len() / 2])
    }

    /// How long a scan takes, and how many rows it gives.
    fn scan(&self, state: &dyn KeyValue) -> Result<(Duration, usize)> {
        let clock = SystemClock::start();
        let rows = state.scan(KeyRange { lower: b"m", upper: Some(b"n") }, self.limit)?;
        Ok((clock.now(), rows))
    }
}

/// Waits for flushes and compactions that the first scan may have begun.
fn rest(state: &dyn KeyValue) -> Result<()> {
    let busy = ["rocksdb.num-running-flushes", "rocksdb.mem-table-flush-pending"];
    let busy = busy.into_iter().chain(["rocksdb.num-running-compactions", "rocksdb.compaction-pending"]);
    let clock = SystemClock::start();
    let mut quiet = 0;
    while quiet < 3 && clock.now() < REST_MAX {
        thread::park_timeout(Duration::from_millis(20));
        let numbers = busy.clone().map(|name| state.number(name)).collect::<Result<Vec<_>>>()?;
        quiet = if numbers.iter().any(|number| *number > 0) { 0 } else { quiet + 1 };
    }
    Ok(())
}

/// Scans that may still meet deletes: those in memory, those in files, those in files of the last level.
const SETTLING_SCANS: usize = 3;
/// A state that is still busy then is measured as it is.
const REST_MAX: Duration = Duration::from_secs(30);

fn key(first: u8, number: u64) -> Key {
    let mut key = [first; 16];
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

struct Times {
    before: Duration,
    before_rows: usize,
    /// The first scan after the deletes.
    first: Duration,
    after: Duration,
    flushed: Duration,
    /// After a compaction.
    empty: Duration,
}

impl Times {
    fn row(&self, name: &str) -> Row {
        Row::default()
            .with("state", name)
            .with("rows before", Count(self.before_rows as u64))
            .with("before", Time(self.before))
            .with("first after", Time(self.first))
            .with("after", Time(self.after))
            .with("after a flush", Time(self.flushed))
            .with("after a compaction", Time(self.empty))
    }
}
