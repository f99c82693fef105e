//! What a key-value state must do over every backend, as plain functions.
//!
//! A backend of your own runs all of it in one test:
//!
//! ```
//! # use gress_state::memory::MemoryFactory as YourFactory;
//! use gress_state::testing::{backend_conformance, key_value_conformance};
//!
//! backend_conformance(&YourFactory);
//! key_value_conformance(&YourFactory);
//! ```
//!
//! Each check opens states of its own, by the factory alone. What depends on the time has a clock that it sets itself.

mod ages;
mod batches;
mod checkpoints;
mod closing;
mod event_time;
mod expiry;
#[cfg(test)]
mod failing;
mod measures;
mod model;
mod place;
mod points;
mod races;
mod ranges;
mod snapshots;

pub use ages::*;
pub use batches::*;
pub use checkpoints::*;
pub use closing::*;
pub use event_time::*;
pub use expiry::*;
pub use measures::*;
pub use model::random_operations_match_a_sorted_map_of_deadlines;
pub use points::*;
pub use races::*;
pub use ranges::*;
pub use snapshots::*;

use crate::backend::BackendFactory;

/// Runs every check of this module over backends that `factory` opens.
///
/// # Panics
/// Where the state is not what it should be; the backtrace names the check.
pub fn key_value_conformance(factory: &dyn BackendFactory) {
    points::a_value_that_was_put_is_read_and_an_absent_key_is_not(factory);
    points::a_put_replaces_and_a_delete_removes(factory);
    points::empty_keys_and_empty_values_are_ordinary(factory);
    points::keys_that_are_prefixes_of_others_are_kept_apart(factory);
    points::a_key_of_64_kib_is_taken_and_a_longer_one_refused_everywhere(factory);
    points::a_value_of_8_mib_comes_back(factory);
    points::a_value_over_1_gib_is_refused_with_the_limit(factory);

    batches::batch_get_answers_in_the_order_of_the_request(factory);
    batches::of_several_values_of_a_key_the_last_one_counts(factory);
    batches::a_batch_with_one_bad_entry_writes_nothing(factory);
    batches::a_mixed_batch_counts_in_its_order(factory);
    batches::an_empty_batch_changes_nothing(factory);
    batches::a_large_batch_is_applied_like_a_small_one(factory);
    batches::a_large_batch_of_empty_ranges_changes_nothing(factory);

    ranges::a_range_delete_takes_its_range_and_an_inverted_one_nothing(factory);
    ranges::a_scan_gives_limit_entries_and_where_it_goes_on(factory);
    ranges::a_scan_by_prefix_gives_the_keys_that_begin_with_it(factory);
    ranges::an_iterator_gives_each_entry_of_its_range_once(factory);
    ranges::a_range_that_was_emptied_key_by_key_is_empty(factory);

    races::threads_that_write_at_once_lose_no_write(factory);
    races::a_batch_is_never_seen_in_part(factory);
    races::a_snapshot_is_of_one_moment_while_others_write(factory);
    races::a_checkpoint_is_of_one_moment_while_others_write(factory);
    races::an_old_expiry_never_removes_a_fresh_value(factory);

    snapshots::a_restore_replaces_everything_by_the_snapshot(factory);
    snapshots::a_snapshot_is_the_same_bytes_over_another_backend(factory);
    snapshots::a_snapshot_with_any_byte_changed_is_refused_and_changes_nothing(factory);
    snapshots::a_snapshot_of_several_parts_is_held_together(factory);
    snapshots::a_snapshot_of_a_newer_format_is_refused(factory);
    snapshots::a_stream_that_fails_leaves_a_state_that_works(factory);

    checkpoints::a_checkpoint_and_its_state_go_their_own_ways(factory);
    checkpoints::a_checkpoint_is_written_to_and_opened_in_new_directories_alone(factory);
    checkpoints::a_checkpoint_with_any_file_changed_is_refused_by_its_name(factory);
    checkpoints::a_checkpoint_with_a_missing_or_foreign_file_is_refused(factory);
    #[cfg(unix)]
    checkpoints::a_checkpoint_with_a_link_in_it_is_refused(factory);
    checkpoints::a_checkpoint_of_another_backend_is_refused(factory);

    closing::close_may_be_called_twice_and_every_later_call_says_closed(factory);

    measures::metrics_count_what_was_done(factory);
    measures::operations_are_timed_as_often_as_was_asked(factory);
    measures::an_unknown_property_is_none_and_the_backend_is_named(factory);

    expiry::an_entry_is_gone_to_the_millisecond(factory);
    expiry::a_write_begins_the_time_anew(factory);
    expiry::an_endless_time_never_overflows(factory);
    expiry::a_write_may_give_a_time_of_its_own(factory);
    expiry::reads_renew_an_entry_where_that_was_asked_for(factory);
    expiry::a_read_gives_an_expired_value_once_where_that_was_asked_for(factory);
    expiry::a_scan_leaves_out_what_has_expired_and_counts_what_it_gives(factory);
    expiry::a_clock_that_steps_back_revives_nothing(factory);
    expiry::a_compaction_removes_all_that_has_expired_and_nothing_else(factory);

    ages::entries_age_while_nobody_has_them_open(factory);
    ages::another_time_to_live_applies_to_what_is_there(factory);
    ages::entries_without_a_stamp_age_from_when_there_is_a_time_to_live(factory);
    ages::reads_never_shorten_a_life(factory);

    event_time::nothing_expires_before_event_time_begins(factory);
    event_time::entries_expire_by_the_time_that_they_are_told(factory);
    event_time::what_was_written_before_event_time_begins_again_ages_from_then(factory);

    model::random_operations_match_a_sorted_map_of_deadlines(factory);
}
