//! The entries of a store as they stood at one moment, while writers go on.
//!
//! ```text
//!  writer ──replaces or removes an entry──▶ map          view ──▶ kept, else map ──▶ row
//!     └──what was there, the first time──▶ kept of each open view
//! ```
//!
//! A view takes memory only for what changes ahead of its reader.

use crate::memory::content::{Map, Row};
use std::{
    collections::BTreeMap,
    iter::Peekable,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// Rows that are copied at once, under the lock of the content.
const ROWS: usize = 512;
/// Bytes of rows after which a slice ends early.
const BYTES: usize = 1 << 20;

/// All views that are being read.
#[derive(Default)]
pub(super) struct Views(Vec<Weak<View>>);

/// A moment of a store, and how far it was read.
#[derive(Default)]
pub(super) struct View(Mutex<Reading>);

#[derive(Default)]
struct Reading {
    /// Entries as they stood, where they have changed since; `None` for those that were not there.
    kept: BTreeMap<Box<[u8]>, Option<Box<[u8]>>>,
    /// The last key that was read.
    read_to: Option<Box<[u8]>>,
}

impl Views {
    pub(super) fn open(&mut self) -> Arc<View> {
        self.0.retain(|view| view.strong_count() > 0);
        let view = Arc::new(View::default());
        self.0.push(Arc::downgrade(&view));
        view
    }

    /// The entry `key` has changed, and was `before`.
    pub(super) fn keep(&mut self, key: &[u8], before: Option<Box<[u8]>>) {
        for view in self.0.iter().filter_map(Weak::upgrade) {
            let mut reading = view.lock();
            let is_read = reading.read_to.as_deref().is_some_and(|read_to| key <= read_to);
            if !is_read && !reading.kept.contains_key(key) {
                reading.kept.insert(key.into(), before.clone());
            }
        }
    }
}

impl View {
    /// Appends the next rows.
    pub(super) fn read(&self, map: &Map, rows: &mut Vec<Row>) {
        let reading = &mut *self.lock();
        let after = reading.read_to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut live = map.range::<[u8], _>((after, Bound::Unbounded)).peekable();
        let mut kept = reading.kept.range::<[u8], _>((after, Bound::Unbounded)).peekable();
        let mut bytes = 0;
        while rows.len() < ROWS && bytes < BYTES {
            let Some((key, value)) = next(&mut live, &mut kept) else { break };
            bytes += key.len() + value.len();
            rows.push((key.into(), value.into()));
        }
        if let Some((last, _)) = rows.last() {
            reading.kept = reading.kept.split_off(last);
            reading.read_to = Some(last.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next row of two ordered sources, of which `kept` hides `live`.
fn next<'a>(
    live: &mut Peekable<impl Iterator<Item = (&'a Box<[u8]>, &'a Box<[u8]>)>>,
    kept: &mut Peekable<impl Iterator<Item = (&'a Box<[u8]>, &'a Option<Box<[u8]>>)>>,
) -> Option<(&'a [u8], &'a [u8])> {
    loop {
        let live_key = live.peek().map(|(key, _)| &***key);
        let kept_key = kept.peek().map(|(key, _)| &***key);
        let from_kept = match (live_key, kept_key) {
            (None, None) => return None,
            (Some(live), Some(kept)) => kept <= live,
            (live, _) => live.is_none(),
        };
        if !from_kept {
            return live.next().map(|(key, value)| (&**key, &**value));
        }
        if live_key == kept_key {
            live.next();
        }
        if let Some((key, Some(value))) = kept.next() {
            return Some((key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::memory::content::{Change, Content};

    fn put(content: &mut Content, key: &str, value: &str) {
        content.apply(vec![Change::Put(key.as_bytes().into(), value.as_bytes().into())]);
    }

    #[test]
    fn a_view_shows_what_was_there_however_it_changes() {
        let mut content = Content::default();
        ["b", "d", "f"].iter().for_each(|key| put(&mut content, key, "old"));
        let view = content.open_view();
        ["a", "b", "e"].iter().for_each(|key| put(&mut content, key, "new"));
        put(&mut content, "b", "newer");
        content.apply(vec![Change::DeleteRange(b"c"[..].into(), b"z"[..].into())]);
        let mut rows = Vec::new();
        content.read_view(&view, &mut rows);
        let rows: Vec<_> = rows.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(rows, [(&b"b"[..], &b"old"[..]), (b"d", b"old"), (b"f", b"old")]);
    }

    #[test]
    fn a_view_is_read_in_slices_and_ends() {
        let mut content = Content::default();
        (0..1_300).for_each(|n| put(&mut content, &format!("{n:04}"), "v"));
        let view = content.open_view();
        let mut all = 0;
        loop {
            let mut rows = Vec::new();
            content.read_view(&view, &mut rows);
            if rows.is_empty() {
                break;
            }
            all += rows.len();
            // Behind and ahead of the reader.
            put(&mut content, "0000", "w");
            put(&mut content, "1299", "w");
            put(&mut content, "9999", "w");
            assert!(rows.iter().all(|(_, value)| **value == *b"v"));
        }
        assert_eq!(all, 1_300);
    }
}
