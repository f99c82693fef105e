//! What time it is, and what that means for an entry.

use crate::{
    backend::StateBackend,
    key_value::run::Single,
    run::RunEntry,
    store::StateStore,
    ttl::{Expiry, Stamp, Ttl, TtlClock, TtlUpdate, TtlVisibility},
    wall_clock::WallClock,
};
use gress_core::{Error, Result, StateName, Timestamp};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How one state's entries age.
#[derive(Debug)]
pub(super) struct Lifetimes {
    ttl: Option<Ttl>,
    clock: Arc<dyn WallClock>,
    expiry: Arc<Expiry>,
    /// Since when there has been a time to live, in the backend itself.
    memo: Box<dyn StateStore>,
    /// Held by who changes what event time begins with.
    beginning: Mutex<()>,
}

/// What a stored entry is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There.
    Live,
    /// There, and living on because it was read.
    Renewed,
    /// Expired: not there.
    Gone,
    /// Expired, and given this once.
    Last,
}

/// The key of the memo: whether there is a time to live, and since when.
const MEMO: &[u8] = b"ttl-since";

impl Lifetimes {
    /// Opens the memo of `backend`, and notes whether there is a time to live now.
    pub(super) fn open(backend: &dyn StateBackend, ttl: Option<Ttl>, clock: Arc<dyn WallClock>) -> Result<Self> {
        let memo = backend.open_store(&StateName::new("key-value", "memo"))?;
        let expiry = Arc::new(Expiry::new(ttl.map(|ttl| ttl.millis()), NOT_YET));
        let lifetimes = Lifetimes { ttl, clock, expiry, memo, beginning: Mutex::new(()) };
        match (lifetimes.noted()?, ttl) {
            (Some(since), Some(_)) => lifetimes.expiry.restart(since),
            (None, Some(_)) => lifetimes.begin(lifetimes.now())?,
            (Some(_), None) => lifetimes.forget()?,
            (None, None) => {}
        }
        Ok(lifetimes)
    }

    pub(super) fn expiry(&self) -> Arc<Expiry> {
        self.expiry.clone()
    }

    /// Whether reads write.
    pub(super) fn reads_write(&self) -> bool {
        self.ttl.is_some_and(|ttl| {
            ttl.update == TtlUpdate::OnReadAndWrite || ttl.visibility == TtlVisibility::ReturnExpiredIfNotCleanedUp
        })
    }

    /// The time now. It never falls, though the clock may.
    pub(super) fn now(&self) -> i64 {
        match self.ttl {
            Some(Ttl { clock: TtlClock::Event, .. }) => self.expiry.horizon(),
            _ => self.expiry.advance(self.clock.now().as_millis()),
        }
    }

    /// Event time has come to `now`.
    pub(super) fn advance(&self, now: Timestamp) -> Result<()> {
        if !self.in_event_time() {
            return Err(Error::argument("a state that expires by the system's clock has no event time to advance"));
        }
        let _turn = self.turn_at_beginning();
        // Read in each call: it tells, too, whether the state was closed.
        let waits = self.noted()?.is_none_or(|since| since == NOT_YET);
        if waits && self.expiry.horizon() == BEFORE_TIME {
            self.begin(now.as_millis())?;
        }
        self.expiry.advance(now.as_millis());
        Ok(())
    }

    fn turn_at_beginning(&self) -> MutexGuard<'_, ()> {
        self.beginning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_event_time(&self) -> bool {
        self.ttl.is_some_and(|ttl| ttl.clock == TtlClock::Event)
    }

    /// What stands before a value that is put now.
    ///
    /// # Errors
    /// Those of the backend, where event time has not begun.
    #[inline]
    pub(super) fn stamp(&self) -> Result<Stamp> {
        match self.ttl {
            None => Ok(Stamp::None),
            Some(_) => match self.now() {
                BEFORE_TIME => self.stamp_before_time(),
                now => Ok(Stamp::Updated(now)),
            },
        }
    }

    /// Event time has not begun: the entry is updated when it does. It may have begun for an earlier process already;
    /// entries without a stamp from that time become younger by this, and no entry older.
    fn stamp_before_time(&self) -> Result<Stamp> {
        let _turn = self.turn_at_beginning();
        match self.now() {
            BEFORE_TIME => {
                if self.noted()? != Some(NOT_YET) {
                    self.begin(NOT_YET)?;
                }
                Ok(Stamp::None)
            }
            now => Ok(Stamp::Updated(now)),
        }
    }

    /// What stands before a value that is put now and expires after `ttl`.
    pub(super) fn stamp_for(&self, ttl: Duration) -> Result<Stamp> {
        let now = self.now();
        if now == BEFORE_TIME {
            return Err(Error::argument("event time has not begun, so nothing can expire after some time of it"));
        }
        Ok(Stamp::Expires(now.saturating_add(Ttl::after(ttl).millis())))
    }

    /// Parts stored bytes from their stamp and says what they are at this time.
    #[inline]
    pub(super) fn judge<'a>(&self, stored: &'a [u8]) -> Result<(Verdict, &'a [u8])> {
        let (stamp, value) = Stamp::split(stored)?;
        let verdict = match (stamp, self.ttl) {
            // Without a time to live the clock need not be asked.
            (Stamp::None | Stamp::Updated(_), None) => Verdict::Live,
            (stamp, ttl) => self.judge_stamp(stamp, ttl),
        };
        Ok((verdict, value))
    }

    fn judge_stamp(&self, stamp: Stamp, ttl: Option<Ttl>) -> Verdict {
        let now = self.now();
        let (update, visibility) = ttl.map(|ttl| (ttl.update, ttl.visibility)).unwrap_or_default();
        match (self.expiry.is_expired(stamp, now), visibility, update) {
            (true, TtlVisibility::NeverReturnExpired, _) => Verdict::Gone,
            (true, TtlVisibility::ReturnExpiredIfNotCleanedUp, _) => Verdict::Last,
            // The clock may be behind what it was at the last update.
            (false, _, TtlUpdate::OnReadAndWrite) if self.expiry.updated(stamp).is_some_and(|at| at < now) => {
                Verdict::Renewed
            }
            (false, ..) => Verdict::Live,
        }
    }

    /// Stored bytes as a snapshot has them: those without an age get the one that they have here, which no other state
    /// knows. `into` is for them.
    pub(super) fn dated<'a>(&self, stored: &'a [u8], into: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        let (stamp, value) = Stamp::split(stored)?;
        match (stamp, self.ttl, self.expiry.updated(stamp)) {
            (Stamp::None, Some(_), Some(since)) if since != NOT_YET => {
                into.clear();
                Stamp::Updated(since).encode(into);
                into.extend_from_slice(value);
                Ok(into)
            }
            _ => Ok(stored),
        }
    }

    /// Everything that is there without a stamp counts as updated now. Gives what was so before.
    pub(super) fn restart(&self) -> Result<Option<i64>> {
        let _turn = self.turn_at_beginning();
        let before = self.noted()?;
        if self.ttl.is_some() {
            self.begin(self.now())?;
        }
        Ok(before)
    }

    /// Takes a [`Lifetimes::restart`] back.
    pub(super) fn resume(&self, before: Option<i64>) -> Result<()> {
        match (before, self.ttl) {
            (Some(since), Some(_)) => self.begin(since),
            _ => Ok(()),
        }
    }

    fn begin(&self, since: i64) -> Result<()> {
        // Event time that has not begun has no end to count to.
        let since = if since == BEFORE_TIME { NOT_YET } else { since };
        self.memo.apply_run(&mut Single::new(RunEntry::Put { key: MEMO, value: &since.to_be_bytes() }))?;
        self.expiry.restart(since);
        Ok(())
    }

    fn forget(&self) -> Result<()> {
        self.memo.apply_run(&mut Single::new(RunEntry::Delete { key: MEMO }))
    }

    /// Since when there has been a time to live, if there was one at the last opening.
    fn noted(&self) -> Result<Option<i64>> {
        let mut since = None;
        self.memo.get(MEMO, &mut |value| since = value.first_chunk().map(|since| i64::from_be_bytes(*since)))?;
        Ok(since)
    }
}

/// What the time is until event time begins.
const BEFORE_TIME: i64 = i64::MIN;
/// An update that has not happened: no time to live counts from it.
const NOT_YET: i64 = i64::MAX;
