//! Closing a state while others use it.

use gress_core::{ByteSize, ErrorKind};
use gress_state::{KeyValueState, testing::Scratch};
use gress_state_rocksdb::{Durability, RocksDbBackend, RocksDbConfig};
use std::{sync::Barrier, thread};

fn open(scratch: &Scratch, durability: Durability) -> KeyValueState {
    let config = RocksDbConfig::balanced(scratch.path()).write_buffer_size(ByteSize::mib(1)).durability(durability);
    RocksDbBackend::open(config).expect("the state can be opened")
}

/// Without a log too, where a state lasts by what `close` has flushed.
#[test]
fn what_was_written_before_close_ended_the_writes_is_there_again() {
    for durability in [Durability::Checkpoint, Durability::Wal] {
        for round in 0..20 {
            let scratch = Scratch::new();
            let state = open(&scratch, durability);
            let start = Barrier::new(3);
            let written: Vec<u32> = thread::scope(|scope| {
                let (start, state) = (&start, &state);
                let writers: Vec<_> = (0..2_u32)
                    .map(|writer| {
                        scope.spawn(move || {
                            start.wait();
                            for n in 0.. {
                                if let Err(error) = state.put(&[writer, n].map(u32::to_be_bytes).concat(), b"x") {
                                    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                                    return n;
                                }
                            }
                            unreachable!("a state is closed before it has four billion entries")
                        })
                    })
                    .collect();
                start.wait();
                // Some entries are there when it begins.
                while !state.contains_key(&[0, 500].map(u32::to_be_bytes).concat()).expect("the key can be read") {}
                state.close().expect("the state can be closed");
                writers.into_iter().map(|writer| writer.join().expect("the writer ends well")).collect()
            });
            let state = open(&scratch, durability);
            for (writer, written) in (0..2_u32).zip(written) {
                let found = state.iter_prefix(&writer.to_be_bytes()).count();
                assert_eq!(found, written as usize, "{durability}, round {round}: of writer {writer}");
            }
            state.close().expect("the state can be closed");
        }
    }
}

#[test]
fn several_threads_may_close_a_state_at_once() {
    for durability in [Durability::Checkpoint, Durability::Wal] {
        for _ in 0..20 {
            let scratch = Scratch::new();
            let state = open(&scratch, durability);
            state.put(b"a", b"1").expect("the key can be written");
            let start = Barrier::new(4);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        start.wait();
                        state.close().expect("a second close does nothing");
                    });
                }
            });
            let state = open(&scratch, durability);
            assert_eq!(state.get(b"a").expect("the key can be read"), Some(b"1".to_vec()));
        }
    }
}
