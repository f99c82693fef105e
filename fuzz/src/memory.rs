//! A limit on the memory that one input may make the process take.

use cap::Cap;
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Granted to any input, however short: buffers of fixed size, caches, a job's threads.
const BASE_BYTES: usize = 64 << 20;

/// Granted for each byte of the input.
const BYTES_PER_BYTE: usize = 16;

/// Runs `check` with no more memory than the input justifies. Beyond it an allocation fails, and that aborts the process, with
/// the place in the backtrace: a find.
pub fn bounded(input: &[u8], check: impl FnOnce(&[u8])) {
    let limit = ALLOCATOR.allocated() + BASE_BYTES + BYTES_PER_BYTE * input.len();
    ALLOCATOR.set_limit(limit).expect("the limit is above what is allocated");
    check(input);
    ALLOCATOR.set_limit(usize::MAX).expect("there is no higher one");
}
