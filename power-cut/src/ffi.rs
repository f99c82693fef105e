//! The edge to C++: all `unsafe` of the workspace stands in this file, and nothing here decides anything.
//!
//! Who owns what:
//!
//! ```text
//!   Shim ─────────▶ power_cut_t ──▶ PowerCutFs ◀── Env of C++ ◀── rocksdb_env_t ◀── rocksdb::Env ◀── an open DB
//!        destroys               counted        counted       deletes            shares         shares
//! ```
//!
//! The file system is counted on the C++ side, and an open `DB` keeps the `Env` of its options. So shim, environments and
//! databases may be dropped in any order, and none of them outlives what it points to.
#![expect(unsafe_code, reason = "RocksDB's fault-injection file system is C++ and has no other door")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::ptr::NonNull;

use librocksdb_sys::{rocksdb_env_t, rocksdb_free};
use rocksdb::Env;

/// What becomes of un-synced bytes and names; the numbers of `enum class Unsynced`.
pub(crate) const KEPT: c_int = 0;
pub(crate) const TORN: c_int = 1;
pub(crate) const LOST: c_int = 2;

/// `power_cut_loss_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RawLoss {
    pub(crate) bytes_kept: u64,
    pub(crate) bytes_lost: u64,
    pub(crate) names_undone: u64,
}

/// `power_cut_t`, of which only C++ knows the inside.
#[repr(C)]
struct Power {
    _opaque: [u8; 0],
}

// Defined in shim/power_cut.cc, all `noexcept`.
unsafe extern "C" {
    fn power_cut_create() -> *mut Power;
    fn power_cut_destroy(power: *mut Power);
    fn power_cut_env(power: *mut Power) -> *mut rocksdb_env_t;
    fn power_cut_now(power: *mut Power);
    fn power_cut_after(power: *mut Power, operations: u64);
    fn power_cut_is_off(power: *mut Power) -> bool;
    fn power_cut_operations(power: *mut Power) -> u64;
    fn power_cut_restore(power: *mut Power, unsynced: c_int, seed: u64, loss: *mut RawLoss) -> *mut c_char;
}

/// The owner of one `power_cut_t`.
pub(crate) struct Shim(NonNull<Power>);

// SAFETY: what it points to is not bound to a thread, and `Shim` is the only owner of the pointer.
unsafe impl Send for Shim {}
// SAFETY: C++ guards its state by atomics and mutexes, in `restore` too.
unsafe impl Sync for Shim {}

impl Shim {
    pub(crate) fn new() -> Self {
        // SAFETY: the function takes nothing. It gives what `new` gave, which is never null.
        Self(NonNull::new(unsafe { power_cut_create() }).expect("C++'s `new` gives no null"))
    }

    pub(crate) fn env(&self) -> Env {
        // SAFETY: the pointer is valid for as long as `self` is. What returns is a new Env that nobody else has, so
        // `Env::from_raw` may own it; it was allocated as `rocksdb_env_destroy` frees it, in two objects of C++.
        unsafe { Env::from_raw(power_cut_env(self.0.as_ptr())) }
    }

    pub(crate) fn cut(&self) {
        // SAFETY: the pointer is valid for as long as `self` is.
        unsafe { power_cut_now(self.0.as_ptr()) }
    }

    pub(crate) fn cut_after(&self, operations: u64) {
        // SAFETY: as in `cut`.
        unsafe { power_cut_after(self.0.as_ptr(), operations) }
    }

    pub(crate) fn is_off(&self) -> bool {
        // SAFETY: as in `cut`.
        unsafe { power_cut_is_off(self.0.as_ptr()) }
    }

    pub(crate) fn operations(&self) -> u64 {
        // SAFETY: as in `cut`.
        unsafe { power_cut_operations(self.0.as_ptr()) }
    }

    /// The loss, or what C++ says against it.
    pub(crate) fn restore(&mut self, unsynced: c_int, seed: u64) -> Result<RawLoss, String> {
        let mut loss = RawLoss::default();
        // SAFETY: as in `cut`; `loss` is valid for the call, and the same struct on both sides.
        let problem = unsafe { power_cut_restore(self.0.as_ptr(), unsynced, seed, &mut loss) };
        if problem.is_null() {
            return Ok(loss);
        }
        // SAFETY: not null, so it is a C string of `strdup`, and ours.
        let text = unsafe { CStr::from_ptr(problem) }.to_string_lossy().into_owned();
        // SAFETY: it came from `strdup` and is not used afterwards; `rocksdb_free` is `free`.
        unsafe { rocksdb_free(problem.cast::<c_void>()) };
        Err(text)
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        // SAFETY: made by `power_cut_create`, destroyed once, here. Environments share what they need.
        unsafe { power_cut_destroy(self.0.as_ptr()) }
    }
}

impl fmt::Debug for Shim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shim").field("is_off", &self.is_off()).field("operations", &self.operations()).finish()
    }
}
