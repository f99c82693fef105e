//! State from outside: typed state over the memory backend, and checkpoints whose files are damaged.

#![cfg(feature = "testing")]

mod corruption;
mod expired_scans;
mod expired_values;
mod hostile_names;
mod key_value;
mod seal_room;
mod state;
