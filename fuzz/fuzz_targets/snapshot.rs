//! See `gress_fuzz::snapshot`.

#![no_main]

gress_fuzz::target!(snapshot);
