//! See `gress_fuzz::merge`.

#![no_main]

gress_fuzz::target!(merge);
