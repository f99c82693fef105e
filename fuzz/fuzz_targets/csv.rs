//! See `gress_fuzz::csv`.

#![no_main]

gress_fuzz::target!(csv);
