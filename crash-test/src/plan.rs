//! What one job of the crash test looks like: pure, drawn from the seed.

use std::fmt;
use std::time::Duration;

use crate::random::Random;

/// Where a job keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// In memory.
    Memory,
    /// In RocksDB.
    RocksDb,
}

impl Backend {
    /// The word for the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::RocksDb => "rocksdb",
        }
    }
}

/// The settings of one job. They stay the same over all its lives: a job may not change them at a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where the state is.
    pub backend: Backend,
    /// Tasks of a keyed step.
    pub parallelism: u32,
    /// Budget for live state; a tight one makes the job spill to its store, without one nothing ever leaves the table.
    pub memory: Option<&'static str>,
    /// Limit of the source.
    pub events_per_second: u64,
    /// After so many kills the job is left in peace, so that it comes to its end.
    pub kills: u64,
}

impl Plan {
    /// The plan of the job with this index (from 0) over an input of so many rows.
    ///
    /// Backend and parallelism go round all six pairs, and every other two jobs have little memory. The rate lets the whole input take 1.5 to 3 seconds, and lives
    /// are about a quarter of a second long, so a job has 8 to 12 of them and is killed near its end, too.
    pub fn draw(job: u64, rows: u64, random: &mut Random) -> Self {
        let backend = if job.is_multiple_of(2) { Backend::Memory } else { Backend::RocksDb };
        let parallelism = [1, 2, 4][(job / 2 % 3) as usize];
        let tight = if backend == Backend::Memory { "128KiB" } else { "1MiB" };
        let memory = (job / 2).is_multiple_of(2).then_some(tight);
        let whole_input_ms = random.number(1_500..3_001);
        let events_per_second = (rows * 1_000 / whole_input_ms).max(1);
        Self { backend, parallelism, memory, events_per_second, kills: random.number(7..12) }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { backend, parallelism, memory, events_per_second, .. } = self;
        let memory = memory.unwrap_or("-");
        write!(f, "{:<7} x {parallelism}, memory {memory:<6}, {events_per_second} events/s", backend.as_str())
    }
}

/// When a life is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// So long after the process was started, whether it has recovered or not.
    InRecovery(Duration),
    /// So long after its start-up was seen to be over.
    AtWork(Duration),
}

impl Kill {
    /// Most lives end 20 to 500 ms after start-up, one in eight while the job recovers; after such a one the next is
    /// drawn so more often, because two crashes of a recovery in a row are a case of their own.
    ///
    /// `start_up` is how long the last start-up took: a kill in recovery falls anywhere in it, or up to 15 ms behind.
    pub fn draw(before: Option<Kill>, start_up: Duration, random: &mut Random) -> Self {
        let one_in = if matches!(before, Some(Kill::InRecovery(_))) { 3 } else { 8 };
        if random.one_in(one_in) {
            return Kill::InRecovery(random.up_to(start_up + Duration::from_millis(15)));
        }
        Kill::AtWork(Duration::from_millis(20) + random.up_to(Duration::from_millis(480)))
    }
}

/// How many jobs must come to their end, for so many kills.
pub fn jobs_required(kills: u64) -> u64 {
    (kills / 10).min(20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_jobs_in_a_row_cover_both_backends_and_each_parallelism() {
        let mut random = Random::of_seed(3);
        let mut pairs: Vec<_> = (0..6)
            .map(|job| {
                let plan = Plan::draw(job, 336_776, &mut random);
                (plan.backend.as_str(), plan.parallelism)
            })
            .collect();
        pairs.sort_unstable();
        let all = [("memory", 1), ("memory", 2), ("memory", 4), ("rocksdb", 1), ("rocksdb", 2), ("rocksdb", 4)];
        assert_eq!(pairs, all);
    }

    #[test]
    fn lives_at_work_last_20_to_500_ms_and_some_end_in_recovery() {
        let mut random = Random::of_seed(5);
        let start_up = Duration::from_millis(100);
        let mut before = None;
        let mut in_recovery = 0;
        for _ in 0..1_000 {
            let kill = Kill::draw(before, start_up, &mut random);
            match kill {
                Kill::InRecovery(after) => {
                    in_recovery += 1;
                    assert!(after <= Duration::from_millis(115));
                }
                Kill::AtWork(after) => assert!((20..=500).contains(&after.as_millis())),
            }
            before = Some(kill);
        }
        assert!((100..250).contains(&in_recovery), "{in_recovery} of 1000");
    }

    #[test]
    fn two_hundred_kills_ask_for_twenty_finished_jobs() {
        assert_eq!([9, 20, 200, 5_000].map(jobs_required), [0, 2, 20, 20]);
    }
}
