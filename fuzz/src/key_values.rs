//! Key-value states in memory, all at one and the same time.

use gress_core::{Result, Timestamp};
use gress_state::{
    KeyRange, KeyValueOptions, KeyValueState, ManualWallClock, Ttl, key_value::KeyAndValue, memory::MemoryBackend,
};
use std::{sync::Arc, time::Duration};

/// Without a time to live, and with one that every read renews.
pub(crate) fn options() -> [KeyValueOptions; 2] {
    let clock = Arc::new(ManualWallClock::at(Timestamp::from_millis(1_000)));
    let options = KeyValueOptions::default().clock(clock);
    let ttl = Ttl::after(Duration::from_millis(100)).renewed_by_reads();
    [options.clone(), options.ttl(ttl)]
}

/// A state with a few entries, one of which expires.
pub(crate) fn state(options: &KeyValueOptions) -> KeyValueState {
    let state = MemoryBackend::open_with(options.clone()).expect("memory can be opened");
    state.batch_put([("", "nothing"), ("key", "value"), ("\u{ff}\0", "")]).expect("memory can be written");
    state.put_with_ttl(b"soon", b"gone", Duration::from_secs(1)).expect("memory can be written");
    state
}

/// All that a reader finds.
pub(crate) fn content(state: &KeyValueState) -> Result<Vec<KeyAndValue>> {
    state.iter(KeyRange { lower: b"", upper: None }).collect()
}
