//! See `gress_fuzz::checkpoint`.

#![no_main]

gress_fuzz::target!(checkpoint);
