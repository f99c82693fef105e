//! The known key that somebody who wrote an unknown one most likely meant.

/// Longer than any key; what is longer is not a slip of the pen.
const KEY_CHARS_MAX: usize = 128;

/// The candidate nearest to `key`, if one is near.
///
/// A right name in the wrong section (`preset` for `state.rocksdb.preset`) is near, else what a few slips turn into it:
/// one, or one for every three characters of the last part.
pub(super) fn nearest<'a>(key: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if key.chars().count() > KEY_CHARS_MAX {
        return None;
    }
    let slips_max = (last_part(key).chars().count() / 3).max(1);
    let by_spelling = candidates
        .clone()
        .map(|candidate| (slips(key, candidate), candidate))
        .filter(|(slips, _)| *slips <= slips_max)
        .min();
    let misplaced = |candidate: &&str| last_part(candidate).eq_ignore_ascii_case(last_part(key));
    by_spelling.map(|(_, candidate)| candidate).or_else(|| candidates.clone().find(misplaced))
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Insertions, deletions, substitutions and swaps of neighbours between two keys (optimal string alignment); case and
/// `-` for `_` cost nothing.
fn slips(a: &str, b: &str) -> usize {
    let fold = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let (a, b) = (fold(a), fold(b));
    let mut rows = [Vec::new(), (0..=b.len()).collect::<Vec<_>>(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        let [before, last, current] = &mut rows;
        current.clear();
        current.push(i);
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = substituted.min(last[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            current.push(least);
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = ["parallelism", "state", "state.backend", "state.rocksdb.preset", "checkpoint.interval"];

    #[test]
    fn a_slip_of_the_pen_finds_its_key() {
        for (written, meant) in [
            ("state.rocksdb.presett", "state.rocksdb.preset"),
            ("state.roksdb.preset", "state.rocksdb.preset"),
            ("sttae", "state"),
            ("paralelism", "parallelism"),
            ("State.Backend", "state.backend"),
            ("preset", "state.rocksdb.preset"),
            ("interval", "checkpoint.interval"),
        ] {
            assert_eq!(nearest(written, KEYS.into_iter()), Some(meant), "{written}");
        }
    }

    #[test]
    fn what_is_like_no_key_gets_no_suggestion() {
        for written in ["", ".", "windows", "state.rocksdb.foo", "ключ", &"x".repeat(100_000)] {
            assert_eq!(nearest(written, KEYS.into_iter()), None, "{written}");
        }
    }

    #[test]
    fn slips_count_edits_and_swaps() {
        for (a, b, count) in [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("ab", "ba", 1), ("kitten", "sitting", 3)] {
            assert_eq!(slips(a, b), count, "{a} {b}");
        }
    }
}
