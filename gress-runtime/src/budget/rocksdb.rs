//! The budget of a process whose state goes to RocksDB.

use super::{Parts, RUN_WRITERS_WEIGHT, RocksDbParts, TABLE_WEIGHT};
use crate::{
    backends,
    config::{Config, Contradiction, ROCKSDB},
};
use gress_core::ByteSize;
use gress_state_rocksdb::RocksDbConfig;

/// Of a table, for each task. About 150 small entries: below that not even the keys of one small batch stay in the table
/// until the next, and each event becomes a read and a write of RocksDB.
const TABLE_SHARE_MIN: u64 = 16 << 10;

/// Of write buffers, for each task. RocksDB makes none smaller than this, and each task's database has at least one.
const WRITE_BUFFER_MIN: u64 = 64 << 10;

/// A single database needs two buffers: one is filled while the other is flushed. Those of several tasks stand in for
/// each other, since a database that does not write holds an almost empty one.
const WRITE_BUFFERS_MIN: u64 = 2;

/// A read touches a block of data, a part of the filter, a part of the index and what stands above it: four blocks of the
/// usual 4 KiB for each of four files that a key may lie in.
const BLOCK_CACHE_MIN: u64 = 64 << 10;

/// Of run writers, for each task: eight of the smallest slices of spilling.
const RUN_WRITERS_MIN: u64 = 32 << 10;

/// Of 24: half for the table, for what reads the rest of the state somewhat less, and for spilling the rest. Slices of
/// spilling are an eighth of the run writers' part: the larger they are, the fewer files RocksDB gets. The last part is
/// nobody's: RocksDB's blocks and buffers lie in the pools of its threads, which keep more than they hold.
const WEIGHTS: [u64; 5] = [TABLE_WEIGHT, 7, 2, RUN_WRITERS_WEIGHT, 1];

/// Where no budget is set, what run writers get of the table's size: as much as with one.
const RUN_WRITERS_OF_TABLE: u64 = TABLE_WEIGHT / RUN_WRITERS_WEIGHT;

/// One part of a budget.
#[derive(Clone, Copy, Debug)]
struct Part {
    name: &'static str,
    size: Size,
    /// What the size is counted from: `64KiB for each task`.
    reason: Reason,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Size {
    /// Given by the config.
    Explicit(u64),
    /// What its weight gives, and at least this.
    AtLeast(u64),
}

impl Size {
    /// What is needed at least.
    fn bytes(self) -> u64 {
        match self {
            Size::Explicit(bytes) | Size::AtLeast(bytes) => bytes,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Reason {
    /// The key that sets it.
    Key(&'static str),
    EachTask(u64),
    Minimum,
}

pub(super) fn divide(config: &Config, tasks: usize) -> Result<Parts, Contradiction> {
    let options = backends::explicit_options(config)?;
    enough_buffers(config, &options, tasks)?;
    match config.state.memory {
        Some(budget) => divide_budget(budget.bytes(), &options, tasks),
        None => Ok(without_budget(&options, tasks)),
    }
}

/// What RocksDB has by itself, and a quarter of it for the table.
fn without_budget(options: &RocksDbConfig, tasks: usize) -> Parts {
    let effective = options.effective();
    let block_cache = effective.block_cache_size;
    let write_buffers = match effective.db_write_buffer_size.bytes() {
        0 => effective.write_buffer_size.bytes().saturating_mul(effective.max_write_buffer_number.into()),
        limit => limit,
    };
    let quarter = block_cache.bytes().saturating_add(write_buffers) / 4;
    let table = quarter.max(each(TABLE_SHARE_MIN, tasks));
    let run_writers = ByteSize((table / RUN_WRITERS_OF_TABLE).max(each(RUN_WRITERS_MIN, tasks)));
    let write_buffers = ByteSize(write_buffers);
    let rocksdb = RocksDbParts { block_cache, write_buffers };
    Parts { tasks, table: Some(ByteSize(table)), run_writers: Some(run_writers), rocksdb: Some(rocksdb) }
}

fn divide_budget(budget: u64, options: &RocksDbConfig, tasks: usize) -> Result<Parts, Contradiction> {
    let parts = parts(options, tasks);
    let Some(shares) = share_out(budget, parts.map(|part| part.size)) else {
        return Err(too_small(&parts, tasks));
    };
    let [table, block_cache, write_buffers, run_writers, _] = shares.map(ByteSize);
    let rocksdb = RocksDbParts { block_cache, write_buffers };
    Ok(Parts { tasks, table: Some(table), run_writers: Some(run_writers), rocksdb: Some(rocksdb) })
}

/// In the order of [`WEIGHTS`].
fn parts(options: &RocksDbConfig, tasks: usize) -> [Part; 5] {
    let block_size = options.effective().block_size.bytes();
    let cache = match options.block_cache_size {
        Some(size) => (Size::Explicit(size.bytes()), Reason::Key("block_cache_size")),
        // At least one block.
        None if block_size > BLOCK_CACHE_MIN => (Size::AtLeast(block_size), Reason::Key("block_size")),
        None => (Size::AtLeast(BLOCK_CACHE_MIN), Reason::Minimum),
    };
    let smallest = each(WRITE_BUFFER_MIN, tasks).max(WRITE_BUFFERS_MIN * WRITE_BUFFER_MIN);
    let buffers = match (options.db_write_buffer_size, options.write_buffer_size) {
        (Some(size), _) => (Size::Explicit(size.bytes()), Reason::Key("db_write_buffer_size")),
        // An explicit buffer must fit into the limit over all.
        (None, Some(one)) if one.bytes() > smallest => (Size::AtLeast(one.bytes()), Reason::Key("write_buffer_size")),
        (None, _) if tasks == 1 => (Size::AtLeast(smallest), Reason::Minimum),
        (None, _) => (Size::AtLeast(smallest), Reason::EachTask(WRITE_BUFFER_MIN)),
    };
    let table = (Size::AtLeast(each(TABLE_SHARE_MIN, tasks)), Reason::EachTask(TABLE_SHARE_MIN));
    let part = |name, (size, reason)| Part { name, size, reason };
    [
        part("the table of live values", table),
        part("the block cache", cache),
        part("write buffers", buffers),
        part("run writers", (Size::AtLeast(each(RUN_WRITERS_MIN, tasks)), Reason::EachTask(RUN_WRITERS_MIN))),
        part("what allocators keep", (Size::AtLeast(0), Reason::Minimum)),
    ]
}

/// Divides `budget` by weight over the parts without an explicit size, none of which gets less than its minimum. The sum
/// is exactly the budget: what rounding leaves is the table's. `None` if it is not enough.
fn share_out(budget: u64, mut sizes: [Size; 5]) -> Option<[u64; 5]> {
    loop {
        let mut shares = by_weight(budget, &sizes)?;
        let below = |(size, share): (&Size, &u64)| matches!(size, Size::AtLeast(least) if share < least);
        match sizes.iter().zip(&shares).position(below) {
            // It gets the minimum, and the others divide what that leaves.
            Some(part) => sizes[part] = Size::Explicit(sizes[part].bytes()),
            None => {
                let given = shares.iter().fold(0, |sum: u64, share| sum.saturating_add(*share));
                shares[0] = shares[0].saturating_add(budget - given.min(budget));
                return Some(shares);
            }
        }
    }
}

/// What weights alone give of that which explicit sizes leave; `None` if they leave less than nothing.
fn by_weight(budget: u64, sizes: &[Size; 5]) -> Option<[u64; 5]> {
    let mut left = budget;
    let mut weights = 0;
    for (size, weight) in sizes.iter().zip(WEIGHTS) {
        match size {
            Size::Explicit(bytes) => left = left.checked_sub(*bytes)?,
            Size::AtLeast(_) => weights += weight,
        }
    }
    // Widened, so that no budget is too large to be multiplied.
    let share = |weight| u64::try_from(u128::from(left) * u128::from(weight) / u128::from(weights)).unwrap_or(u64::MAX);
    let mut shares = [0; 5];
    for ((of_part, size), weight) in shares.iter_mut().zip(sizes).zip(WEIGHTS) {
        *of_part = match size {
            Size::Explicit(bytes) => *bytes,
            Size::AtLeast(_) => share(weight),
        };
    }
    Some(shares)
}

/// An explicit limit over all buffers, with or without a budget.
fn enough_buffers(config: &Config, options: &RocksDbConfig, tasks: usize) -> Result<(), Contradiction> {
    let Some(limit) = options.db_write_buffer_size.map(ByteSize::bytes) else { return Ok(()) };
    let key = format!("{ROCKSDB}db_write_buffer_size");
    let least = each(WRITE_BUFFER_MIN, tasks).max(WRITE_BUFFERS_MIN * WRITE_BUFFER_MIN);
    let valid = format!("valid are {} and more", ByteSize(least).exact());
    match limit {
        0 if config.state.memory.is_some() => Err(Contradiction {
            keys: vec!["state.memory".into(), key],
            reason: format!(
                "a budget needs a limit over all write buffers, and 0 sets none: {valid}, or drop one of the two"
            ),
        }),
        0 => Ok(()),
        limit if limit < least => Err(Contradiction {
            keys: vec![key],
            reason: format!(
                "{} need{} write buffers of at least {}: {valid}{}",
                of_tasks(tasks),
                if tasks == 1 { "s two" } else { "" },
                ByteSize(WRITE_BUFFER_MIN).exact(),
                fewer(tasks)
            ),
        }),
        _ => Ok(()),
    }
}

/// Names every part with its size and where that comes from, and the budget that would be enough.
fn too_small(parts: &[Part; 5], tasks: usize) -> Contradiction {
    let sum = parts.iter().map(|part| part.size.bytes()).fold(0, u64::saturating_add);
    let list: Vec<_> = parts.iter().filter(|part| part.size.bytes() > 0).map(Part::said).collect();
    let explicit = parts.iter().filter_map(|part| match part.reason {
        Reason::Key(key) => Some(format!("{ROCKSDB}{key}")),
        _ => None,
    });
    let keys: Vec<_> = [String::from("state.memory")].into_iter().chain(explicit).collect();
    let smaller = if keys.len() > 1 { ", or smaller explicit sizes" } else { "" };
    let reason = format!(
        "with {} RocksDB needs at least {}: valid is a `state.memory` of {} and more{smaller}{}",
        of_tasks(tasks),
        list.join(", "),
        ByteSize(sum).exact(),
        fewer(tasks)
    );
    Contradiction { keys, reason }
}

impl Part {
    fn said(&self) -> String {
        let (name, size) = (self.name, ByteSize(self.size.bytes()).exact());
        match self.reason {
            Reason::Key(key) => format!("{name} {size} (`{key}`)"),
            Reason::EachTask(bytes) => format!("{name} {size} ({} for each task)", ByteSize(bytes).exact()),
            Reason::Minimum => format!("{name} {size}"),
        }
    }
}

fn each(bytes: u64, tasks: usize) -> u64 {
    bytes.saturating_mul(tasks as u64)
}

fn of_tasks(tasks: usize) -> String {
    if tasks == 1 { "one keyed task".into() } else { format!("{tasks} keyed tasks") }
}

fn fewer(tasks: usize) -> &'static str {
    if tasks == 1 { "" } else { ", or a lower `parallelism`" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::divide;

    fn config(settings: &[(&str, &str)]) -> Config {
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Config::load_for(None, None, [], &settings).expect("values that are valid by themselves")
    }

    /// Table, cache, buffers and writers, in bytes.
    fn sizes(settings: &[(&str, &str)], tasks: usize) -> [u64; 4] {
        let parts = divide(&config(settings), tasks).expect("a budget that works");
        let rocksdb = parts.rocksdb.expect("a part for RocksDB");
        let (table, writers) = parts.table.zip(parts.run_writers).expect("limits");
        [table, rocksdb.block_cache, rocksdb.write_buffers, writers].map(ByteSize::bytes)
    }

    fn refusal(settings: &[(&str, &str)], tasks: usize) -> (Vec<String>, String) {
        let Contradiction { keys, reason } = divide(&config(settings), tasks).expect_err("a budget that cannot work");
        (keys, reason)
    }

    const MIB: u64 = 1 << 20;
    const KIB: u64 = 1 << 10;

    #[test]
    fn without_a_budget_the_table_gets_a_quarter_of_what_rocksdb_has() {
        assert_eq!(sizes(&[], 1), [80 * MIB, 128 * MIB, 192 * MIB, 80 * MIB / 6]);
        assert_eq!(
            sizes(&[("state.rocksdb.preset", "low-latency")], 4),
            [256 * MIB, 512 * MIB, 512 * MIB, 256 * MIB / 6]
        );
        let none = [("state.rocksdb.block_cache_size", "0"), ("state.rocksdb.db_write_buffer_size", "512KiB")];
        assert_eq!(sizes(&none, 1), [128 * KIB, 0, 512 * KIB, 32 * KIB]);
        assert_eq!(sizes(&none, 8), [128 * KIB, 0, 512 * KIB, 256 * KIB]);
        assert_eq!(sizes(&none[..1], 1)[0], 48 * MIB);
    }

    #[test]
    fn a_budget_is_halved_for_the_table_and_its_parts_are_all_of_it_but_what_allocators_keep() {
        assert_eq!(sizes(&[("state.memory", "480MiB")], 1), [240 * MIB, 140 * MIB, 40 * MIB, 40 * MIB]);
        for (memory, tasks) in [("512MB", 3), ("1000003", 2), ("1000KiB", 8), ("1MiB", 8), ("18446744073709551615", 1)]
        {
            let whole = config(&[("state.memory", memory)]).state.memory.expect("set").bytes();
            let parts = sizes(&[("state.memory", memory)], tasks).map(u128::from);
            let kept = u128::from(whole) - parts.iter().sum::<u128>();
            // Minimums are taken from what the others divide.
            assert!((1..=u128::from(whole / 24)).contains(&kept), "{memory} over {tasks}: {kept}");
        }
    }

    #[test]
    fn the_tables_part_is_divided_over_the_tasks() {
        let parts = divide(&config(&[("state.memory", "480MiB")]), 6).expect("a budget that works");
        assert_eq!(parts.table_share_bytes(), 40 << 20);
    }

    #[test]
    fn an_explicit_size_is_taken_off_and_the_rest_divided() {
        let cache = ("state.rocksdb.block_cache_size", "90MiB");
        let memory = ("state.memory", "600MiB");
        assert_eq!(sizes(&[memory, cache], 1), [360 * MIB, 90 * MIB, 60 * MIB, 60 * MIB]);
        let buffers = ("state.rocksdb.db_write_buffer_size", "60MiB");
        assert_eq!(sizes(&[memory, buffers], 1)[2], 60 * MIB);
        let [table, _, _, writers] = sizes(&[memory, cache, buffers], 1);
        assert_eq!((table, writers), (360 * MIB, 60 * MIB));
        assert_eq!(sizes(&[memory, ("state.rocksdb.block_cache_size", "0")], 1)[1], 0);
    }

    #[test]
    fn a_buffer_of_an_explicit_size_has_room_among_all_buffers() {
        let parts = sizes(&[("state.memory", "256MiB"), ("state.rocksdb.write_buffer_size", "64MiB")], 1);
        assert_eq!(parts[2], 64 * MIB);
        assert_eq!(parts.iter().sum::<u64>(), 256 * MIB - 192 * MIB / 22);
    }

    #[test]
    fn a_part_does_not_fall_below_its_minimum() {
        let [table, cache, buffers, writers] = sizes(&[("state.memory", "1000KiB")], 8);
        assert_eq!(buffers, 512 * KIB);
        assert!(table >= 128 * KIB && cache >= 64 * KIB && writers >= 256 * KIB, "{table} {cache} {writers}");
        assert_eq!(sizes(&[("state.memory", "240KiB")], 1), [16 * KIB, 64 * KIB, 128 * KIB, 32 * KIB]);
        let large_blocks = [("state.memory", "20MiB"), ("state.rocksdb.block_size", "16MiB")];
        assert_eq!(sizes(&large_blocks, 1)[1], 16 * MIB);
    }

    #[test]
    fn a_budget_below_the_sum_of_the_minimums_is_refused_with_every_part() {
        let (keys, reason) = refusal(&[("state.memory", "239KiB")], 1);
        assert_eq!(keys, ["state.memory"]);
        assert_eq!(
            reason,
            "with one keyed task RocksDB needs at least the table of live values 16KiB (16KiB for each task), the block \
             cache 64KiB, write buffers 128KiB, run writers 32KiB (32KiB for each task): valid is a `state.memory` of \
             240KiB and more"
        );
        let (_, reason) = refusal(&[("state.memory", "512KiB")], 8);
        assert!(reason.contains("128KiB (16KiB for each task)"), "{reason}");
        assert!(reason.contains("write buffers 512KiB (64KiB for each task)"), "{reason}");
        assert!(reason.ends_with("of 960KiB and more, or a lower `parallelism`"), "{reason}");
        assert!(divide(&config(&[("state.memory", "960KiB")]), 8).is_ok());
    }

    #[test]
    fn explicit_parts_that_leave_too_little_are_refused_by_name() {
        let settings = [("state.memory", "64MiB"), ("state.rocksdb.block_cache_size", "64MiB")];
        let (keys, reason) = refusal(&settings, 1);
        assert_eq!(keys, ["state.memory", "state.rocksdb.block_cache_size"]);
        assert!(reason.contains("the block cache 64MiB (`block_cache_size`)"), "{reason}");
        assert!(reason.ends_with("of 65712KiB and more, or smaller explicit sizes"), "{reason}");
        assert!(divide(&config(&[("state.memory", "65712KiB"), settings[1]]), 1).is_ok());
        let (keys, _) = refusal(&[("state.memory", "32MiB"), ("state.rocksdb.write_buffer_size", "64MiB")], 1);
        assert_eq!(keys, ["state.memory", "state.rocksdb.write_buffer_size"]);
        let huge = [("state.memory", "1GiB"), ("state.rocksdb.block_cache_size", "18446744073709551615")];
        assert!(divide(&config(&huge), 1).is_err());
    }

    #[test]
    fn a_limit_over_all_buffers_has_room_for_one_of_each_task() {
        let limit = |size| ("state.rocksdb.db_write_buffer_size", size);
        for (size, tasks, least) in [("64KiB", 1, "128KiB"), ("256KiB", 8, "512KiB"), ("1", 3, "192KiB")] {
            let (keys, reason) = refusal(&[limit(size)], tasks);
            assert_eq!(keys, ["state.rocksdb.db_write_buffer_size"]);
            assert!(reason.contains(&format!(": valid are {least} and more")), "{reason}");
            assert!(divide(&config(&[limit(least)]), tasks).is_ok());
        }
        assert!(divide(&config(&[limit("0")]), 8).is_ok());
        let (keys, reason) = refusal(&[limit("0"), ("state.memory", "1GiB")], 1);
        assert_eq!(keys, ["state.memory", "state.rocksdb.db_write_buffer_size"]);
        assert!(reason.contains("0 sets none"), "{reason}");
    }
}
