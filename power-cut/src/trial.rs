//! Stores that live through one cut after the other.
//!
//! ```text
//!   open ──▶ compare with the history ──▶ write, flush, checkpoint … ──▶ power off ──▶ drop ──▶ power back ─┐
//!    ▲                                                                                                      │
//!    └──────────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The cut is set before the store is opened, so it falls into any of these steps. One writer waits for each
//! acknowledgement; RocksDB's flushes and compactions run beside it on their threads.

use std::io;
use std::path::{Path, PathBuf};

use gress_crash_test::random::Random;

use crate::history::{Fault, History, State, Verdict};
use crate::power::{PowerCut, Unsynced};
use crate::report::Report;
use crate::store::{Durability, Engine, Store};
use crate::write::{Found, KEYS, Write, key};

/// A new store is begun after so many cuts at most.
const LIVES_MAX: u64 = 30;

/// After so many broken stores there is nothing more to learn. One that never opens would never see a cut.
const RUINS_MAX: u64 = 100;

/// Cuts the power under stores of `engine` in `folder` until there were `cuts` (or very many broken stores), and says what
/// it found.
///
/// # Errors
/// A store that fails while the power is on, or a file system that does. A broken promise is no error.
pub fn run(engine: &dyn Engine, durability: Durability, cuts: u64, seed: u64, folder: &Path) -> io::Result<Report> {
    let mut random = Random::of_seed(seed);
    let mut report = Report::new(durability);
    let (mut number, mut ruins) = (0, 0);
    while report.cuts < cuts && ruins < RUINS_MAX {
        let folder = tempfile::Builder::new().prefix("store-").tempdir_in(folder)?;
        let mut trial = Trial {
            engine,
            durability,
            power: PowerCut::new(),
            folder: folder.path(),
            random: Random::of_seed(random.next_u64()),
            history: History::new(),
            checkpoints: Vec::new(),
            faults: Vec::new(),
            number,
            report: &mut report,
        };
        for _ in 0..random.number(1..LIVES_MAX + 1) {
            if trial.report.cuts == cuts {
                break;
            }
            if !trial.live()? {
                ruins += 1;
                break;
            }
        }
        number = trial.number;
    }
    Ok(report)
}

struct Trial<'a> {
    engine: &'a dyn Engine,
    durability: Durability,
    power: PowerCut,
    folder: &'a Path,
    random: Random,
    history: History,
    /// Acknowledged since the last look, and what must be in them.
    checkpoints: Vec<(PathBuf, State)>,
    /// What became of un-synced bytes at each return of the power since the last look.
    faults: Vec<Unsynced>,
    /// Of the next write or checkpoint.
    number: u64,
    report: &'a mut Report,
}

/// How far a life came.
enum Reached {
    /// The power went off while the store was opened or looked at.
    Open,
    /// It went off inside a write, a flush or a checkpoint.
    Write,
    /// All was done.
    End,
    /// A promise was broken, and what the store holds means nothing any more.
    Ruin,
}

impl Trial<'_> {
    /// One life of a process, to its cut. False if there is no use in a next one.
    fn live(&mut self) -> io::Result<bool> {
        let writes = self.random.number(0..150);
        // Opening takes some dozens of operations, a write one or two. What comes too late falls behind the last write.
        let cut_after = if self.random.one_in(5) { 60 } else { 60 + 2 * writes };
        self.power.cut_after(self.random.number(0..cut_after));
        let reached = self.open_and_write(writes)?;
        match reached {
            Reached::Open => self.report.in_open += 1,
            Reached::Write => self.report.in_write += 1,
            Reached::End => self.power.cut(),
            Reached::Ruin => return Ok(false),
        }
        let (fault, unsynced) = self.draw_fault();
        self.faults.push(unsynced);
        match fault {
            Fault::Kill => self.report.kills += 1,
            Fault::PowerCut => self.report.cuts += 1,
        }
        let loss = self.power.restore_power(unsynced)?;
        self.report.add_loss(loss);
        self.history.fault(self.durability, fault);
        self.look_at_checkpoints()?;
        Ok(true)
    }

    fn draw_fault(&mut self) -> (Fault, Unsynced) {
        match self.random.number(0..10) {
            0 | 1 => (Fault::Kill, Unsynced::Kept),
            2..5 => (Fault::PowerCut, Unsynced::Lost),
            _ => (Fault::PowerCut, Unsynced::Torn { seed: self.random.next_u64() }),
        }
    }

    /// When it returns, the store is dropped.
    fn open_and_write(&mut self, writes: u64) -> io::Result<Reached> {
        let opened = self.engine.open(self.power.env(), self.durability, &self.folder.join("store"));
        let (found, store) = match opened.and_then(|store| Ok((state_of(store.as_ref())?, store))) {
            Ok(opened) => opened,
            Err(_) if self.power.is_off() => return Ok(Reached::Open),
            Err(error) => {
                self.report.refused += 1;
                self.report.note(format_args!("the store is refused after {:?}: {error}", self.faults));
                return Ok(Reached::Ruin);
            }
        };
        match self.history.judge(&found) {
            Verdict::Kept { rolled_back, state } => {
                self.report.rolled_back += rolled_back as u64;
                self.history = History::after(state);
                self.faults.clear();
            }
            broken => {
                self.count_broken(&broken);
                self.report.note(format_args!("the store is {broken:?} after {:?}", self.faults));
                return Ok(Reached::Ruin);
            }
        }
        for _ in 0..writes {
            if let Err(error) = self.one_step(store.as_ref()) {
                return if self.power.is_off() { Ok(Reached::Write) } else { Err(error) };
            }
        }
        Ok(if self.power.is_off() { Reached::Write } else { Reached::End })
    }

    fn count_broken(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Kept { .. } => {}
            Verdict::Lost { writes } => self.report.lost += *writes as u64,
            Verdict::Torn => self.report.torn += 1,
            Verdict::Reordered => self.report.reordered += 1,
        }
    }

    fn one_step(&mut self, store: &dyn Store) -> io::Result<()> {
        self.number += 1;
        match self.random.number(0..120) {
            0 => {
                store.flush()?;
                self.history.flushed();
            }
            1 => {
                let folder = self.folder.join(format!("checkpoint-{}", self.number));
                store.create_checkpoint(&folder)?;
                self.history.flushed();
                self.checkpoints.push((folder, self.history.acknowledged_state()));
                self.report.checkpoints += 1;
            }
            _ => {
                let write = Write::draw(self.number, self.engine.has_batches(), &mut self.random);
                let entries = write.entries();
                self.history.begin(write);
                store.write(&entries)?;
                self.history.acknowledge();
                self.report.writes += 1;
            }
        }
        Ok(())
    }

    /// Opens each checkpoint that was acknowledged before the cut, and removes it.
    fn look_at_checkpoints(&mut self) -> io::Result<()> {
        for (folder, expected) in std::mem::take(&mut self.checkpoints) {
            let opened = self.engine.open_checkpoint(self.power.env(), &folder);
            match opened.and_then(|store| state_of(store.as_ref())) {
                Ok(found) if found == expected => {}
                Ok(_) => {
                    self.report.wrong_checkpoints += 1;
                    self.report.note(format_args!("a checkpoint differs after {:?}", self.faults));
                }
                Err(error) => {
                    self.report.refused += 1;
                    self.report.note(format_args!("a checkpoint is refused after {:?}: {error}", self.faults));
                }
            }
            std::fs::remove_dir_all(folder)?;
        }
        // Else the disk would still look for files of the removed folders.
        self.power.restore_power(Unsynced::Kept)?;
        Ok(())
    }
}

/// What a store holds under every key.
fn state_of(store: &dyn Store) -> io::Result<State> {
    (0..KEYS).map(|index| Ok(Found::of(index, store.get(&key(index))?.as_deref()))).collect()
}
