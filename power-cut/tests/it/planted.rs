//! Engines with a bug, each of which must be found: what sees no bug in them sees none in Gress.

use std::cell::RefCell;
use std::io;
use std::path::Path;

use gress_power_cut::folder;
use gress_power_cut::plain::PlainRocksDb;
use gress_power_cut::report::Report;
use gress_power_cut::store::{DURABILITIES, Engine, Entry, Store};
use gress_power_cut::trial;
use gress_power_cut::write::{How, KEYS, key};
use gress_state_rocksdb::Durability;
use rocksdb::Env;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// The log is not synced when it should be.
    LogNotSynced,
    /// There is no log.
    NoLog,
    /// A missing end of a log goes unnoticed.
    LogsNotVerified,
    /// The entries of a batch are written one by one.
    BatchInPieces,
    /// A write is acknowledged, and written after the next one.
    Swapped,
    /// A flush does nothing.
    NoFlush,
    /// A checkpoint is made and the last write before it is not in it.
    CheckpointBehind,
    /// A value loses its last byte.
    ValueCut,
    /// What is there is refused.
    NeverAgain,
    /// The keys of a range are deleted one by one.
    RangeInPieces,
    /// A range delete is acknowledged, and its keys are still there.
    RangeForgotten,
    /// A restored snapshot does not remove what it lacks.
    RestoreMerges,
    /// A restore removes what is there, and then puts what the snapshot has.
    RestoreInPieces,
    /// Of a run that comes in several files, each appears by itself.
    FilesInPieces,
    /// An expiring value expires too early.
    ExpiresEarly,
    /// What many deletes have emptied reaches over the next key, too.
    EmptiedTooFar,
    /// A checkpoint has its name before it has all of its content.
    CheckpointTooSoon,
    /// What a crash has left behind is opened, although the engine says that it refuses that.
    Trusting,
}

struct Planted(Bug);

const PLAIN: PlainRocksDb = PlainRocksDb { verify_logs: true };

impl Engine for Planted {
    fn has_batches(&self) -> bool {
        true
    }

    fn open(&self, env: Env, durability: Durability, folder: &Path) -> io::Result<Box<dyn Store>> {
        let disk = env.clone();
        let store = match self.0 {
            Bug::LogNotSynced => PLAIN.open(env, Durability::Wal, folder),
            Bug::NoLog => PLAIN.open(env, Durability::Checkpoint, folder),
            Bug::NeverAgain if folder.exists() => Err(io::Error::other("it is there already")),
            Bug::LogsNotVerified => PlainRocksDb { verify_logs: false }.open(env, durability, folder),
            _ => PLAIN.open(env, durability, folder),
        };
        let (bug, store) = (self.0, store?);
        Ok(Box::new(PlantedStore { bug, store, disk, waiting: RefCell::default() }))
    }

    fn survives_crashes(&self, durability: Durability) -> bool {
        self.0 != Bug::Trusting || durability != Durability::Checkpoint
    }

    fn refuses_half_checkpoints(&self) -> bool {
        self.0 == Bug::CheckpointTooSoon
    }

    fn open_checkpoint(
        &self,
        env: Env,
        durability: Durability,
        checkpoint: &Path,
        folder: &Path,
    ) -> io::Result<Box<dyn Store>> {
        PLAIN.open_checkpoint(env, durability, checkpoint, folder)
    }
}

struct PlantedStore {
    bug: Bug,
    store: Box<dyn Store>,
    disk: Env,
    /// Acknowledged and not yet written.
    waiting: RefCell<Vec<Entry>>,
}

impl PlantedStore {
    fn one_by_one(&self, entries: &[Entry]) -> io::Result<()> {
        entries.iter().try_for_each(|entry| self.store.write(How::Entries, std::slice::from_ref(entry)))
    }
}

fn those_put(entries: &[Entry]) -> Vec<Entry> {
    entries.iter().filter(|(_, value)| value.is_some()).cloned().collect()
}

impl Store for PlantedStore {
    fn write(&self, how: How, entries: &[Entry]) -> io::Result<()> {
        match (self.bug, how) {
            (Bug::BatchInPieces, _) | (Bug::RangeInPieces, How::Range) | (Bug::FilesInPieces, How::Files) => {
                self.one_by_one(entries)
            }
            (Bug::RangeForgotten, How::Range) => Ok(()),
            (Bug::RestoreMerges, How::Restored) => self.store.write(How::Entries, &those_put(entries)),
            (Bug::RestoreInPieces, How::Restored) => {
                self.store.write(How::Range, entries)?;
                self.store.write(How::Entries, &those_put(entries))
            }
            (Bug::ExpiresEarly, How::Expiring) => {
                let gone: Vec<Entry> = entries.iter().map(|(key, _)| (key.clone(), None)).collect();
                self.store.write(How::Entries, &gone)
            }
            (Bug::EmptiedTooFar, How::Emptied) => {
                self.store.write(how, entries)?;
                let next = (0..KEYS).map(key).find(|key| entries.iter().all(|(deleted, _)| deleted < key));
                next.map_or(Ok(()), |next| self.store.write(How::Entries, &[(next, None)]))
            }
            (Bug::ValueCut, _) => {
                let cut = |value: &Vec<u8>| value[..value.len() - 1].to_vec();
                let entries: Vec<Entry> = entries.iter().map(|(k, v)| (k.clone(), v.as_ref().map(cut))).collect();
                self.store.write(how, &entries)
            }
            (Bug::Swapped | Bug::CheckpointBehind, _) => {
                let before = self.waiting.replace(entries.to_vec());
                let (first, second) =
                    if self.bug == Bug::Swapped { (entries, &before[..]) } else { (&before[..], &[][..]) };
                self.store.write(How::Entries, first)?;
                self.store.write(How::Entries, second)
            }
            _ => self.store.write(how, entries),
        }
    }

    fn scan(&self) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.store.scan()
    }

    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        self.store.get(key)
    }

    fn flush(&self) -> io::Result<()> {
        if self.bug == Bug::NoFlush { Ok(()) } else { self.store.flush() }
    }

    fn create_checkpoint(&self, folder: &Path) -> io::Result<()> {
        if self.bug == Bug::CheckpointTooSoon {
            // Something that opens, and holds nothing.
            drop(PLAIN.open(self.disk.clone(), Durability::WalSync, folder)?);
            self.store.flush()?;
            std::fs::remove_dir_all(folder)?;
        }
        self.store.create_checkpoint(folder)
    }

    fn close(&self) -> io::Result<()> {
        self.store.close()
    }
}

/// Runs until a promise is broken, which must happen soon.
fn broken(bug: Bug, durability: Durability) -> Report {
    for seed in 0..100 {
        let scratch = folder::scratch(None).expect("a folder can be made");
        let report = trial::run(&Planted(bug), durability, 50, seed, scratch.path()).expect("the store works");
        if report.broken() > 0 {
            return report;
        }
    }
    panic!("5,000 cuts did not show {bug:?} in mode {durability}");
}

#[test]
fn a_log_that_is_not_synced_is_found() {
    assert!(broken(Bug::LogNotSynced, Durability::WalSync).lost > 0);
}

#[test]
fn a_missing_log_is_found() {
    assert!(broken(Bug::NoLog, Durability::Wal).lost > 0);
}

#[test]
fn logs_that_do_not_say_how_the_one_before_ended_are_found() {
    assert!(broken(Bug::LogsNotVerified, Durability::Wal).reordered > 0);
}

#[test]
fn a_batch_that_is_written_in_pieces_is_found_in_every_mode() {
    for durability in DURABILITIES {
        assert!(broken(Bug::BatchInPieces, durability).torn > 0);
    }
}

#[test]
fn writes_in_another_order_are_found() {
    assert!(broken(Bug::Swapped, Durability::WalSync).reordered > 0);
}

#[test]
fn a_flush_that_does_nothing_is_found() {
    assert!(broken(Bug::NoFlush, Durability::Checkpoint).lost > 0);
}

#[test]
fn a_checkpoint_without_the_newest_write_is_found() {
    assert!(broken(Bug::CheckpointBehind, Durability::Checkpoint).wrong_checkpoints > 0);
}

#[test]
fn a_value_without_its_end_is_found() {
    assert!(broken(Bug::ValueCut, Durability::WalSync).torn > 0);
}

#[test]
fn a_store_that_does_not_open_again_is_found_and_the_test_ends() {
    assert!(broken(Bug::NeverAgain, Durability::WalSync).refused > 0);
}

#[test]
fn a_store_that_opens_after_a_crash_and_should_not_is_found() {
    assert!(broken(Bug::Trusting, Durability::Checkpoint).trusted > 0);
}

#[test]
fn a_range_delete_key_by_key_is_found() {
    assert!(broken(Bug::RangeInPieces, Durability::WalSync).torn > 0);
}

#[test]
fn a_range_delete_that_did_not_happen_is_found() {
    assert!(broken(Bug::RangeForgotten, Durability::WalSync).broken() > 0);
}

#[test]
fn a_restore_that_leaves_what_the_snapshot_lacks_is_found() {
    assert!(broken(Bug::RestoreMerges, Durability::WalSync).broken() > 0);
}

#[test]
fn a_restore_in_two_steps_is_found() {
    assert!(broken(Bug::RestoreInPieces, Durability::WalSync).broken() > 0);
}

#[test]
fn a_large_run_that_does_not_come_at_once_is_found() {
    assert!(broken(Bug::FilesInPieces, Durability::WalSync).torn > 0);
}

#[test]
fn a_value_that_expires_too_early_is_found() {
    assert!(broken(Bug::ExpiresEarly, Durability::WalSync).broken() > 0);
}

#[test]
fn a_place_that_is_emptied_too_far_is_found() {
    assert!(broken(Bug::EmptiedTooFar, Durability::WalSync).broken() > 0);
}

#[test]
fn a_checkpoint_that_has_its_name_too_soon_is_found() {
    assert!(broken(Bug::CheckpointTooSoon, Durability::Wal).wrong_checkpoints > 0);
}
