//! See `gress_fuzz::start`.

#![no_main]

gress_fuzz::target!(start);
