//! Key ranges in which nothing is, as a structure that knows no store.
//!
//! ```text
//!   keys       a   b . . . . . . . . m   n . . . . q   r
//!   ranges        [b\0, m) 9000         [n\0, q) 300          each with about how many deletes lie in it
//!   put "f"       [b\0, f) 4500  [f\0, m) 4500  …  300        where they lie is not known: each part may have half
//! ```
//!
//! It is a hint that is always true: whatever it says is empty is, and it may forget anything at any time.

use gress_state::KeyRange;
use std::sync::Arc;

/// Ranges that are kept. Those with the fewest deletes are forgotten first.
const RANGES_MAX: usize = 512;
/// Deletes from which on a range is kept. To go around them takes a scan what it takes to go over about so many.
pub(crate) const DELETES_MIN: u64 = 64;
/// Bytes of a bound; ranges with longer ones are not kept. Both bound the memory: 1 MiB a store.
const BOUND_BYTES_MAX: usize = 1 << 10;

/// Disjoint ranges in ascending order, none of which touches the next one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    ranges: Vec<Range>,
}

#[derive(Clone, Debug)]
struct Range {
    start: Arc<[u8]>,
    /// `None`: there is nothing after it.
    end: Option<Arc<[u8]>>,
    /// An estimate.
    deletes: u64,
}

impl Known {
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many ranges it knows.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.around(key).is_some()
    }

    /// Whether it knows of keys from `first` to `last`, both included.
    pub(crate) fn meets(&self, first: &[u8], last: &[u8]) -> bool {
        let index = self.ranges.partition_point(|range| range.ends_by(first));
        self.ranges.get(index).is_some_and(|range| *range.start <= *last)
    }

    /// The range that `key` lies in.
    pub(crate) fn around(&self, key: &[u8]) -> Option<KeyRange<'_>> {
        let index = self.ranges.partition_point(|range| *range.start <= *key).checked_sub(1)?;
        let range = &self.ranges[index];
        (!range.ends_by(key)).then(|| range.keys())
    }

    /// The last range that begins before `key`.
    pub(crate) fn before(&self, key: &[u8]) -> Option<KeyRange<'_>> {
        let index = self.ranges.partition_point(|range| *range.start < *key).checked_sub(1)?;
        Some(self.ranges[index].keys())
    }

    /// Where the first range begins that begins after `key`.
    pub(crate) fn start_after(&self, key: &[u8]) -> Option<&[u8]> {
        let index = self.ranges.partition_point(|range| *range.start <= *key);
        self.ranges.get(index).map(|range| &*range.start)
    }

    /// Nothing is in `range`, where so much was deleted beside what is known.
    pub(crate) fn add(&mut self, range: KeyRange<'_>, deletes: u64) {
        let KeyRange { lower, upper } = range;
        let is_long = |bound: &[u8]| bound.len() > BOUND_BYTES_MAX;
        if upper.is_some_and(|upper| upper <= lower) || is_long(lower) || upper.is_some_and(is_long) {
            return;
        }
        // Those that it overlaps or touches become one with it.
        let from = self.ranges.partition_point(|range| range.end.as_deref().is_some_and(|end| end < lower));
        let to = self.ranges.partition_point(|range| upper.is_none_or(|upper| *range.start <= *upper));
        let mut all = Range { start: lower.into(), end: upper.map(Arc::from), deletes };
        for range in &self.ranges[from..to] {
            if range.start < all.start {
                all.start = range.start.clone();
            }
            if all.end.as_deref().is_some_and(|end| !range.ends_by(end)) {
                all.end = range.end.clone();
            }
            all.deletes = all.deletes.saturating_add(range.deletes);
        }
        let kept = (all.deletes >= DELETES_MIN).then_some(all);
        self.ranges.splice(from..to, kept);
        self.forget();
    }

    /// Something is about to be at `key`.
    pub(crate) fn cut(&mut self, key: &[u8]) {
        self.cut_all(key, key);
    }

    /// Something is about to be at keys from `first` to `last`, both included.
    pub(crate) fn cut_all(&mut self, first: &[u8], last: &[u8]) {
        let from = self.ranges.partition_point(|range| range.ends_by(first));
        let to = self.ranges.partition_point(|range| *range.start <= *last);
        if from >= to {
            return;
        }
        let (left, right) = (self.ranges[from].before(first), self.ranges[to - 1].from(&after(last)));
        let is_split = left.is_some() && right.is_some();
        let parts = [left, right].into_iter().flatten().filter_map(|mut part| {
            part.deletes /= if is_split { 2 } else { 1 };
            part.is_kept().then_some(part)
        });
        self.ranges.splice(from..to, parts.collect::<Vec<_>>());
        self.forget();
    }

    /// Back to as many as are kept.
    fn forget(&mut self) {
        while self.ranges.len() > RANGES_MAX {
            let fewest = self.ranges.iter().enumerate().min_by_key(|(_, range)| range.deletes);
            let Some(index) = fewest.map(|(index, _)| index) else { return };
            self.ranges.remove(index);
        }
    }
}

impl Range {
    /// Whether all of it lies before `key`.
    fn ends_by(&self, key: &[u8]) -> bool {
        self.end.as_deref().is_some_and(|end| end <= key)
    }

    fn keys(&self) -> KeyRange<'_> {
        KeyRange { lower: &self.start, upper: self.end.as_deref() }
    }

    fn before(&self, key: &[u8]) -> Option<Range> {
        (*self.start < *key).then(|| Range { end: Some(key.into()), ..self.clone() })
    }

    fn from(&self, key: &[u8]) -> Option<Range> {
        (!self.ends_by(key)).then(|| Range { start: key.into(), ..self.clone() })
    }

    fn is_kept(&self) -> bool {
        let is_short = |bound: &[u8]| bound.len() <= BOUND_BYTES_MAX;
        self.deletes >= DELETES_MIN && is_short(&self.start) && self.end.as_deref().is_none_or(is_short)
    }
}

/// The first key after `key`.
pub(crate) fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::select};
    use std::collections::BTreeSet;

    /// More than any test halves.
    const PLENTY: u64 = 1 << 40;

    #[derive(Clone, Debug)]
    enum Step {
        Add { lower: Vec<u8>, upper: Option<Vec<u8>>, deletes: u64 },
        Cut { first: Vec<u8>, last: Vec<u8> },
    }

    /// Every key of at most three of three letters: also those between which nothing is.
    fn keys() -> Vec<Vec<u8>> {
        let longer = |keys: &[Vec<u8>]| -> Vec<Vec<u8>> {
            keys.iter().flat_map(|key| [0, 1, 255].map(|letter| [&key[..], &[letter]].concat())).collect()
        };
        let one = longer(&[Vec::new()]);
        let two = longer(&one);
        let three = longer(&two);
        [vec![Vec::new()], one, two, three].concat()
    }

    fn steps(deletes: impl Strategy<Value = u64> + Clone + 'static) -> impl Strategy<Value = Vec<Step>> {
        let add = (select(keys()), proptest::option::weighted(0.9, select(keys())), deletes)
            .prop_map(|(lower, upper, deletes)| Step::Add { lower, upper, deletes });
        let cut = select(keys()).prop_map(|key| Step::Cut { first: key.clone(), last: key });
        let cut_all = (select(keys()), select(keys()))
            .prop_map(|(one, other)| Step::Cut { first: one.clone().min(other.clone()), last: one.max(other) });
        proptest::collection::vec(prop_oneof![4 => add, 5 => cut, 1 => cut_all], 1..40)
    }

    /// The keys of which it is known that nothing is there, kept one by one.
    #[derive(Default)]
    struct Model(BTreeSet<Vec<u8>>);

    impl Model {
        fn step(&mut self, step: &Step) {
            match step {
                Step::Add { lower, upper, .. } => {
                    let inside = |key: &Vec<u8>| key >= lower && upper.as_ref().is_none_or(|upper| key < upper);
                    self.0.extend(keys().into_iter().filter(inside));
                }
                Step::Cut { first, last } => self.0.retain(|key| key < first || key > last),
            }
        }
    }

    fn step(known: &mut Known, step: &Step) {
        match step {
            Step::Add { lower, upper, deletes } => {
                known.add(KeyRange { lower, upper: upper.as_deref() }, *deletes);
            }
            Step::Cut { first, last } if first == last => known.cut(first),
            Step::Cut { first, last } => known.cut_all(first, last),
        }
    }

    fn is_in_order(known: &Known) -> bool {
        let apart = |pair: &[Range]| pair[0].end.as_deref().is_some_and(|end| *end < *pair[1].start);
        known.ranges.windows(2).all(apart)
            && known.ranges.iter().all(|range| !range.ends_by(&range.start) && range.is_kept())
            && known.ranges.len() <= RANGES_MAX
    }

    proptest! {
        #[test]
        fn it_knows_exactly_what_a_set_of_keys_does(steps in steps(Just(PLENTY))) {
            let (mut known, mut model) = (Known::default(), Model::default());
            for next in &steps {
                step(&mut known, next);
                model.step(next);
                prop_assert!(is_in_order(&known), "{known:?}");
                for key in keys() {
                    prop_assert_eq!(known.contains(&key), model.0.contains(&key), "{:?} after {:?}", key, next);
                }
            }
        }

        #[test]
        fn it_forgets_what_has_few_deletes_and_never_knows_too_much(steps in steps(0..4 * DELETES_MIN)) {
            let (mut known, mut model) = (Known::default(), Model::default());
            for next in &steps {
                step(&mut known, next);
                model.step(next);
                prop_assert!(is_in_order(&known), "{known:?}");
                prop_assert!(keys().iter().all(|key| !known.contains(key) || model.0.contains(key)), "{known:?}");
            }
        }

        #[test]
        fn its_ways_to_ask_agree(steps in steps(Just(PLENTY)), key in select(keys()), other in select(keys())) {
            let mut known = Known::default();
            steps.iter().for_each(|next| step(&mut known, next));
            let (first, last) = (key.clone().min(other.clone()), key.clone().max(other));
            let mut cut = known.clone();
            cut.cut_all(&first, &last);
            // Also where it knows only of keys that are longer than those here.
            prop_assert_eq!(known.meets(&first, &last), format!("{known:?}") != format!("{cut:?}"));
            prop_assert!(!cut.meets(&first, &last));
            let starts: Vec<&[u8]> = known.ranges.iter().map(|range| &*range.start).collect();
            prop_assert_eq!(known.start_after(&key), starts.iter().copied().find(|start| *start > &key[..]));
            let before = starts.iter().rev().copied().find(|start| *start < &key[..]);
            prop_assert_eq!(known.before(&key).map(|range| range.lower), before);
            let around = known.around(&key);
            prop_assert!(around.is_none_or(|range| range.lower <= &key[..] && range.upper.is_none_or(|u| u > &key[..])));
        }
    }

    fn add(known: &mut Known, lower: &[u8], upper: &[u8], deletes: u64) {
        known.add(KeyRange { lower, upper: Some(upper) }, deletes);
    }

    #[test]
    fn each_part_of_a_range_has_half_of_its_deletes_until_they_are_few() {
        let mut known = Known::default();
        add(&mut known, b"a", b"z", 4 * DELETES_MIN);
        known.cut(b"m");
        let deletes: Vec<u64> = known.ranges.iter().map(|range| range.deletes).collect();
        assert_eq!(deletes, [2 * DELETES_MIN; 2]);
        known.cut(b"n");
        known.cut(b"o");
        assert!(known.contains(b"b") && !known.contains(b"m") && !known.contains(b"x"));
        known.cut(b"a");
        assert!(known.contains(b"b"), "at an end nothing is split");
    }

    #[test]
    fn ranges_that_touch_become_one_also_by_what_lies_between_and_is_little() {
        let mut known = Known::default();
        add(&mut known, b"a", b"b", DELETES_MIN);
        add(&mut known, b"c", b"d", DELETES_MIN);
        add(&mut known, b"b", b"c", 0);
        assert_eq!(known.ranges.len(), 1);
        assert_eq!(known.ranges[0].deletes, 2 * DELETES_MIN);
        add(&mut known, b"x", b"y", DELETES_MIN - 1);
        assert!(!known.contains(b"x"));
    }

    #[test]
    fn the_ranges_with_the_fewest_deletes_are_forgotten_when_there_are_too_many() {
        let mut known = Known::default();
        for n in 0..2 * RANGES_MAX as u64 {
            let key = (2 * n).to_be_bytes();
            let deletes = if n % 2 == 0 { 2 * DELETES_MIN } else { DELETES_MIN };
            add(&mut known, &key, &after(&key), deletes);
        }
        assert_eq!(known.ranges.len(), RANGES_MAX);
        assert!(known.ranges.iter().all(|range| range.deletes == 2 * DELETES_MIN));
    }

    #[test]
    fn ranges_with_long_bounds_are_not_kept() {
        let mut known = Known::default();
        let long = [b'm'; BOUND_BYTES_MAX + 1];
        add(&mut known, b"a", &long, PLENTY);
        add(&mut known, &long, b"z", PLENTY);
        assert!(known.is_empty());
        add(&mut known, b"a", b"z", PLENTY);
        known.cut(&long);
        assert!(known.is_empty());
    }
}
