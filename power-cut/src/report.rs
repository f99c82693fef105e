//! What a run has seen: a line for people, and whether a promise was broken.

use std::fmt;

use crate::power::Loss;
use gress_state_rocksdb::Durability;

/// More notes than these say nothing new.
const NOTES_MAX: usize = 5;

/// So many cuts hit un-synced bytes in every mode.
const CUTS_TO_SHOW: u64 = 100;

/// Counts of all cuts in one mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The mode.
    pub durability: Durability,
    /// Power cuts.
    pub cuts: u64,
    /// Killed processes.
    pub kills: u64,
    /// Cuts and kills inside a write, a flush or a checkpoint.
    pub in_write: u64,
    /// Cuts and kills while a store was opened, most of which had to recover.
    pub in_open: u64,
    /// Of those, such that hit the recovery from another one.
    pub again_in_open: u64,
    /// Acknowledged writes.
    pub writes: u64,
    /// Of those: range deletes, emptied ranges, runs that came as files, restored snapshots, expiring values.
    pub rare_writes: u64,
    /// Acknowledged checkpoints, each opened after a cut.
    pub checkpoints: u64,
    /// Stores that did not open after a crash, as they should, and that a checkpoint took the place of.
    pub replaced: u64,
    /// Acknowledged writes that are gone and that the mode does not promise to keep.
    pub rolled_back: u64,
    /// What the disk lost.
    pub loss: Loss,
    /// Acknowledged writes that are gone although the mode promises to keep them.
    pub lost: u64,
    /// Stores with a part of a value or of a batch.
    pub torn: u64,
    /// Stores with a later write and without an earlier one.
    pub reordered: u64,
    /// Stores and checkpoints that do not open.
    pub refused: u64,
    /// Stores that opened after a crash, and should have refused to.
    pub trusted: u64,
    /// Checkpoints that differ from what the store held when they were acknowledged.
    pub wrong_checkpoints: u64,
    /// The first few broken promises, in words.
    pub notes: Vec<String>,
}

impl Report {
    /// Nothing seen yet.
    pub fn new(durability: Durability) -> Self {
        Self {
            durability,
            cuts: 0,
            kills: 0,
            in_write: 0,
            in_open: 0,
            again_in_open: 0,
            writes: 0,
            rare_writes: 0,
            checkpoints: 0,
            replaced: 0,
            rolled_back: 0,
            loss: Loss::default(),
            lost: 0,
            torn: 0,
            reordered: 0,
            refused: 0,
            trusted: 0,
            wrong_checkpoints: 0,
            notes: Vec::new(),
        }
    }

    /// Keeps the words for a broken promise, unless there are many already.
    pub fn note(&mut self, words: impl fmt::Display) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(format!("cut {}, kill {}: {words}", self.cuts, self.kills));
        }
    }

    /// How many promises were broken; a lost write counts by itself.
    pub fn broken(&self) -> u64 {
        self.lost + self.torn + self.reordered + self.refused + self.trusted + self.wrong_checkpoints
    }

    /// Whether the disk forgot something. If not, the store does not write to it, or past its cache, and nothing is proved.
    pub fn shows_anything(&self) -> bool {
        self.cuts < CUTS_TO_SHOW || self.loss.bytes_lost > 0
    }

    /// Adds what one return of the power found.
    pub fn add_loss(&mut self, loss: Loss) {
        self.loss.bytes_kept += loss.bytes_kept;
        self.loss.bytes_lost += loss.bytes_lost;
        self.loss.names_undone += loss.names_undone;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { durability, cuts, kills, in_write, in_open, again_in_open, .. } = self;
        let Self { writes, rare_writes, checkpoints, .. } = self;
        let Self { replaced, rolled_back, lost, torn, reordered, refused, trusted, wrong_checkpoints, .. } = self;
        write!(f, "mode={durability} cuts={cuts} kills={kills} in_write={in_write} in_open={in_open} ")?;
        write!(f, "again_in_open={again_in_open} rare_writes={rare_writes} ")?;
        write!(f, "writes={writes} checkpoints={checkpoints} unsynced_bytes_lost={} ", self.loss.bytes_lost)?;
        write!(f, "replaced={replaced} rolled_back={rolled_back} lost={lost} torn={torn} reordered={reordered} ")?;
        write!(f, "refused={refused} trusted={trusted} wrong_checkpoints={wrong_checkpoints}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_ends_with_what_must_be_zero() {
        let mut report = Report::new(Durability::WalSync);
        report.cuts = 1_000;
        report.reordered = 2;
        let line = report.to_string();
        assert!(line.starts_with("mode=wal_sync cuts=1000 kills=0 "), "{line}");
        assert!(line.ends_with(" lost=0 torn=0 reordered=2 refused=0 trusted=0 wrong_checkpoints=0"), "{line}");
    }

    #[test]
    fn every_kind_of_broken_promise_counts_and_losses_that_are_allowed_do_not() {
        let mut report = Report::new(Durability::Wal);
        (report.lost, report.torn, report.reordered) = (1, 20, 300);
        (report.refused, report.trusted, report.wrong_checkpoints) = (4_000, 50_000, 600_000);
        (report.rolled_back, report.replaced) = (7, 8);
        assert_eq!(report.broken(), 654_321);
    }

    #[test]
    fn a_disk_that_forgot_nothing_shows_nothing() {
        let mut report = Report::new(Durability::Wal);
        report.cuts = 1_000;
        assert!(!report.shows_anything());
        report.add_loss(Loss { bytes_lost: 1, ..Loss::default() });
        assert!(report.shows_anything());
    }
}
