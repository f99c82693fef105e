//! A walk over the elements of one key in ascending order: live ones over the rows of the store.

use super::{
    Head, MapTable,
    head::{is_empty, push_prefix},
};
use crate::{
    key::{Key, MapKey, StateKey},
    store::prefix_end,
    value::StateValue,
};
use gress_core::Result;
use std::{collections::VecDeque, ops::Bound, rc::Rc};

/// Rows of the first look at the store; each further look takes four times as many.
const FIRST_ROWS: usize = 16;
/// Rows that a look takes at most.
const ROWS_MAX: usize = 1024;

/// An element's encoding and its stored bytes.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// How far a walk has come. It holds copies of a slice of rows and no borrow of the table, which may change under it.
pub(crate) struct Walk {
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
    rows: VecDeque<Row>,
    /// The store key to go on from; `None` if all rows have been read.
    next: Option<Vec<u8>>,
    /// The first store key that is not part of it.
    end: Option<Vec<u8>>,
    prefix_len: usize,
    slice: usize,
}

/// What a walk meets.
pub(crate) enum Met {
    /// An element with a slot: it may be known to be absent.
    Live(Rc<[u8]>, u32),
    /// An element that only the store has.
    Row(Vec<u8>, Vec<u8>),
}

impl Met {
    /// The element's encoding.
    pub(crate) fn element(&self) -> &[u8] {
        match self {
            Met::Live(element, _) => element,
            Met::Row(element, _) => element,
        }
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(bytes) => Bound::Included(bytes),
        Bound::Excluded(bytes) => Bound::Excluded(bytes),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// The first store key behind `prefix` that a lower bound lets in, or the first that an upper bound shuts out.
fn store_key(prefix: &[u8], element: &[u8], after: bool) -> Vec<u8> {
    let mut bytes = [prefix, element].concat();
    if after {
        bytes.push(0);
    }
    bytes
}

impl Walk {
    /// A walk between two bounds of encoded elements. With `store`, over what the store has, too.
    pub(crate) fn new<K: StateKey>(
        key: &Key<K>,
        lower: Bound<Vec<u8>>,
        upper: Bound<Vec<u8>>,
        store: bool,
    ) -> Result<Self> {
        let mut prefix = Vec::new();
        push_prefix(key, &mut prefix)?;
        let first = match &lower {
            Bound::Included(element) => store_key(&prefix, element, false),
            Bound::Excluded(element) => store_key(&prefix, element, true),
            Bound::Unbounded => prefix.clone(),
        };
        let end = match &upper {
            Bound::Included(element) => Some(store_key(&prefix, element, true)),
            Bound::Excluded(element) => Some(store_key(&prefix, element, false)),
            Bound::Unbounded => prefix_end(&prefix),
        };
        let some = store && !is_empty(as_slice(&lower), as_slice(&upper));
        let (prefix_len, next) = (prefix.len(), some.then_some(first));
        Ok(Walk { lower, upper, rows: VecDeque::new(), next, end, prefix_len, slice: FIRST_ROWS })
    }

    /// A walk over everything that begins with these rows and goes on from this store key.
    pub(super) fn all<K: StateKey>(key: &Key<K>, rows: VecDeque<Row>, next: Option<Vec<u8>>) -> Result<Self> {
        let walk = Walk::new(key, Bound::Unbounded, Bound::Unbounded, false)?;
        Ok(Walk { rows, next, slice: ROWS_MAX, ..walk })
    }

    /// The next element. User code may run between two calls, not in one.
    pub(crate) fn step<K: StateKey, E: MapKey, V: StateValue>(
        &mut self,
        head: Option<&Head<K>>,
        table: &MapTable<K, E, V>,
    ) -> Result<Option<Met>> {
        while self.rows.is_empty()
            && let Some(from) = self.next.take()
        {
            (self.rows, self.next) = table.rows(&from, self.end.as_deref(), self.prefix_len, self.slice)?;
            self.slice = ROWS_MAX.min(self.slice * 4);
        }
        let live = head.and_then(|head| head.first(as_slice(&self.lower), as_slice(&self.upper)));
        let met = match (live, self.rows.front()) {
            (None, None) => return Ok(None),
            (Some((element, at)), Some((row, _))) if *element <= **row => {
                if *element == **row {
                    // What is live is newer.
                    self.rows.pop_front();
                }
                Met::Live(element, at)
            }
            (Some((element, at)), None) => Met::Live(element, at),
            (_, Some(_)) => match self.rows.pop_front() {
                Some((element, stored)) => Met::Row(element, stored),
                None => return Ok(None),
            },
        };
        self.lower = Bound::Excluded(met.element().to_vec());
        Ok(Some(met))
    }
}
