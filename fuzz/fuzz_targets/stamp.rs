//! See `gress_fuzz::stamp`.

#![no_main]

gress_fuzz::target!(stamp);
