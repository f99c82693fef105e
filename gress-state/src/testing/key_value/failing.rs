//! A backend whose disk stops taking writes: what the state makes of it.

use super::place::{ALL, refused};
use crate::{
    backend::{BackendFactory, BackendStats, CheckpointFile, StateBackend},
    key_value::{Batch, KeyValueOptions, KeyValueState},
    memory::MemoryFactory,
    run::RunCursor,
    store::{EachRow, KeyRange, StateStore},
};
use gress_core::{Error, ErrorKind, Result, StateName};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A backend of memory that refuses writes and flushes while its disk is full.
#[derive(Debug)]
struct Failing {
    inner: Box<dyn StateBackend>,
    is_full: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FailingStore {
    inner: Box<dyn StateStore>,
    is_full: Arc<AtomicBool>,
}

fn check(is_full: &AtomicBool) -> Result<()> {
    match is_full.load(Ordering::Relaxed) {
        true => Err(Error::storage("no space is left")),
        false => Ok(()),
    }
}

impl StateStore for FailingStore {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool> {
        self.inner.get(key, read)
    }

    fn multi_get(&self, keys: &[&[u8]], read: &mut dyn FnMut(usize, Option<&[u8]>)) -> Result<()> {
        self.inner.multi_get(keys, read)
    }

    fn scan(&self, range: KeyRange<'_>, limit: usize, row: &mut dyn FnMut(&[u8], &[u8])) -> Result<Option<Vec<u8>>> {
        self.inner.scan(range, limit, row)
    }

    fn snapshot(&self, row: &mut EachRow<'_>) -> Result<()> {
        self.inner.snapshot(row)
    }

    fn apply_run(&self, run: &mut dyn RunCursor) -> Result<()> {
        check(&self.is_full)?;
        self.inner.apply_run(run)
    }
}

impl StateBackend for Failing {
    fn open_store(&self, name: &StateName) -> Result<Box<dyn StateStore>> {
        let inner = self.inner.open_store(name)?;
        Ok(Box::new(FailingStore { inner, is_full: self.is_full.clone() }))
    }

    fn flush(&self) -> Result<()> {
        check(&self.is_full)
    }

    fn compact(&self) -> Result<()> {
        check(&self.is_full)
    }

    fn checkpoint(&self, directory: &Path) -> Result<Vec<CheckpointFile>> {
        check(&self.is_full)?;
        self.inner.checkpoint(directory)
    }

    fn stats(&self) -> Result<BackendStats> {
        self.inner.stats()
    }

    fn property(&self, name: &str) -> Result<Option<String>> {
        self.inner.property(name)
    }

    fn close(&self) -> Result<()> {
        self.inner.close()
    }
}

fn open() -> (KeyValueState, Arc<AtomicBool>) {
    let is_full = Arc::new(AtomicBool::new(false));
    let inner = MemoryFactory.open(Path::new("")).unwrap();
    let backend = Box::new(Failing { inner, is_full: is_full.clone() });
    (KeyValueState::over(backend, "failing", KeyValueOptions::default()).unwrap(), is_full)
}

#[test]
fn the_first_failed_write_ends_all_writes_and_reads_go_on() {
    let (state, is_full) = open();
    state.put(b"a", b"1").unwrap();
    is_full.store(true, Ordering::Relaxed);
    let told = refused(state.put(b"b", b"2"), ErrorKind::Storage);
    assert_eq!(told, "no space is left");
    // Space is made: nobody knows any more what the disk holds.
    is_full.store(false, Ordering::Relaxed);
    let mut batch = Batch::default();
    batch.put(b"b", b"2");
    let mut stream = Vec::new();
    state.snapshot(&mut stream).unwrap();
    let outcomes = [
        state.put(b"b", b"2"),
        state.delete(b"a"),
        state.delete_range(ALL),
        state.batch_put([("b", "2")]),
        state.batch_delete(["a"]),
        state.write(&batch),
        state.restore(&stream[..]).map(drop),
        state.flush(),
        state.compact(),
    ];
    for outcome in outcomes {
        let told = refused(outcome, ErrorKind::Storage);
        assert!(told.contains("opened anew") && told.contains("no space is left"), "{told}");
    }
    assert_eq!(state.get(b"a").unwrap(), Some(b"1".to_vec()));
    assert_eq!(state.batch_get(["a", "b"]).unwrap(), [Some(b"1".to_vec()), None]);
    assert_eq!(state.scan(ALL, 9).unwrap().entries.len(), 1);
    assert_eq!(state.metrics().errors, 7);
    state.close().unwrap();
    refused(state.get(b"a"), ErrorKind::Closed);
}

#[test]
fn a_failed_flush_ends_all_writes_and_a_bad_argument_ends_none() {
    let (state, is_full) = open();
    refused(state.put(&[0; 100_000], b""), ErrorKind::Argument);
    state.put(b"a", b"1").unwrap();
    is_full.store(true, Ordering::Relaxed);
    refused(state.flush(), ErrorKind::Storage);
    is_full.store(false, Ordering::Relaxed);
    refused(state.put(b"a", b"2"), ErrorKind::Storage);
    assert_eq!(state.get(b"a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_checkpoint_that_fails_leaves_nothing_and_ends_no_writes() {
    let (state, is_full) = open();
    let scratch = crate::testing::Scratch::new();
    is_full.store(true, Ordering::Relaxed);
    refused(state.create_checkpoint(scratch.path().join("copy")), ErrorKind::Storage);
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    is_full.store(false, Ordering::Relaxed);
    state.put(b"a", b"1").unwrap();
    state.create_checkpoint(scratch.path().join("copy")).unwrap();
}
