//! See `gress_fuzz::manifest`.

#![no_main]

gress_fuzz::target!(manifest);
