//! See `gress_fuzz::codec`.

#![no_main]

gress_fuzz::target!(codec);
