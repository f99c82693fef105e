//! Durations as people write them: `500ms`, `30s`, `5m`, `1h`.

use std::time::Duration;

/// Units from the largest down, in nanoseconds.
const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A whole number and a unit; a number alone is refused, since nobody could tell which unit was meant.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*nanoseconds).map(Duration::from_nanos)
}

/// Exactly, in the largest unit that needs no fraction: what [`parse`] reads back.
pub(super) fn format(duration: Duration) -> String {
    let total = duration.as_nanos();
    if total == 0 {
        return "0ms".into();
    }
    let exact = UNITS.iter().find(|(_, nanoseconds)| total.is_multiple_of(u128::from(*nanoseconds)));
    let (unit, nanoseconds) = exact.unwrap_or(&("ns", 1));
    format!("{}{unit}", total / u128::from(*nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_a_whole_number_and_a_unit() {
        assert_eq!(parse("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse(" 5 m "), Some(Duration::from_secs(300)));
        assert_eq!(parse("1h"), Some(Duration::from_secs(3600)));
        for bad in
            ["", "5", "s", "1.5s", "-1s", "1d", "1S", "5 parsecs", "99999999999999999999s", "18446744073709551615h"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_duration_is_written_so_that_it_reads_back() {
        for (text, written) in [("60s", "1m"), ("1500ms", "1500ms"), ("0s", "0ms"), ("90m", "90m"), ("7us", "7us")] {
            let duration = parse(text).expect(text);
            assert_eq!(format(duration), written);
            assert_eq!(parse(written), Some(duration));
        }
    }
}
