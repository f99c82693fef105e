//! See `gress_fuzz::restore`.

#![no_main]

gress_fuzz::target!(restore);
