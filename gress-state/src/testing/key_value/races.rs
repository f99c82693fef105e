//! Several threads at once.

#![expect(missing_docs, reason = "each check is named by the sentence that it proves")]

use super::place::{ALL, all, at_a_place, ms, snapshot};
use crate::{
    backend::BackendFactory,
    key_value::{Batch, KeyValueState},
    testing::Random,
    ttl::Ttl,
};
use gress_core::Result;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

pub fn threads_that_write_at_once_lose_no_write(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = &place.open()?;
        let key = |thread: u8, n: u32| [&[thread][..], &n.to_be_bytes()].concat();
        let write = |thread: u8| -> Result<()> {
            for n in 0..400 {
                state.put(&key(thread, n), b"put")?;
                state.batch_put((400..404).map(|m| (key(thread, 4 * n + m), "batch")))?;
                if n % 4 == 0 {
                    state.delete(&key(thread, n))?;
                }
                assert_eq!(state.get(&key(thread, n))?.is_some(), n % 4 != 0, "a thread sees its own writes");
                if n % 100 == 50 {
                    state.flush()?;
                }
            }
            Ok(())
        };
        thread::scope(|scope| {
            let writers: Vec<_> = (0..4).map(|thread| scope.spawn(move || write(thread))).collect();
            writers.into_iter().try_for_each(|writer| writer.join().expect("a writer does not panic"))
        })?;
        for thread in 0..4 {
            let found = state.iter_prefix(&[thread]).collect::<Result<Vec<_>>>()?;
            assert_eq!(found.len(), 300 + 1_600);
        }
        state.close()
    });
}

pub fn a_batch_is_never_seen_in_part(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = &place.open()?;
        let keys: Vec<[u8; 2]> = (0..3_000_u16).map(u16::to_be_bytes).collect();
        let write = |round: u32| state.batch_put(keys.iter().map(|key| (key, round.to_be_bytes())));
        write(0)?;
        let is_done = &AtomicBool::new(false);
        thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let written = (1..60).try_for_each(write);
                is_done.store(true, Ordering::Release);
                written
            });
            while !is_done.load(Ordering::Acquire) {
                let values = state.batch_get(&keys)?;
                assert!(values.iter().all(|value| *value == values[0]), "a read of many keys is of one moment");
                let entries = state.scan(ALL, usize::MAX)?.entries;
                assert!(entries.iter().all(|(_, value)| *value == entries[0].1), "a scan is of one moment");
            }
            writer.join().expect("the writer does not panic")
        })?;
        state.close()
    });
}

/// Accounts whose sum never changes, though amounts move between them all the time.
struct Accounts<'s>(&'s KeyValueState);

impl Accounts<'_> {
    const COUNT: u32 = 700;
    const EACH: u64 = 1_000;

    fn open(&self) -> Result<()> {
        self.0.batch_put((0..Self::COUNT).map(|n| (n.to_be_bytes(), Self::EACH.to_be_bytes())))
    }

    fn balance(&self, account: u32) -> Result<u64> {
        let read = |value: &[u8]| u64::from_be_bytes(value.try_into().expect("a balance has 8 bytes"));
        Ok(self.0.get_with(&account.to_be_bytes(), read)?.expect("an account never ends"))
    }

    /// Moves amounts until `is_done`.
    fn move_amounts(&self, seed: u64, is_done: &AtomicBool) -> Result<()> {
        let mut random = Random::new(seed);
        while !is_done.load(Ordering::Acquire) {
            let (from, to) = (random.below(Self::COUNT as usize) as u32, random.below(Self::COUNT as usize) as u32);
            let (had, has) = (self.balance(from)?, self.balance(to)?);
            let amount = had.min(random.below(100) as u64);
            if from == to {
                continue;
            }
            let mut batch = Batch::default();
            batch.put(&from.to_be_bytes(), &(had - amount).to_be_bytes());
            batch.put(&to.to_be_bytes(), &(has + amount).to_be_bytes());
            // Entries that come and go around a reader.
            let passing = [&from.to_be_bytes()[..], b"passing"].concat();
            if random.one_in(2) {
                batch.put(&passing, b"")
            } else {
                batch.delete(&passing)
            };
            self.0.write(&batch)?;
        }
        Ok(())
    }

    fn assert_whole(&self) -> Result<()> {
        let accounts: Vec<u64> = all(self.0)?
            .into_iter()
            .filter_map(|(key, value)| {
                (key.len() == 4).then(|| u64::from_be_bytes(value.try_into().expect("a balance has 8 bytes")))
            })
            .collect();
        let sum: u64 = accounts.iter().sum();
        let wanted = (Self::COUNT as usize, u64::from(Self::COUNT) * Self::EACH);
        assert_eq!((accounts.len(), sum), wanted, "accounts, and the sum over them");
        Ok(())
    }

    /// Calls `copy` a few times while amounts move.
    fn copy_while_amounts_move(&self, mut copy: impl FnMut() -> Result<()>) -> Result<()> {
        self.open()?;
        let is_done = &AtomicBool::new(false);
        let accounts = Accounts(self.0);
        thread::scope(|scope| {
            let mover = scope.spawn(move || accounts.move_amounts(7, is_done));
            let copied = (0..4).try_for_each(|_| copy());
            is_done.store(true, Ordering::Release);
            mover.join().expect("the mover does not panic")?;
            copied
        })?;
        self.assert_whole()
    }
}

pub fn a_snapshot_is_of_one_moment_while_others_write(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let (state, other) = (place.open()?, place.open()?);
        Accounts(&state).copy_while_amounts_move(|| {
            other.restore(&snapshot(&state)?[..])?;
            Accounts(&other).assert_whole()
        })?;
        other.close()?;
        state.close()
    });
}

pub fn a_checkpoint_is_of_one_moment_while_others_write(factory: &dyn BackendFactory) {
    at_a_place(factory, |place| {
        let state = place.open()?;
        Accounts(&state).copy_while_amounts_move(|| {
            let copy = place.open_checkpoint(&place.checkpoint(&state)?, None)?;
            Accounts(&copy).assert_whole()?;
            copy.close()
        })?;
        state.close()
    });
}

/// Readers that remove or renew what has expired never undo a put that comes in between.
pub fn an_old_expiry_never_removes_a_fresh_value(factory: &dyn BackendFactory) {
    let ttl = Ttl::after(ms(10));
    for ttl in [ttl, ttl.returning_expired(), ttl.renewed_by_reads(), ttl.returning_expired().renewed_by_reads()] {
        at_a_place(factory, |place| {
            let state = &place.expiring(ttl)?;
            let is_done = &AtomicBool::new(false);
            let read = || -> Result<()> {
                while !is_done.load(Ordering::Acquire) {
                    state.get(b"a")?;
                    state.batch_get(["b", "a"])?;
                }
                Ok(())
            };
            thread::scope(|scope| {
                let readers = [scope.spawn(read), scope.spawn(read)];
                let written = (1..100_u32).try_for_each(|round| -> Result<()> {
                    // What was written in the round before has expired.
                    place.set(i64::from(round) * 10);
                    let value = round.to_be_bytes();
                    if round % 2 == 0 {
                        state.put(b"a", &value)?
                    } else {
                        state.batch_put([("a", value), ("b", value)])?
                    }
                    if round % 40 == 0 {
                        state.compact()?;
                    }
                    // Read in the same millisecond: it is there, whatever the readers do about the old one.
                    let found = state.get(b"a")?;
                    assert_eq!(found.as_deref(), Some(&value[..]), "round {round}, {ttl:?}");
                    Ok(())
                });
                is_done.store(true, Ordering::Release);
                readers.into_iter().try_for_each(|reader| reader.join().expect("a reader does not panic"))?;
                written
            })?;
            state.close()
        });
    }
}
