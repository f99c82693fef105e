//! Scans over many entries that have expired and that nothing has removed yet.

use gress_core::{Result, StateName, Timestamp};
use gress_state::{
    BackendFactory, BackendStats, CheckpointFile, EachRow, KeyRange, KeyValueOptions, KeyValueState, ManualWallClock,
    StateBackend, StateStore, Ttl, memory::MemoryFactory, run::RunCursor,
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

#[test]
fn a_scan_passes_many_expired_entries_in_few_steps() {
    let (clock, scans) = (Arc::new(ManualWallClock::default()), Arc::new(AtomicUsize::new(0)));
    let factory = Counting(scans.clone());
    let ttl = Ttl::after(Duration::from_millis(100));
    let state =
        KeyValueState::open(&factory, Path::new(""), KeyValueOptions::default().clock(clock.clone()).ttl(ttl)).unwrap();
    state.batch_put((0..50_000_u32).map(|n| (n.to_be_bytes(), "old"))).unwrap();
    clock.set(Timestamp::from_millis(50));
    for key in [30_000_u32, 40_000, 40_001] {
        state.put(&key.to_be_bytes(), b"new").unwrap();
    }
    clock.set(Timestamp::from_millis(100));
    let slice = state.scan(KeyRange { lower: b"", upper: None }, 2).unwrap();
    let keys: Vec<_> = slice.entries.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [30_000_u32, 40_000].map(|key| key.to_be_bytes().to_vec()));
    assert_eq!(slice.next, Some(40_001_u32.to_be_bytes().to_vec()), "what was read beyond the limit is not lost");
    assert!(scans.load(Relaxed) < 300, "{} steps", scans.load(Relaxed));
}

/// Memory backends that count the scans of their stores.
#[derive(Debug)]
struct Counting(Arc<AtomicUsize>);

impl BackendFactory for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn open(&self, directory: &Path) -> Result<Box<dyn StateBackend>> {
        Ok(Box::new(CountingBackend { inner: MemoryFactory.open(directory)?, scans: self.0.clone() }))
    }

    fn open_copy(&self, copy: &Path, directory: &Path) -> Result<Box<dyn StateBackend>> {
        MemoryFactory.open_copy(copy, directory)
    }
}

/// Opens stores without an expiry, so that nothing is cleaned up.
#[derive(Debug)]
struct CountingBackend {
    inner: Box<dyn StateBackend>,
    scans: Arc<AtomicUsize>,
}

impl StateBackend for CountingBackend {
    fn open_store(&self, name: &StateName) -> Result<Box<dyn StateStore>> {
        Ok(Box::new(CountingStore { inner: self.inner.open_store(name)?, scans: self.scans.clone() }))
    }

    fn flush(&self) -> Result<()> {
        self.inner.flush()
    }

    fn compact(&self) -> Result<()> {
        self.inner.compact()
    }

    fn checkpoint(&self, directory: &Path) -> Result<Vec<CheckpointFile>> {
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

#[derive(Debug)]
struct CountingStore {
    inner: Box<dyn StateStore>,
    scans: Arc<AtomicUsize>,
}

impl StateStore for CountingStore {
    fn get(&self, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool> {
        self.inner.get(key, read)
    }

    fn multi_get(&self, keys: &[&[u8]], read: &mut dyn FnMut(usize, Option<&[u8]>)) -> Result<()> {
        self.inner.multi_get(keys, read)
    }

    fn scan(&self, range: KeyRange<'_>, limit: usize, row: &mut dyn FnMut(&[u8], &[u8])) -> Result<Option<Vec<u8>>> {
        self.scans.fetch_add(1, Relaxed);
        self.inner.scan(range, limit, row)
    }

    fn snapshot(&self, row: &mut EachRow<'_>) -> Result<()> {
        self.inner.snapshot(row)
    }

    fn apply_run(&self, run: &mut dyn RunCursor) -> Result<()> {
        self.inner.apply_run(run)
    }
}
