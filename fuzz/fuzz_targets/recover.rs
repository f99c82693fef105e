//! See `gress_fuzz::recover`.

#![no_main]

gress_fuzz::target!(recover);
