//! See `gress_fuzz::output`.

#![no_main]

gress_fuzz::target!(output);
