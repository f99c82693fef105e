//! See `gress_fuzz::run`.

#![no_main]

gress_fuzz::target!(run);
