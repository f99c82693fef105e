//! The ages of live entries, for a state with a time to live: a time for each slot, beside the slots.
//!
//! States without one have no [`Aging`], and pay one branch a call. A collection would keep an [`Aging`] of its elements
//! in the same way.

use crate::{
    task_time::TaskTime,
    ttl::{Expiry, NEVER, Stamp, Ttl, TtlUpdate, TtlVisibility},
};
use gress_core::{Error, Result};
use std::{collections::VecDeque, rc::Rc, sync::Arc};

/// When the entries of one table were updated, and when that is too long ago.
pub(super) struct Aging {
    ttl: Ttl,
    expiry: Arc<Expiry>,
    time: Rc<TaskTime>,
    /// The last update of each slot; [`NEVER`] where the slot is vacant.
    updated: Vec<i64>,
    /// The slot that is cleaned next.
    next: usize,
    /// The horizon at the last barrier: what had expired there is no part of the seal.
    sealed_at: i64,
    /// The horizons of barriers whose checkpoints are not known to be complete: two at most.
    barriers: VecDeque<i64>,
    /// Entries that were found expired.
    pub expired: u64,
}

/// What an entry is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There.
    Live,
    /// There, and living on because it is read.
    Renewed,
    /// Expired: not there.
    Gone,
    /// Expired, and given this once.
    Last,
}

/// A value and the time of its last update, which counts for nothing in a state without a time to live.
pub(crate) struct Aged<V> {
    pub value: V,
    pub updated: i64,
}

impl Aging {
    pub(super) fn new(ttl: Ttl, time: Rc<TaskTime>) -> Self {
        Aging {
            ttl,
            expiry: Arc::new(Expiry::new(Some(ttl.millis()), NEVER)),
            time,
            updated: Vec::new(),
            next: 0,
            sealed_at: i64::MIN,
            barriers: VecDeque::new(),
            expired: 0,
        }
    }

    pub(super) fn ttl(&self) -> Ttl {
        self.ttl
    }

    pub(super) fn expiry(&self) -> &Arc<Expiry> {
        &self.expiry
    }

    /// Notes that slot `at` was updated just now.
    #[inline]
    pub(super) fn update(&mut self, at: u32) {
        self.set(at, self.now());
    }

    /// Notes when slot `at` was updated.
    #[inline]
    pub(super) fn set(&mut self, at: u32, updated: i64) {
        if self.updated.len() <= at as usize {
            self.updated.resize(at as usize + 1, NEVER);
        }
        self.updated[at as usize] = updated;
    }

    pub(super) fn updated(&self, at: u32) -> i64 {
        self.updated.get(at as usize).copied().unwrap_or(NEVER)
    }

    /// What an entry with this last update is to a reader now.
    pub(super) fn judge(&self, updated: i64) -> Verdict {
        let now = self.time.now(self.ttl.clock);
        match (self.is_over(updated, now), self.ttl.visibility, self.ttl.update) {
            (true, TtlVisibility::NeverReturnExpired, _) => Verdict::Gone,
            (true, TtlVisibility::ReturnExpiredIfNotCleanedUp, _) => Verdict::Last,
            // A read by an earlier stamp, of another input, does not make an entry older.
            (false, _, TtlUpdate::OnReadAndWrite) if updated < self.now() || updated == NEVER => Verdict::Renewed,
            (false, ..) => Verdict::Live,
        }
    }

    fn is_over(&self, updated: i64, now: i64) -> bool {
        self.expiry.is_expired(Stamp::Updated(updated), now)
    }

    /// The time at which an update happens now.
    pub(super) fn now(&self) -> i64 {
        self.time.update(self.ttl.clock)
    }

    /// Whether no later read finds slot `at`.
    pub(super) fn is_unreachable(&self, at: u32) -> bool {
        self.is_unreachable_age(self.updated(at))
    }

    /// Whether no later read finds an entry with this last update.
    pub(super) fn is_unreachable_age(&self, updated: i64) -> bool {
        self.is_over(updated, self.horizon())
    }

    /// Whether slot `at` had expired at the barrier of the seal under way.
    pub(super) fn was_over_at_barrier(&self, at: u32) -> bool {
        self.is_over(self.updated(at), self.sealed_at)
    }

    /// The time that no later read is behind.
    pub(super) fn horizon(&self) -> i64 {
        self.time.horizon(self.ttl.clock)
    }

    pub(super) fn begin_seal(&mut self) {
        self.sealed_at = self.horizon();
        if self.barriers.len() == 2 {
            self.barriers.pop_front();
        }
        self.barriers.push_back(self.sealed_at);
    }

    /// A checkpoint is complete: what had expired at its barrier, no replay looks for.
    pub(super) fn completed(&mut self) {
        if let Some(barrier) = self.barriers.pop_front() {
            self.expiry.advance(barrier);
        }
    }

    /// The slots among the next `max` whose entries no later read finds.
    pub(super) fn next_unreachable(&mut self, max: usize) -> Vec<u32> {
        let (horizon, slots) = (self.horizon(), self.updated.len());
        let looked_at = (0..max.min(slots)).map(|n| ((self.next + n) % slots) as u32);
        let found = looked_at.filter(|at| self.is_over(self.updated(*at), horizon)).collect();
        self.next = (self.next + max.min(slots)) % slots.max(1);
        found
    }

    /// The last update and the value that stored bytes hold.
    pub(super) fn split(stored: &[u8]) -> Result<(i64, &[u8])> {
        match Stamp::split(stored)? {
            (Stamp::Updated(at), value) => Ok((at, value)),
            (Stamp::None, value) => Ok((NEVER, value)),
            (Stamp::Expires(_), _) => Err(Error::damaged("a stored value has an end of its own, which no job writes")),
        }
    }
}
