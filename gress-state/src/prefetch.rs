//! A hint to the processor that memory will be read soon. The one place of this crate with `unsafe`.

#![expect(unsafe_code, reason = "the instruction is only to be had as an unsafe function")]

/// The unit in which a processor reads memory.
pub(crate) const LINE_BYTES: usize = 64;

/// Asks for the cache line in which `items[at]` begins. Nothing depends on it, and `at` may lie outside.
#[inline]
pub(crate) fn prefetch<T>(items: &[T], at: usize) {
    prefetch_line(items.as_ptr().wrapping_add(at).cast());
}

/// Asks for the cache line in which `items[at]` ends.
#[inline]
pub(crate) fn prefetch_end<T>(items: &[T], at: usize) {
    prefetch_line(items.as_ptr().wrapping_add(at + 1).cast::<i8>().wrapping_sub(1));
}

#[inline]
fn prefetch_line(address: *const i8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction reads nothing that the program could see, and no address makes it fail. It is part of SSE,
    // which every x86-64 processor has.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_is_refused() {
        for at in [0, 1, 7, 1 << 40] {
            prefetch(&[1_u64, 2], at);
            prefetch_end::<u64>(&[], at);
        }
    }
}
