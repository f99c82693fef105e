//! A checkpoint's values under another time to live than they were written with: a pure function.

use super::{Expiry, NEVER, Stamp, TtlClock, TtlDescription};
use crate::table::{StateKind, restamp_chunk};
use gress_core::Result;

/// Turns stored values of a state with one time to live, or none, into those of the same state with another.
///
/// What had expired by the rule that it was written under is gone for good: a longer time to live brings nothing back.
/// Entries without an age by the new rule's clock count as updated now.
#[derive(Debug)]
pub struct Restamp {
    /// The rule that the values were written under, its clock, and what time it is by that.
    stored: Option<(Expiry, TtlClock, i64)>,
    /// The clock of the new rule, and what time it is by that.
    ours: Option<(TtlClock, i64)>,
    /// Values are chunks of lists, whose items have ages of their own.
    of_lists: bool,
}

impl Restamp {
    /// `None` where the values can stay as they are. `now` is the time of the restore.
    pub fn between(
        stored: Option<TtlDescription>,
        ours: Option<TtlDescription>,
        now: impl Fn(TtlClock) -> i64,
    ) -> Option<Self> {
        let rule = |ttl: TtlDescription| (ttl.length_ms, ttl.clock);
        if stored.map(rule) == ours.map(rule) {
            return None;
        }
        let expiry = |ttl: TtlDescription| (Expiry::new(Some(ttl.length_ms), NEVER), ttl.clock, now(ttl.clock));
        let ours = ours.map(|ttl| (ttl.clock, now(ttl.clock)));
        Some(Restamp { stored: stored.map(expiry), ours, of_lists: false })
    }

    /// The same for a state of this kind.
    #[must_use]
    pub fn of(self, kind: StateKind) -> Self {
        Restamp { of_lists: kind == StateKind::List, ..self }
    }

    /// Appends the value as it is stored under the new rule; `false` if it has expired.
    ///
    /// # Errors
    /// Bytes that no stamp begins, where there should be one.
    pub fn restamp(&self, stored: &[u8], into: &mut Vec<u8>) -> Result<bool> {
        let (age, value) = match &self.stored {
            None => (None, stored),
            Some((expiry, clock, now)) => {
                let (stamp, value) = Stamp::split(stored)?;
                if expiry.is_expired(stamp, *now) {
                    return Ok(false);
                }
                (Some((*clock, stamp)), value)
            }
        };
        match (self.ours, age) {
            (None, _) => {}
            (Some((clock, _)), Some((of, stamp))) if clock == of => stamp.encode(into),
            // Event time that has not begun is no time to count from.
            (Some((_, i64::MIN)), _) => Stamp::Updated(NEVER).encode(into),
            (Some((_, now)), _) => Stamp::Updated(now).encode(into),
        }
        if self.of_lists {
            return self.restamp_items(value, into);
        }
        into.extend_from_slice(value);
        Ok(true)
    }

    fn restamp_items(&self, chunk: &[u8], into: &mut Vec<u8>) -> Result<bool> {
        let is_over =
            |age| self.stored.as_ref().is_some_and(|(expiry, _, now)| expiry.is_expired(Stamp::Updated(age), *now));
        let clock = self.stored.as_ref().map(|(_, clock, _)| *clock);
        restamp_chunk(chunk, is_over, clock.is_some() && clock == self.ours.map(|(clock, _)| clock), into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ttl::Ttl;
    use std::time::Duration;

    fn rule(millis: u64) -> Ttl {
        Ttl::after(Duration::from_millis(millis))
    }

    fn stamped(at: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        Stamp::Updated(at).encode(&mut bytes);
        bytes.push(b'v');
        bytes
    }

    /// What becomes of a value at processing time 200 and event time 20.
    fn becomes(stored: Option<Ttl>, ours: Option<Ttl>, value: &[u8]) -> Option<Vec<u8>> {
        let now = |clock| if clock == TtlClock::Processing { 200 } else { 20 };
        let restamp = Restamp::between(stored.map(Into::into), ours.map(Into::into), now).expect("the rules differ");
        let mut into = Vec::new();
        restamp.restamp(value, &mut into).unwrap().then_some(into)
    }

    // Conformance case 37.
    #[test]
    fn a_value_keeps_its_age_gets_one_or_loses_it_and_one_that_has_expired_is_gone() {
        assert_eq!(becomes(None, Some(rule(5)), b"v"), Some(stamped(200)));
        assert_eq!(becomes(None, Some(rule(5).in_event_time()), b"v"), Some(stamped(20)));
        assert_eq!(becomes(Some(rule(100)), None, &stamped(101)), Some(b"v".to_vec()));
        assert_eq!(becomes(Some(rule(100)), None, &stamped(100)), None);
        assert_eq!(becomes(Some(rule(100)), Some(rule(1_000)), &stamped(101)), Some(stamped(101)));
        assert_eq!(becomes(Some(rule(100)), Some(rule(1_000)), &stamped(100)), None);
        assert_eq!(becomes(Some(rule(100)), Some(rule(100).in_event_time()), &stamped(101)), Some(stamped(20)));
    }

    #[test]
    fn the_same_rule_leaves_values_alone_whatever_else_changes() {
        let same = Some(rule(5).renewed_by_reads().into());
        assert!(Restamp::between(Some(rule(5).into()), same, |_| 0).is_none());
        assert!(Restamp::between(None, None, |_| 0).is_none());
    }

    #[test]
    fn without_event_time_a_value_has_no_age_yet() {
        let ours = Some(rule(5).in_event_time().into());
        let restamp = Restamp::between(None, ours, |_| i64::MIN).expect("the rules differ");
        let mut into = Vec::new();
        assert!(restamp.restamp(b"v", &mut into).unwrap());
        assert_eq!(into, stamped(NEVER));
    }
}
