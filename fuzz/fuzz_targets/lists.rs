//! See `gress_fuzz::lists`.

#![no_main]

gress_fuzz::target!(lists);
