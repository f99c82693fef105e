//! Event time: milliseconds since 1970-01-01T00:00:00Z, as a type of its own.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// A point in event time, in milliseconds since 1970-01-01T00:00:00Z; may be negative.
///
/// [`Timestamp::MAX`] is the watermark at the end of all input, [`Timestamp::MIN`] the one before any.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Before every event: the watermark of a stream that has none yet.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// After every event: the watermark at the end of the input.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From milliseconds since 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Timestamp(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This time plus `duration`; stays at [`Timestamp::MAX`] instead of overflowing.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_add(saturating_millis(duration)))
    }

    /// This time minus `duration`; stays at [`Timestamp::MIN`] instead of overflowing.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_sub(saturating_millis(duration)))
    }

    /// The millisecond before; [`Timestamp::MIN`] has none and stays.
    #[must_use]
    pub const fn previous(self) -> Self {
        Timestamp(self.0.saturating_sub(1))
    }
}

fn saturating_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Prints `MIN`, `MAX`, or the milliseconds with their unit.
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Timestamp::MIN => f.write_str("MIN"),
            Timestamp::MAX => f.write_str("MAX"),
            Timestamp(millis) => write!(f, "{millis}ms"),
        }
    }
}

/// Prints ISO 8601 without a zone, with milliseconds only where there are some: `2013-01-01T05:00:00`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(*self, Timestamp::MIN | Timestamp::MAX) {
            return fmt::Debug::fmt(self, f);
        }
        let (days, millis) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        let (seconds, millis) = (millis / 1_000, millis % 1_000);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if millis > 0 {
            write!(f, ".{millis:03}")?;
        }
        Ok(())
    }
}

/// Days since 1970-01-01 as a date of the proleptic Gregorian calendar (years of March to February, eras of 400).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// `n` hours.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

/// `n` minutes.
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// `n` seconds.
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// `n` milliseconds.
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_print_as_iso_8601_before_and_after_the_epoch() {
        let cases = [
            (0, "1970-01-01T00:00:00"),
            (-1, "1969-12-31T23:59:59.999"),
            (1_357_016_400_000, "2013-01-01T05:00:00"),
            (951_782_400_000, "2000-02-29T00:00:00"),
            (-62_135_596_800_000, "0001-01-01T00:00:00"),
        ];
        for (millis, text) in cases {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
        }
    }

    #[test]
    fn arithmetic_stays_at_the_ends() {
        assert_eq!(Timestamp::MAX.plus(hours(1)), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.minus(hours(1)), Timestamp::MIN);
        assert_eq!(Timestamp::MIN.previous(), Timestamp::MIN);
        assert_eq!(Timestamp::from_millis(5).plus(Duration::MAX), Timestamp::MAX);
    }
}
