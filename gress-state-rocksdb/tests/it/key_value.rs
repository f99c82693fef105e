//! The plain key-value state on RocksDB: what is RocksDB's own about it.

use gress_core::{ByteSize, ErrorKind};
use gress_state::{KeyValueOptions, KeyValueState, ManualWallClock, Ttl, key_value::Batch, testing::Scratch};
use gress_state_rocksdb::{Durability, RocksDbBackend, RocksDbConfig, RocksDbFactory};
use std::{path::Path, sync::Arc, time::Duration};

fn small(path: &Path, durability: Durability) -> RocksDbConfig {
    RocksDbConfig::balanced(path).write_buffer_size(ByteSize::mib(1)).durability(durability)
}

fn open(path: &Path, durability: Durability) -> KeyValueState {
    RocksDbBackend::open(small(path, durability)).expect("the state can be opened")
}

#[test]
fn a_closed_state_is_there_again_in_every_durability() {
    for durability in [Durability::Checkpoint, Durability::Wal, Durability::WalSync] {
        let scratch = Scratch::new();
        let state = open(scratch.path(), durability);
        state.put(b"a", b"1").unwrap();
        state.batch_put((0..20_000_u32).map(|n| (n.to_be_bytes(), b"many"))).unwrap();
        state.close().unwrap();
        state.close().unwrap();
        assert_eq!(state.get(b"a").unwrap_err().kind(), ErrorKind::Closed);
        let state = open(scratch.path(), durability);
        assert_eq!(state.get(b"a").unwrap(), Some(b"1".to_vec()));
        assert_eq!(state.get(&19_999_u32.to_be_bytes()).unwrap(), Some(b"many".to_vec()));
        state.close().unwrap();
    }
}

#[test]
fn with_a_log_a_state_that_was_only_dropped_is_whole() {
    for durability in [Durability::Wal, Durability::WalSync] {
        let scratch = Scratch::new();
        let state = open(scratch.path(), durability);
        state.put(b"a", b"1").unwrap();
        drop(state);
        assert_eq!(open(scratch.path(), durability).get(b"a").unwrap(), Some(b"1".to_vec()));
    }
}

/// What a power cut may leave behind that comes before the name of the first log is on the disk.
#[test]
fn a_state_whose_log_is_gone_opens_with_what_was_flushed() {
    let scratch = Scratch::new();
    let state = open(scratch.path(), Durability::Wal);
    state.put(b"a", b"1").unwrap();
    state.flush().unwrap();
    state.put(b"a", b"2").unwrap();
    state.close().unwrap();
    let paths = std::fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path());
    let logs: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect();
    assert!(!logs.is_empty());
    logs.iter().for_each(|log| std::fs::remove_file(log).unwrap());
    assert_eq!(open(scratch.path(), Durability::Wal).get(b"a").unwrap(), Some(b"1".to_vec()));
}

/// That this is needed, and enough, is shown by the power cuts of the package `gress-power-cut`.
#[test]
fn rocksdb_is_told_to_notice_a_missing_end_of_a_log() {
    let scratch = Scratch::new();
    drop(open(scratch.path(), Durability::Wal));
    let paths = std::fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path());
    let options: Vec<String> = paths
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("OPTIONS-")))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert!(!options.is_empty());
    assert!(options.iter().all(|text| text.contains("track_and_verify_wals=true")));
}

#[test]
fn without_a_log_a_state_that_was_only_dropped_is_refused() {
    let scratch = Scratch::new();
    drop(open(scratch.path(), Durability::Checkpoint));
    for durability in [Durability::Checkpoint, Durability::Wal] {
        let error = RocksDbBackend::open(small(scratch.path(), durability)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("was not closed"), "{error}");
    }
}

#[test]
fn a_directory_has_one_owner_whose_process_is_named() {
    let scratch = Scratch::new();
    let state = open(scratch.path(), Durability::Wal);
    // Reading RocksDB's own lock file would release its lock, but not ours.
    std::fs::read(scratch.path().join("LOCK")).unwrap();
    let error = RocksDbBackend::open(small(scratch.path(), Durability::Wal)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    state.close().unwrap();
    open(scratch.path(), Durability::Wal).close().unwrap();
}

#[test]
fn a_checkpoint_is_hard_links_that_may_be_opened_again_and_again() {
    let scratch = Scratch::new();
    let at = |name: &str| scratch.path().join(name);
    let state = open(&at("state"), Durability::Checkpoint);
    state.batch_put((0..20_000_u32).map(|n| (n.to_be_bytes(), b"old"))).unwrap();
    let first = state.create_checkpoint(at("first")).unwrap();
    state.put(&7_u32.to_be_bytes(), b"new").unwrap();
    let second = state.create_checkpoint(at("second")).unwrap();
    assert!(first.files > 0 && second.bytes > first.bytes, "{first:?} {second:?}");
    assert_eq!(state.create_checkpoint(at("first")).unwrap_err().kind(), ErrorKind::Argument);

    for (nth, (checkpoint, value)) in [("first", b"old"), ("second", b"new"), ("first", b"old")].iter().enumerate() {
        let config = small(&at(&format!("copy-{nth}")), Durability::Wal);
        let copy = RocksDbBackend::open_checkpoint(config, at(checkpoint), KeyValueOptions::default()).unwrap();
        assert_eq!(copy.get(&7_u32.to_be_bytes()).unwrap().unwrap(), *value);
        copy.delete_range(gress_state::KeyRange { lower: b"", upper: None }).unwrap();
        copy.compact().unwrap();
        copy.close().unwrap();
    }
    assert_eq!(state.get(&7_u32.to_be_bytes()).unwrap().unwrap(), b"new");
}

#[test]
fn a_checkpoint_is_not_opened_without_a_directory() {
    let scratch = Scratch::new();
    let state = open(&scratch.path().join("state"), Durability::Wal);
    let checkpoint = scratch.path().join("checkpoint");
    state.create_checkpoint(&checkpoint).unwrap();
    let factory = RocksDbFactory::for_key_values(small(scratch.path(), Durability::Wal)).unwrap();
    let error = KeyValueState::open_checkpoint(&factory, &checkpoint, None, KeyValueOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument);
    assert!(!Path::new("gress.lock").exists(), "nothing was made in the working directory");
}

#[test]
fn a_checkpoint_with_any_file_changed_is_refused_and_the_file_named() {
    let scratch = Scratch::new();
    let state = open(&scratch.path().join("state"), Durability::Wal);
    state.batch_put((0..100_u32).map(|n| (n.to_be_bytes(), b"v"))).unwrap();
    let checkpoint = scratch.path().join("checkpoint");
    state.create_checkpoint(&checkpoint).unwrap();
    let names = |folder: &Path| -> Vec<_> { std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect() };
    for path in names(&checkpoint.join("data")).into_iter().chain([checkpoint.join("checkpoint.json")]) {
        let whole = std::fs::read(&path).unwrap();
        // A hard link's content is the state's, too: change a copy.
        std::fs::remove_file(&path).unwrap();
        let changed = match whole.split_last() {
            Some((_, shorter)) => shorter,
            None => b"x",
        };
        std::fs::write(&path, changed).unwrap();
        let config = small(&scratch.path().join("copy"), Durability::Wal);
        let error = RocksDbBackend::open_checkpoint(config, &checkpoint, KeyValueOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_checkpoint_never_lacks_the_newest_record() {
    let scratch = Scratch::new();
    let state = open(&scratch.path().join("state"), Durability::Checkpoint);
    let checkpoint = scratch.path().join("checkpoint");
    for n in 0..500_u32 {
        state.put(b"newest", &n.to_be_bytes()).unwrap();
        state.create_checkpoint(&checkpoint).unwrap();
        if n.is_multiple_of(25) {
            let copy = scratch.path().join(format!("copy-{n}"));
            let config = small(&copy, Durability::Wal);
            let copied = RocksDbBackend::open_checkpoint(config, &checkpoint, KeyValueOptions::default()).unwrap();
            assert_eq!(copied.get(b"newest").unwrap().unwrap(), n.to_be_bytes());
            copied.close().unwrap();
            std::fs::remove_dir_all(&copy).unwrap();
        }
        std::fs::remove_dir_all(&checkpoint).unwrap();
    }
}

#[test]
fn expired_entries_leave_the_disk_and_fresh_ones_stay() {
    let scratch = Scratch::new();
    let clock = Arc::new(ManualWallClock::default());
    let options = KeyValueOptions::default().ttl(Ttl::after(Duration::from_millis(100))).clock(clock.clone());
    let state = RocksDbBackend::open_with(small(scratch.path(), Durability::Wal), options).unwrap();
    state.batch_put((0..1_000_u32).map(|n| (n.to_be_bytes(), [7; 100]))).unwrap();
    state.flush().unwrap();
    clock.set(gress_core::Timestamp::from_millis(60));
    // Over an old version that expires first.
    state.put(&5_u32.to_be_bytes(), b"fresh").unwrap();
    state.put_with_ttl(b"short", b"x", Duration::from_millis(1)).unwrap();
    clock.set(gress_core::Timestamp::from_millis(100));
    state.compact().unwrap();
    assert_eq!(state.get(&5_u32.to_be_bytes()).unwrap(), Some(b"fresh".to_vec()));
    assert_eq!(state.get(b"short").unwrap(), None);
    // The fresh entry, and when there first was a time to live.
    assert_eq!(state.property("rocksdb.estimate-num-keys").unwrap().unwrap(), "2");
}

#[test]
fn a_mixed_batch_counts_in_its_order() {
    let scratch = Scratch::new();
    let state = open(scratch.path(), Durability::Wal);
    state.put(b"b", b"before").unwrap();
    let mut batch = Batch::default();
    batch.put(b"a", b"1").put(b"c", b"1");
    batch.delete_range(gress_state::KeyRange { lower: b"a", upper: Some(b"c") });
    batch.put(b"aa", b"2").delete(b"c").put(b"c", b"3");
    state.write(&batch).unwrap();
    let all: Vec<_> = state.iter_prefix(b"").map(Result::unwrap).collect();
    assert_eq!(all, [(b"aa".to_vec(), b"2".to_vec()), (b"c".to_vec(), b"3".to_vec())]);
}

#[test]
fn a_snapshot_goes_from_one_backend_to_the_other_and_replaces_all() {
    let scratch = Scratch::new();
    let state = open(scratch.path(), Durability::Wal);
    state.batch_put((0..30_000_u32).map(|n| (n.to_be_bytes(), n.to_string()))).unwrap();
    let mut stream = Vec::new();
    let written = state.snapshot(&mut stream).unwrap();
    assert_eq!((written.entries, written.bytes), (30_000, stream.len() as u64));

    let memory = gress_state::memory::MemoryBackend::open().unwrap();
    memory.put(b"other", b"x").unwrap();
    assert_eq!(memory.restore(&stream[..]).unwrap(), written);
    assert_eq!(memory.get(b"other").unwrap(), None);
    let mut again = Vec::new();
    memory.snapshot(&mut again).unwrap();
    assert!(stream == again, "the stream does not depend on the backend");

    state.delete_range(gress_state::KeyRange { lower: b"", upper: None }).unwrap();
    state.put(&[0xff; 1_000], b"x").unwrap();
    state.restore(&stream[..]).unwrap();
    assert_eq!(state.get(&[0xff; 1_000]).unwrap(), None);
    assert_eq!(state.get(&29_999_u32.to_be_bytes()).unwrap(), Some(b"29999".to_vec()));
    assert_eq!(state.iter_prefix(b"").count(), 30_000);
}

#[test]
fn files_of_a_level_are_counted_over_all_stores() {
    let scratch = Scratch::new();
    let state = open(scratch.path(), Durability::Wal);
    let files = || -> u64 {
        let level = |n| state.property(&format!("rocksdb.num-files-at-level{n}")).unwrap().unwrap();
        (0..7).map(|n| level(n).parse::<u64>().unwrap()).sum()
    };
    assert_eq!(files(), 0);
    state.put(b"a", b"1").unwrap();
    state.flush().unwrap();
    assert_eq!(files(), 1);
}
