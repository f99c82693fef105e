//! Opening, closing, opening again.

use crate::{apply, factory, has, open, store};
use gress_core::{Error, ErrorKind};
use gress_state::{
    BackendFactory,
    testing::{Entries, Entry, Scratch},
};
use std::{sync::mpsc, time::Duration};

#[test]
fn what_was_flushed_is_there_when_the_directory_is_opened_again() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    for (round, key) in ["first", "second", "third"].iter().enumerate() {
        let backend = open(&factory, &scratch);
        let (one, two) = (store(&*backend, "one"), store(&*backend, &format!("of round {round}")));
        for earlier in ["first", "second"].iter().take(round) {
            assert!(has(&*one, earlier.as_bytes()), "{earlier} in round {round}");
        }
        apply(&*one, [Entry::put(key, "1")]);
        apply(&*two, [Entry::put(key, "2")]);
        backend.flush().expect("the database can be flushed");
        apply(&*one, [Entry::put("never flushed", "1")]);
        backend.close().expect("the database can be closed");
    }
    assert!(!has(&*store(&*open(&factory, &scratch), "one"), b"never flushed"), "close does not flush");
}

#[test]
fn close_releases_the_directory_although_stores_are_still_held() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let first = open(&factory, &scratch);
    let held = store(&*first, "state");
    let error = factory.open(scratch.path()).expect_err("the directory is in use");
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    first.close().expect("the database can be closed");
    let second = open(&factory, &scratch);
    second.close().expect("the database can be closed");
    drop((held, first));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a close that hangs must not hang the test")]
fn close_waits_for_a_compaction_and_ends() {
    let small = [("write_buffer_size", "65536"), ("level0_file_num_compaction_trigger", "1")];
    let (factory, scratch) = (factory(&small), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    for round in 0..30_u32 {
        apply(&*store, (0..2_000_u32).map(|n| Entry::put((n * 31 + round).to_be_bytes(), [round as u8; 64])));
    }
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || done.send(backend.close()));
    let closed = finished.recv_timeout(Duration::from_secs(60)).expect("close ends");
    closed.expect("the database can be closed");
    assert_eq!(store.get(b"a", &mut |_| ()).expect_err("it is closed").kind(), ErrorKind::Closed);
}

#[test]
fn a_large_run_on_a_closed_database_makes_no_files() {
    let (factory, scratch) = (factory(&[]), Scratch::new());
    let backend = open(&factory, &scratch);
    let store = store(&*backend, "state");
    backend.close().expect("the database can be closed");
    std::fs::remove_dir_all(scratch.path()).expect("the directory can be removed");
    let run = &mut Entries::new((0..20_000_u32).map(|n| Entry::put(n.to_be_bytes(), "x")));
    assert_eq!(store.apply_run(run).expect_err("it is closed").kind(), ErrorKind::Closed);
    assert!(!scratch.path().exists());
}

#[test]
fn files_of_large_runs_do_not_pile_up_beside_the_database() {
    let (factory, scratch) = (factory(&[("target_file_size_base", "65536")]), Scratch::new());
    let backend = open(&factory, &scratch);
    apply(&*store(&*backend, "state"), (0..50_000_u32).map(|n| Entry::put(n.to_be_bytes(), n.to_string())));
    let left = std::fs::read_dir(scratch.path().join("incoming")).expect("the folder is there").count();
    assert_eq!(left, 0);
}

#[test]
fn an_error_names_the_directory_and_what_was_attempted() {
    let (factory, scratch) = (factory(&[("path", "/")]), Scratch::new());
    let file = scratch.path().join("file");
    std::fs::write(&file, "not a folder").expect("a file can be written");
    let error: Error = factory.open(&file).expect_err("a file is no directory");
    assert_eq!(error.kind(), ErrorKind::Storage);
    let text = error.to_string();
    let (setting, attempt) =
        ("`state.rocksdb.path: /`", format!("cannot open the RocksDB database in `{}`", file.display()));
    assert!(text.contains(setting) && text.contains(&attempt), "{text}");
}
