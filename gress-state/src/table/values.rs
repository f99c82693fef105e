//! The table of a `ValueState`: one value a key.

use super::{
    Cold, StateDescription, StateKind, StateTable, TableStats,
    aging::{Aged, Verdict},
    live::{Live, Origin},
};
use crate::{
    key::{Key, StateKey, StateValue},
    key_layout::{self, WindowPart},
    run::{Fate, Mapped, RunCursor, RunEntry, UnsortedRun},
    ttl::{Expiry, Stamp, Ttl},
};
use gress_core::{Error, Result, StateName};
use std::{cell::RefCell, sync::Arc};

/// Live values and what stands behind them. Handles work on both parts at once.
pub(crate) struct ValueTable<K, V> {
    pub live: Live<K, V>,
    pub cold: Cold,
    /// What reads would have changed while another value was borrowed from the table.
    put_off: RefCell<Vec<PutOff<K>>>,
    problem: Option<String>,
}

/// A change that a read causes, to be made when nothing is borrowed.
struct PutOff<K> {
    key: K,
    hash: u64,
    change: Change,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// The entry lives on from this time.
    Renew(i64),
    /// The entry had expired and was given for the last time.
    Remove,
}

/// What a read finds.
pub(crate) enum Found<V> {
    Nothing,
    /// The value is in this slot.
    In(u32),
    /// The value is in no slot.
    Apart(V),
}

impl<K: StateKey, V: StateValue> ValueTable<K, V> {
    pub(crate) fn new(cold: Cold) -> Self {
        ValueTable { live: Live::new(WindowPart::None), cold, put_off: RefCell::default(), problem: None }
    }

    /// Entries expire by `ttl`. It is a problem if they do already, or if there are any.
    pub(crate) fn expire_by(&mut self, ttl: Ttl) {
        let problem = if self.live.ages() {
            "is given a time to live twice"
        } else if !self.live.is_unused() || self.cold.spilled() {
            "is given a time to live after it was used: do it where the state is declared"
        } else if ttl.millis() == 0 {
            "has a time to live of 0 ms, which keeps nothing: valid are 1 ms and more"
        } else {
            self.cold.expiry = Some(self.live.expire_by(ttl, self.cold.time.clone()));
            return;
        };
        self.problem = Some(format!("the state `{}` {problem}", self.cold.name));
        // Entries that were written without ages must not be read as if they had some: each use is an error from now on.
        self.live.expire_by(ttl, self.cold.time.clone());
    }

    /// Makes the changes that reads had to put off. Called before the table changes in any other way.
    #[cold]
    pub(crate) fn catch_up(&mut self) -> Result<()> {
        if let Some(problem) = &self.problem {
            return Err(Error::refused(problem.clone()));
        }
        for PutOff { key, hash, change } in self.put_off.take() {
            let key = Key::from_parts(key, hash);
            let Some(at) = self.live.find_or_load(&key, &mut self.cold)? else { continue };
            match change {
                Change::Renew(now) if self.live.value(at).is_some() => {
                    self.live.touch(at, &mut self.cold)?;
                    self.live.mark_updated(at, now);
                }
                Change::Renew(_) => {}
                Change::Remove => drop(self.live.expire(at, &mut self.cold)?),
            }
        }
        Ok(())
    }

    /// The slot of `key` for a call that changes the value in place: one that has expired is there only if a read may
    /// still give it.
    #[inline]
    pub(crate) fn find_to_change(&mut self, key: &Key<K>) -> Result<Option<u32>> {
        match self.live.ages() {
            false => self.live.find_or_load(key, &mut self.cold),
            true => self.find_unless_gone(key),
        }
    }

    #[cold]
    fn find_unless_gone(&mut self, key: &Key<K>) -> Result<Option<u32>> {
        self.catch_up()?;
        let Some(at) = self.live.find_or_load(key, &mut self.cold)? else { return Ok(None) };
        if self.live.value(at).is_some() && self.live.judge(at) == Verdict::Gone {
            self.live.expire(at, &mut self.cold)?;
        }
        Ok(self.live.holds(at).then_some(at))
    }

    /// What a read finds in a state whose entries expire.
    pub(crate) fn read(&mut self, key: &Key<K>) -> Result<Found<V>> {
        self.catch_up()?;
        let Some(at) = self.live.find_or_load(key, &mut self.cold)? else { return Ok(Found::Nothing) };
        if self.live.value(at).is_none() {
            return Ok(Found::Nothing);
        }
        match self.live.judge(at) {
            Verdict::Live => {}
            Verdict::Renewed => {
                self.live.touch(at, &mut self.cold)?;
                self.live.mark(at);
            }
            Verdict::Gone => {
                self.live.expire(at, &mut self.cold)?;
                return Ok(Found::Nothing);
            }
            Verdict::Last => {
                return Ok(self.live.expire(at, &mut self.cold)?.map_or(Found::Nothing, Found::Apart));
            }
        }
        Ok(Found::In(at))
    }

    /// As [`ValueTable::read`], while another value is borrowed from the table.
    pub(crate) fn read_beside(&self, key: &Key<K>) -> Result<Found<V>> {
        let given_up = |put_off: &PutOff<K>| put_off.change == Change::Remove && put_off.key == **key;
        if self.put_off.borrow().iter().any(given_up) {
            return Ok(Found::Nothing);
        }
        let (found, verdict) = match self.live.find(key) {
            Some(at) if self.live.value(at).is_none() => return Ok(Found::Nothing),
            Some(at) => (Found::In(at), self.live.judge(at)),
            None => match self.live.load(key, &self.cold)? {
                None => return Ok(Found::Nothing),
                Some(Aged { value, updated }) => (Found::Apart(value), self.live.judge_age(updated)),
            },
        };
        match verdict {
            Verdict::Live => {}
            Verdict::Gone => return Ok(Found::Nothing),
            Verdict::Renewed => self.put_off(key, Change::Renew(self.live.now())),
            Verdict::Last => self.put_off(key, Change::Remove),
        }
        Ok(found)
    }

    fn put_off(&self, key: &Key<K>, change: Change) {
        let (key, hash) = (key.value().clone(), key.hash());
        self.put_off.borrow_mut().push(PutOff { key, hash, change });
    }
}

impl<K: StateKey, V: StateValue> StateTable for ValueTable<K, V> {
    fn name(&self) -> &StateName {
        &self.cold.name
    }

    fn look_ahead(&self, hashes: &[u64]) {
        self.live.look_ahead(hashes);
    }

    fn describe(&self) -> StateDescription {
        StateDescription { ttl: self.live.ttl().map(Into::into), ..StateDescription::of::<K, V>(StateKind::Value) }
    }

    fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    fn expiry(&self) -> Option<Arc<Expiry>> {
        self.cold.expiry.clone()
    }

    fn clean(&mut self, max: usize) -> Result<()> {
        self.catch_up()?;
        self.live.clean(max, &mut self.cold)
    }

    fn completed(&mut self) {
        self.live.completed();
    }

    fn nothing_is_replayed(&self) {
        if let Some((expiry, horizon)) = self.cold.expiry.as_ref().zip(self.live.horizon()) {
            expiry.advance(horizon);
        }
    }

    fn expired(&self) -> u64 {
        self.live.expired()
    }

    fn begin_seal(&mut self) -> Result<()> {
        self.cold.begin_seal(self.live.sealed())?;
        self.catch_up()?;
        self.live.begin_seal();
        Ok(())
    }

    fn seal_slice(&mut self, max: usize) -> Result<bool> {
        self.live.seal_slice(max, &mut self.cold)?;
        Ok(self.live.sealed())
    }

    fn take_sealed(&mut self) -> UnsortedRun {
        self.cold.take_sealed()
    }

    fn restore(&mut self, content: &mut dyn RunCursor, budget: usize) -> Result<()> {
        let Some((expiry, now)) = self.cold.expiry.clone().zip(self.live.horizon()) else {
            return self.fill(content, budget);
        };
        let fate = move |stored: &[u8], _: &mut Vec<u8>| {
            // Bytes that no stamp begins are for a reader to report.
            let over = Stamp::split(stored).is_ok_and(|(stamp, _)| expiry.is_expired(stamp, now));
            Ok(if over { Fate::Gone } else { Fate::Stays })
        };
        self.fill(&mut Mapped::new(content, fate), budget)
    }

    fn memory_bytes(&self) -> usize {
        self.live.memory_bytes() + self.cold.sealed.memory_bytes()
    }

    fn entries(&self) -> usize {
        self.live.entries()
    }

    fn stats(&self) -> TableStats {
        let mut stats = self.cold.stats();
        self.live.add_to(&mut stats);
        stats
    }

    fn evict(&mut self, target: usize) -> Result<Option<Vec<u8>>> {
        self.catch_up()?;
        let (mut unsealed, mut sealed) = (UnsortedRun::default(), UnsortedRun::default());
        self.live.evict(target, &mut unsealed, &mut sealed, &mut self.cold)?;
        self.cold.spill(sealed)?;
        self.cold.spill(unsealed)
    }
}

impl<K: StateKey, V: StateValue> ValueTable<K, V> {
    fn fill(&mut self, content: &mut dyn RunCursor, budget: usize) -> Result<()> {
        while self.live.memory_bytes() < budget || budget == usize::MAX {
            let Some(entry) = content.next()? else { return Ok(()) };
            let (store_key, bytes) = put(entry)?;
            let parts = key_layout::split(store_key, 0)?;
            let key = self.cold.decode_key::<K>(store_key, parts.encoded_key)?;
            let value = self.live.decode(bytes).map_err(|e| self.cold.undecodable::<V>(store_key, e))?;
            self.live.insert(key, parts.hash, Some(value), Origin::Checkpoint);
        }
        self.cold.store_for_spill()?.apply_run(content)
    }
}

/// The put that a merged checkpoint consists of.
pub(super) fn put(entry: RunEntry<'_>) -> Result<(&[u8], &[u8])> {
    match entry {
        RunEntry::Put { key, value } => Ok((key, value)),
        other => Err(Error::damaged(format!("the merged content of a checkpoint holds {other:?}"))),
    }
}
