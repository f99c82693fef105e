//! The list of checks, and the few lines that all of them share.

use super::{Entries, Entry, Scratch, copies, lifecycle, model, points, runs, scans};
use crate::{
    backend::{BackendFactory, StateBackend},
    store::{KeyRange, StateStore},
};
use gress_core::StateName;
use std::collections::BTreeMap;

/// Runs every check of this module against backends that `factory` opens.
///
/// # Panics
/// Where the backend breaks a rule of [`StateStore`], [`StateBackend`] or [`BackendFactory`]; the backtrace names the
/// check.
pub fn backend_conformance(factory: &dyn BackendFactory) {
    points::a_value_that_was_put_is_read_and_an_absent_key_is_not(factory);
    points::a_newer_run_hides_an_older_one(factory);
    points::a_deleted_key_has_no_value(factory);
    points::an_empty_value_is_a_value(factory);
    points::keys_that_are_prefixes_of_others_are_keys_of_their_own(factory);
    points::keys_of_lowest_and_highest_bytes_are_ordinary(factory);
    points::a_key_of_64_kib_and_a_value_of_1_mib_come_back(factory);
    points::multi_get_answers_each_index_once(factory);

    scans::a_scan_gives_the_entries_of_its_range_in_order(factory);
    scans::a_scan_goes_on_from_the_key_it_returned(factory);
    scans::a_scan_that_gave_the_last_entry_is_exhausted(factory);
    scans::an_empty_or_inverted_range_has_no_entries(factory);
    scans::a_scan_never_gives_what_was_deleted(factory);

    runs::an_empty_run_changes_nothing(factory);
    runs::a_range_delete_removes_what_was_there_before_the_run(factory);
    runs::a_range_delete_spares_the_puts_of_its_own_run(factory);
    runs::range_deletes_may_overlap_and_may_be_empty(factory);
    runs::a_large_run_is_applied_like_a_small_one(factory);
    runs::range_deletes_of_a_large_run_reach_as_far_as_they_say(factory);
    runs::a_large_run_of_empty_ranges_changes_nothing(factory);
    runs::flush_and_compact_change_no_content(factory);
    runs::a_run_that_ends_in_an_error_changes_nothing(factory);

    lifecycle::opening_a_name_twice_gives_the_same_content(factory);
    lifecycle::two_stores_do_not_see_each_other(factory);
    lifecycle::two_backends_do_not_see_each_other(factory);
    lifecycle::a_store_may_move_to_another_thread(factory);
    lifecycle::a_dropped_backend_leaves_its_stores_usable(factory);
    lifecycle::close_may_be_called_twice_and_later_calls_say_closed(factory);
    lifecycle::readings_have_names_that_metrics_can_have_and_end_with_close(factory);
    lifecycle::stats_rise_with_entries_and_unknown_properties_are_none(factory);

    copies::a_snapshot_is_of_one_moment_while_a_writer_goes_on(factory);
    copies::a_row_that_fails_ends_a_snapshot_and_nothing_else(factory);
    copies::a_copy_lists_its_files_and_opens_as_often_as_one_likes(factory);
    copies::a_closed_backend_gives_neither_snapshots_nor_copies(factory);
    copies::an_expiring_store_keeps_all_that_is_not_removable(factory);

    model::random_operations_match_a_sorted_map(factory);
}

/// Calls `check` with a new backend in a directory of its own.
pub(super) fn with_backend(factory: &dyn BackendFactory, check: impl FnOnce(&dyn StateBackend)) {
    let scratch = Scratch::new();
    let backend = factory.open(scratch.path()).expect("an empty directory can be opened");
    check(&*backend);
    backend.close().expect("a backend can be closed");
}

/// Calls `check` with an empty store of a new backend.
pub(super) fn with_store(factory: &dyn BackendFactory, check: impl FnOnce(&dyn StateStore)) {
    with_backend(factory, |backend| check(&*open(backend, "state")));
}

/// The store of this name.
pub(super) fn open(backend: &dyn StateBackend, state: &str) -> Box<dyn StateStore> {
    backend.open_store(&StateName::new("operator", state)).expect("a store can be opened")
}

/// Applies these entries as one run.
pub(super) fn apply(store: &dyn StateStore, entries: impl IntoIterator<Item = Entry>) {
    store.apply_run(&mut Entries::new(entries)).expect("a run can be applied");
}

/// The value of `key`, copied.
pub(super) fn get(store: &dyn StateStore, key: &[u8]) -> Option<Vec<u8>> {
    let mut values = Vec::new();
    let found = store.get(key, &mut |value| values.push(value.to_vec())).expect("a key can be read");
    assert_eq!(values.len(), usize::from(found), "`read` is called once for a value and never without one");
    values.pop()
}

/// Keys and values in order.
pub(super) type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// All entries of `range`, in slices of `limit`, and how many scans it took.
pub(super) fn scan_all(store: &dyn StateStore, range: KeyRange<'_>, limit: usize) -> (Rows, usize) {
    let (mut rows, mut scans, mut lower) = (Rows::new(), 0, range.lower.to_vec());
    loop {
        let before = rows.len();
        let slice = KeyRange { lower: &lower, upper: range.upper };
        let next = store
            .scan(slice, limit, &mut |key, value| rows.push((key.to_vec(), value.to_vec())))
            .expect("a range can be scanned");
        scans += 1;
        assert!(rows.len() - before <= limit, "a scan gives at most `limit` entries");
        let Some(next) = next else { return (rows, scans) };
        assert_eq!(rows.len() - before, limit, "a scan that has more to give gives `limit` entries");
        assert!(rows.last().is_some_and(|(last, _)| *last < next), "a scan goes on after its last entry");
        lower = next;
    }
}

/// Asserts that the store holds exactly `expected`, by scan and by single reads.
pub(super) fn assert_holds(store: &dyn StateStore, expected: &BTreeMap<Vec<u8>, Vec<u8>>) {
    let (rows, _) = scan_all(store, KeyRange { lower: b"", upper: None }, 1_000);
    let wanted: Rows = expected.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    assert!(rows == wanted, "a scan gives {} entries, {} are expected, or they differ", rows.len(), wanted.len());
    for (key, value) in expected {
        assert_eq!(get(store, key).as_ref(), Some(value));
    }
}
