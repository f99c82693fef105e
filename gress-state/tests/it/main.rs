//! State from outside: typed state over the memory backend.

#![cfg(feature = "testing")]

mod state;
