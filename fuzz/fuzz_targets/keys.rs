//! See `gress_fuzz::keys`.

#![no_main]

gress_fuzz::target!(keys);
