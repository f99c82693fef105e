//! Reading single keys and many.

use super::{KeyValueState, lifetimes::Verdict, limits::check_key, metrics::Operation, run::Single};
use crate::{run::RunEntry, ttl::Stamp};
use gress_core::Result;

impl KeyValueState {
    /// The value of `key`, copied; `None` if there is none.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get_with(key, <[u8]>::to_vec)
    }

    /// What `read` makes of the value of `key`, which is not copied; `None` if there is none. `read` must not call the
    /// state.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`].
    pub fn get_with<R>(&self, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> Result<Option<R>> {
        self.measured(Operation::Get, || {
            check_key(key)?;
            let (mut read, mut found, mut verdict) = (Some(read), None, Ok(Verdict::Gone));
            let mut take = |value: &[u8]| {
                self.meter.read(value.len());
                found = read.take().map(|read| read(value));
            };
            self.entries.get(key, &mut |stored| {
                verdict = self.lifetimes.judge(stored).map(|(verdict, value)| {
                    if matches!(verdict, Verdict::Live | Verdict::Renewed) {
                        take(value);
                    }
                    verdict
                });
            })?;
            match verdict? {
                Verdict::Gone | Verdict::Live => {}
                Verdict::Renewed => self.settle(key, &mut |_| ())?,
                Verdict::Last => self.settle(key, &mut take)?,
            }
            if found.is_none() {
                self.meter.missed(1);
            }
            Ok(found)
        })
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`].
    pub fn contains_key(&self, key: &[u8]) -> Result<bool> {
        self.get_with(key, |_| ()).map(|found| found.is_some())
    }

    /// The values of `keys`, in their order, copied. Inside they are read in order of the keys, all at once.
    ///
    /// # Errors
    /// As for every method of [`KeyValueState`].
    pub fn batch_get<K: AsRef<[u8]>>(&self, keys: impl IntoIterator<Item = K>) -> Result<Vec<Option<Vec<u8>>>> {
        self.measured(Operation::MultiGet, || {
            let keys: Vec<K> = keys.into_iter().collect();
            keys.iter().try_for_each(|key| check_key(key.as_ref()))?;
            let mut by_key: Vec<(&[u8], usize)> = keys.iter().enumerate().map(|(at, key)| (key.as_ref(), at)).collect();
            by_key.sort_unstable();
            let mut sorted: Vec<&[u8]> = by_key.iter().map(|(key, _)| *key).collect();
            sorted.dedup();
            let found = self.read_sorted(&sorted)?;
            Ok(in_order_of_request(&by_key, &sorted, found))
        })
    }

    fn read_sorted(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut found = vec![None; keys.len()];
        let (mut renewed, mut last, mut damaged) = (Vec::new(), Vec::new(), None);
        self.entries.multi_get(keys, &mut |at, stored| match stored.map(|stored| self.lifetimes.judge(stored)) {
            None | Some(Ok((Verdict::Gone, _))) => {}
            Some(Ok((Verdict::Last, _))) => last.push(at),
            Some(Ok((verdict, value))) => {
                found[at] = Some(value.to_vec());
                if verdict == Verdict::Renewed {
                    renewed.push(at);
                }
            }
            Some(Err(error)) => damaged = Some(error),
        })?;
        damaged.map_or(Ok(()), Err)?;
        renewed.into_iter().try_for_each(|at| self.settle(keys[at], &mut |_| ()))?;
        last.into_iter().try_for_each(|at| self.settle(keys[at], &mut |value| found[at] = Some(value.to_vec())))?;
        self.meter.missed(found.iter().filter(|value| value.is_none()).count() as u64);
        self.meter.read(found.iter().flatten().map(Vec::len).sum());
        Ok(found)
    }

    /// Renews an entry, or removes one that has expired, and lends its value before: whoever has the turn is the one who
    /// is given an expired value. Where somebody else has written it since, it is left alone and lent as it is now.
    fn settle(&self, key: &[u8], lend: &mut dyn FnMut(&[u8])) -> Result<()> {
        let _turn = self.turns.at([key]);
        let mut outcome = Ok(None);
        self.entries.get(key, &mut |stored| {
            outcome = self.lifetimes.judge(stored).map(|(verdict, value)| {
                if verdict != Verdict::Gone {
                    lend(value);
                }
                match verdict {
                    Verdict::Last => Some(None),
                    Verdict::Renewed => Some(Some(value.to_vec())),
                    Verdict::Gone | Verdict::Live => None,
                }
            });
        })?;
        match outcome? {
            None => Ok(()),
            Some(None) => self.apply(&mut Single::new(RunEntry::Delete { key })),
            Some(Some(value)) => {
                let mut stored = Vec::with_capacity(Stamp::MAX_LEN + value.len());
                self.lifetimes.stamp()?.encode(&mut stored);
                stored.extend_from_slice(&value);
                self.apply(&mut Single::new(RunEntry::Put { key, value: &stored }))
            }
        }
    }
}

/// Deals values of sorted, distinct keys out to the places that asked for them.
fn in_order_of_request(
    by_key: &[(&[u8], usize)],
    sorted: &[&[u8]],
    mut found: Vec<Option<Vec<u8>>>,
) -> Vec<Option<Vec<u8>>> {
    let mut values = vec![None; by_key.len()];
    let mut at = 0;
    for (nth, (key, place)) in by_key.iter().enumerate() {
        if *key != sorted[at] {
            at += 1;
        }
        let again = by_key.get(nth + 1).is_some_and(|(next, _)| next == key);
        values[*place] = if again { found[at].clone() } else { found[at].take() };
    }
    values
}
