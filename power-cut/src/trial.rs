//! Stores that live through one cut after the other.
//!
//! ```text
//!   open ──▶ compare with the history ──▶ write, flush, checkpoint … ──▶ power off ──▶ drop ──▶ power back ─┐
//!    ▲                                                                                                      │
//!    └───────────────────────────────── or a checkpoint in its place ◀──────────────────────────────────────┘
//! ```
//!
//! The cut is set before the store is opened, so it falls into any of these steps. One writer waits for each
//! acknowledgement; RocksDB's flushes and compactions run beside it on their threads.

use std::io;
use std::path::{Path, PathBuf};

use gress_crash_test::random::Random;
use gress_state_rocksdb::Durability;

use crate::history::{Fault, History, State, Verdict};
use crate::power::{PowerCut, Unsynced};
use crate::report::Report;
use crate::store::{Engine, Store};
use crate::write::{Found, How, KEYS, Write, key};

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
            faults: Vec::new(),
            left: Left::Closed,
            taken: Vec::new(),
            newest: None,
            counted: report.writes,
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
    /// What became of un-synced bytes at each return of the power since the store was compared.
    faults: Vec<Unsynced>,
    left: Left,
    /// Begun and not yet looked at.
    taken: Vec<Taken>,
    /// Of a store that does not survive crashes: what takes its place.
    newest: Option<Taken>,
    /// Writes up to here are in a checkpoint, or were counted as rolled back.
    counted: u64,
    /// Of the next write or checkpoint.
    number: u64,
    report: &'a mut Report,
}

/// How the last life left the store behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Closed, or never made.
    Closed,
    /// As it was when its process died.
    Crashed,
    /// While a checkpoint was about to take its place.
    HalfReplaced,
}

/// A checkpoint, and what must be in it.
struct Taken {
    folder: PathBuf,
    state: State,
    writes: u64,
    /// Else it may be missing, and be refused.
    is_acknowledged: bool,
}

/// How far a life came.
enum Reached {
    /// The power went off while the store was opened or looked at.
    Open,
    /// It went off inside a write, a flush, a checkpoint or while the store was closed.
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
        match self.open_and_write(writes)? {
            Reached::Open => {
                self.report.in_open += 1;
                self.report.again_in_open += u64::from(!self.faults.is_empty());
            }
            Reached::Write => self.report.in_write += 1,
            Reached::End => self.power.cut(),
            Reached::Ruin => return Ok(false),
        }
        let (fault, unsynced) = self.draw_fault();
        match fault {
            Fault::Kill => self.report.kills += 1,
            Fault::PowerCut => self.report.cuts += 1,
        }
        self.faults.push(unsynced);
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
        let opened = self.open().and_then(|store| Ok((state_of(store.as_ref())?, store)));
        let (found, store) = match opened {
            Ok(opened) => opened,
            Err(_) if self.power.is_off() => return Ok(Reached::Open),
            Err(error) => {
                self.report.refused += 1;
                self.report.note(format_args!("the store is refused after {:?}: {error}", self.faults));
                return Ok(Reached::Ruin);
            }
        };
        if !self.is_as_promised(&found) {
            return Ok(Reached::Ruin);
        }
        for _ in 0..writes {
            if let Err(error) = self.one_step(store.as_ref()) {
                return if self.power.is_off() { Ok(Reached::Write) } else { Err(error) };
            }
        }
        if self.random.one_in(4) {
            self.close(store.as_ref())?;
        }
        Ok(if self.power.is_off() { Reached::Write } else { Reached::End })
    }

    /// Opens the store, or a checkpoint in its place where that is the rule after a crash.
    fn open(&mut self) -> io::Result<Box<dyn Store>> {
        let left = std::mem::replace(&mut self.left, Left::Crashed);
        let may_refuse = left != Left::Closed && !self.engine.survives_crashes(self.durability);
        if left != Left::HalfReplaced {
            let opened = self.engine.open(self.power.env(), self.durability, &self.store());
            match opened {
                Err(_) if may_refuse && !self.power.is_off() => {}
                Ok(_) if may_refuse && self.has_something_to_lose() => {
                    self.report.trusted += 1;
                    self.report.note(format_args!("the store opens after {:?}", self.faults));
                    return opened;
                }
                _ => return opened,
            }
        }
        self.replace()
    }

    fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Whether anything was acknowledged that an opened store could be wrong about.
    fn has_something_to_lose(&self) -> bool {
        self.history.acknowledged_state().iter().any(|&found| found != Found::Absent)
    }

    /// Opens the newest checkpoint in place of the store, or a new store where there is none.
    fn replace(&mut self) -> io::Result<Box<dyn Store>> {
        let store = self.store();
        if store.exists() {
            std::fs::remove_dir_all(&store)?;
        }
        let safe = self.newest.as_ref().map_or(0, |taken| taken.writes);
        self.report.rolled_back += self.report.writes - self.counted.max(safe);
        self.counted = self.report.writes;
        self.report.replaced += 1;
        self.left = Left::HalfReplaced;
        let env = self.power.env();
        let opened = match &self.newest {
            None => {
                self.history = History::new();
                self.engine.open(env, self.durability, &store)?
            }
            Some(taken) => {
                self.history = History::after(taken.state.clone());
                self.engine.open_checkpoint(env, self.durability, &taken.folder, &store)?
            }
        };
        self.left = Left::Crashed;
        Ok(opened)
    }

    /// Compares what the store holds with what it must hold, and takes it from there.
    fn is_as_promised(&mut self, found: &State) -> bool {
        match self.history.judge(found) {
            Verdict::Kept { rolled_back, state } => {
                self.report.rolled_back += rolled_back as u64;
                self.history = History::after(state);
                self.faults.clear();
                return true;
            }
            Verdict::Lost { writes } => self.report.lost += writes as u64,
            Verdict::Torn => self.report.torn += 1,
            Verdict::Reordered => self.report.reordered += 1,
        }
        self.report.note(format_args!("the store is {:?} after {:?}", self.history.judge(found), self.faults));
        false
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
                let (state, writes) = (self.history.acknowledged_state(), self.report.writes);
                // It counts from its name on, acknowledged or not.
                self.taken.push(Taken { folder, state, writes, is_acknowledged: false });
                let taken = self.taken.len() - 1;
                store.create_checkpoint(&self.taken[taken].folder)?;
                self.taken[taken].is_acknowledged = true;
                self.history.flushed();
                self.report.checkpoints += 1;
            }
            _ => {
                let write = Write::draw(self.number, self.engine.has_batches(), &mut self.random);
                let (how, entries) = (write.how, write.entries());
                self.history.begin(write);
                store.write(how, &entries)?;
                self.history.acknowledge();
                self.report.writes += 1;
                self.report.rare_writes += u64::from(how != How::Entries);
            }
        }
        Ok(())
    }

    fn close(&mut self, store: &dyn Store) -> io::Result<()> {
        match store.close() {
            Ok(()) => {
                self.left = Left::Closed;
                if self.durability == Durability::Checkpoint {
                    self.history.flushed();
                }
                Ok(())
            }
            Err(_) if self.power.is_off() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Opens each checkpoint that was begun before the cut, and removes all that nobody needs.
    fn look_at_checkpoints(&mut self) -> io::Result<()> {
        for taken in std::mem::take(&mut self.taken) {
            let copy = self.folder.join("copy");
            let opened = self.engine.open_checkpoint(self.power.env(), self.durability, &taken.folder, &copy);
            match opened.and_then(|store| state_of(store.as_ref())) {
                Ok(found) if found == taken.state => {}
                Ok(_) if taken.is_acknowledged || self.engine.refuses_half_checkpoints() => {
                    let which = if taken.is_acknowledged { "acknowledged" } else { "interrupted" };
                    self.report.wrong_checkpoints += 1;
                    self.report.note(format_args!("the {which} checkpoint differs after {:?}", self.faults));
                }
                Ok(_) => {}
                Err(_) if !taken.is_acknowledged => {}
                Err(error) => {
                    self.report.refused += 1;
                    self.report.note(format_args!("a checkpoint is refused after {:?}: {error}", self.faults));
                }
            }
            if copy.exists() {
                std::fs::remove_dir_all(copy)?;
            }
            let is_needed = taken.is_acknowledged && !self.engine.survives_crashes(self.durability);
            let unneeded = if is_needed { self.newest.replace(taken) } else { Some(taken) };
            match unneeded {
                Some(taken) if taken.folder.exists() => std::fs::remove_dir_all(taken.folder)?,
                _ => {}
            }
        }
        // Else the disk would still look for files of the removed folders.
        self.power.restore_power(Unsynced::Kept)?;
        Ok(())
    }
}

/// What a store holds under every key. Where a scan tells otherwise than reads of single keys, it is garbage.
fn state_of(store: &dyn Store) -> io::Result<State> {
    let scanned = store.scan()?;
    let mut rest = scanned.iter().peekable();
    let mut state = State::new();
    for index in 0..KEYS {
        let (key, value) = (key(index), store.get(&key(index))?);
        let row = rest.next_if(|(found, _)| *found == key);
        let is_same = row.map(|(_, value)| value) == value.as_ref();
        state.push(if is_same { Found::of(index, value.as_deref()) } else { Found::Garbage });
    }
    // A key that nobody has put.
    if rest.next().is_some() {
        state.fill(Found::Garbage);
    }
    Ok(state)
}
