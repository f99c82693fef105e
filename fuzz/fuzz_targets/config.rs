//! See `gress_fuzz::config`.

#![no_main]

gress_fuzz::target!(config);
