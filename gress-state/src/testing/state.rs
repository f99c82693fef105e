//! What typed state must do over every backend, as plain functions.
//!
//! Each check runs with a table of unlimited size, of about eight entries and of none, and with seals never, after every
//! call, and begun and left half encoded while calls go on.

#![expect(clippy::missing_errors_doc, reason = "what fails here fails the check")]

mod cache;
mod codecs;
mod collections_model;
mod errors;
mod fetching;
mod lifetimes;
mod lifetimes_model;
mod lists;
mod maps;
mod model;
mod reduced;
mod spy;
mod task;
mod timers;
mod values;
mod versions;
mod windows;

pub use cache::*;
pub use codecs::*;
pub use collections_model::random_steps_on_maps_and_lists_match_sorted_maps_and_vectors;
pub use errors::*;
pub use fetching::*;
pub use lifetimes::*;
pub use lifetimes_model::random_steps_on_expiring_values_match_a_sorted_map;
pub use lists::*;
pub use maps::*;
pub use model::{Step, random_steps_match_sorted_maps, steps_match_sorted_maps};
pub use reduced::*;
pub use spy::Spy;
pub use task::{BUDGETS, Checkpoint, Content, Factory, Seals, Task, everywhere, key};
pub use timers::*;
pub use values::*;
pub use versions::*;
pub use windows::*;

/// Runs every check of this module against backends that `factory` opens, and `model_runs` runs of random steps.
///
/// # Panics
/// Where state is not what it should be; the backtrace names the check.
pub fn state_conformance(factory: &Factory, model_runs: u64) {
    values::a_value_is_what_was_set_last_and_removing_an_absent_one_is_no_error(factory);
    values::a_restore_gives_the_values_at_the_barrier(factory);
    values::states_of_different_names_do_not_see_each_other(factory);
    values::a_name_used_twice_is_a_problem_that_tells_both_types(factory);
    values::keys_that_are_prefixes_empty_or_long_are_keys_of_their_own(factory);
    values::only_what_is_written_through_the_handle_changes_state(factory);
    values::a_value_is_dirty_once_it_is_changed_and_not_when_it_is_looked_at(factory);
    values::values_may_be_borrowed_together_wherever_they_are(factory);
    values::state_of_ten_times_the_budget_stays_within_it(factory);
    values::values_that_grow_are_noticed_by_the_budget(factory);

    cache::a_removal_in_the_table_hides_the_value_in_the_store(factory);
    cache::what_is_set_and_removed_before_the_first_seal_leaves_no_trace(factory);
    cache::a_removal_is_in_the_next_checkpoint_if_an_older_one_has_the_value(factory);
    cache::a_blind_removal_of_a_spilled_value_reaches_store_and_checkpoint(factory);
    cache::a_clean_entry_is_evicted_without_a_write_and_a_dirty_one_with_one(factory);
    cache::a_read_of_the_store_never_replaces_what_was_written(factory);
    cache::the_newest_copy_of_a_value_counts(factory);
    cache::reads_are_counted_by_who_answered_them(factory);
    cache::a_known_absence_is_looked_up_once_and_ends_with_a_write(factory);
    cache::writes_after_a_barrier_are_not_in_its_checkpoint(factory);
    cache::two_checkpoints_that_follow_at_once_are_both_right(factory);
    cache::a_seal_that_was_not_taken_is_not_lost_by_the_next_barrier(factory);
    cache::slots_that_come_and_go_leave_nothing_in_memory(factory);

    fetching::what_a_batch_reads_is_fetched_by_one_call_and_is_what_single_reads_find(factory);
    fetching::what_is_fetched_expires_like_what_is_read(factory);
    fetching::a_state_that_is_only_written_or_lies_in_the_table_is_not_fetched(factory);
    fetching::a_fetched_value_that_does_not_decode_is_told(factory);

    lifetimes::a_value_is_there_until_its_time_to_live_has_passed_and_not_a_millisecond_longer(factory);
    lifetimes::an_expired_value_is_absent_for_every_call(factory);
    lifetimes::an_expired_value_may_be_given_once_by_the_read_that_removes_it(factory);
    lifetimes::a_read_renews_a_value_that_has_not_expired_and_revives_none(factory);
    lifetimes::an_endless_time_to_live_ends_never(factory);
    lifetimes::the_time_between_checkpoint_and_restore_counts(factory);
    lifetimes::cleaning_looks_at_all_entries_in_turn_and_removes_the_expired_ones_only(factory);
    lifetimes::what_has_expired_is_not_written_and_what_was_written_is_deleted(factory);
    lifetimes::a_checkpoint_holds_what_had_not_expired_at_its_barrier(factory);
    lifetimes::an_old_expiry_never_removes_a_fresh_value(factory);
    lifetimes::a_store_removes_what_expired_before_the_last_complete_checkpoint_and_nothing_else(factory);
    lifetimes::a_time_to_live_is_given_once_before_any_use_and_is_longer_than_nothing(factory);

    windows::windows_fire_by_end_then_start_with_all_their_keys(factory);
    windows::a_window_fires_what_lies_in_the_table_in_the_store_and_in_both(factory);
    windows::a_fired_window_leaves_nothing_in_store_or_checkpoint(factory);
    windows::a_window_that_was_never_sealed_or_spilled_writes_nothing(factory);
    windows::a_window_that_fires_after_a_barrier_is_in_its_checkpoint(factory);
    windows::a_window_that_is_opened_again_after_it_fired_begins_anew_and_is_kept(factory);
    windows::merged_windows_reduce_the_earlier_into_the_later_one_whatever_the_order_given(factory);
    windows::a_merge_while_a_seal_is_under_way_changes_nothing_of_its_checkpoint(factory);
    windows::a_large_window_of_many_scans_fires_whole(factory);

    timers::a_timer_set_twice_fires_once_and_a_deleted_one_never(factory);
    timers::a_watermark_fires_what_is_due_at_it_and_no_later_one(factory);
    timers::a_timer_set_while_its_like_fires_is_due_in_the_same_advance(factory);
    timers::timers_fire_by_time_then_key_then_declaration(factory);
    timers::a_timer_that_is_overdue_when_set_fires_at_the_next_watermark(factory);
    timers::each_timer_fires_once_in_the_task_that_has_its_key_group(factory);
    timers::a_deleted_timer_comes_back_only_with_an_earlier_checkpoint(factory);
    timers::a_timer_that_comes_and_goes_between_two_seals_leaves_no_trace(factory);

    reduced::what_is_added_is_reduced_into_what_was_added_first(factory);
    reduced::an_accumulator_belongs_to_one_key_and_its_result_may_be_of_another_type(factory);
    reduced::merged_state_reduces_the_target_first_and_then_the_sources_in_the_order_given(factory);
    reduced::reduced_state_expires_as_values_do(factory);

    lists::a_list_is_what_was_added_in_order_and_no_items_are_no_list(factory);
    lists::a_long_list_takes_less_than_twice_its_size_and_each_seal_what_was_added(factory);
    lists::a_list_that_is_larger_than_memory_is_added_to_and_read_within_the_budget(factory);
    lists::an_addition_to_a_list_that_is_not_in_memory_reads_its_end_alone(factory);
    lists::a_list_begins_where_its_first_item_is_and_holes_in_it_are_gone_around(factory);
    lists::expired_chunks_of_a_long_list_are_gone_around(factory);
    lists::a_list_whose_end_claims_chunks_without_number_is_read_as_what_is_there(factory);
    lists::a_list_that_is_cleared_and_filled_again_is_the_new_one_in_table_store_and_checkpoint(factory);
    lists::an_item_that_does_not_encode_leaves_the_list_as_it_was(factory);
    lists::merged_lists_are_the_target_and_then_the_sources_in_the_order_given(factory);
    lists::items_of_a_list_expire_one_by_one(factory);
    lists::reads_renew_the_items_of_a_list_or_give_expired_ones_once(factory);

    maps::a_map_is_what_was_put_into_it(factory);
    maps::entries_come_in_ascending_order_of_their_map_keys(factory);
    maps::what_is_not_retained_is_gone_and_the_neighbours_stay(factory);
    maps::an_entry_without_a_value_is_an_entry(factory);
    maps::maps_of_keys_that_are_prefixes_empty_or_long_are_maps_of_their_own(factory);
    maps::a_range_shows_the_newest_of_table_and_store_and_each_map_key_once(factory);
    maps::a_map_that_was_never_sealed_or_spilled_leaves_no_trace(factory);
    maps::a_map_that_is_cleared_and_filled_again_is_the_new_one_in_table_store_and_checkpoint(factory);
    maps::few_entries_are_deleted_one_by_one_and_many_as_a_range(factory);
    maps::an_entry_is_looked_up_once_and_written_when_it_was_changed(factory);
    maps::a_map_of_ten_times_the_budget_stays_within_it(factory);
    maps::entries_of_a_map_expire_one_by_one(factory);
    maps::reads_renew_the_entries_of_a_map_or_give_expired_ones_once(factory);

    codecs::state_with_a_codec_of_its_own_is_what_was_written_and_is_kept_in_the_format_of_the_codec(factory);
    codecs::an_accumulator_with_a_codec_of_its_own_accumulates_as_without(factory);
    codecs::a_value_with_a_codec_of_its_own_expires_as_any_other(factory);
    codecs::a_codec_that_fails_is_told_with_state_and_key_and_changes_nothing(factory);

    versions::values_of_an_older_version_are_migrated_by_a_restore(factory);
    versions::a_restore_from_any_known_version_gives_the_same(factory);
    versions::migrated_entries_keep_their_ages(factory);
    versions::a_version_may_change_the_codec(factory);
    versions::what_cannot_be_migrated_is_refused_and_stays_readable(factory);
    versions::a_migration_that_fails_is_told_and_the_checkpoint_stays_readable(factory);
    versions::versions_that_make_no_sense_are_problems(factory);

    errors::a_value_that_does_not_decode_is_told_and_changes_nothing(factory);
    errors::an_expiring_value_that_does_not_decode_is_told(factory);
    errors::a_value_that_does_not_encode_fails_the_seal_and_is_not_forgotten(factory);
    errors::a_value_that_does_not_encode_fails_the_spill_and_nothing_is_lost(factory);
    errors::a_window_whose_content_does_not_encode_stays_open(factory);
    errors::an_accumulator_that_does_not_decode_is_told_when_its_window_fires(factory);
    errors::an_entry_or_item_that_does_not_decode_is_told_and_ends_the_iteration(factory);

    random_steps_match_sorted_maps(factory, model_runs);
    random_steps_on_expiring_values_match_a_sorted_map(factory, model_runs);
    random_steps_on_maps_and_lists_match_sorted_maps_and_vectors(factory, model_runs / 20 + 20);
}
