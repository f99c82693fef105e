//! What the state of one task may take of memory, and what is to be done when it takes more: pure.
//!
//! ```text
//!  tables ──slice──▶ encoded ──▶ run that waits ──stored──▶ checkpoint storage
//!  └─── table_bytes ───┘└──── run_bytes, half of it ───┘
//!            ▲
//!            └── the sealed entries of a checkpoint, too, until they are stored: what exceeds the share of runs
//!                takes the place of live values
//! ```

/// The least that a slice takes: about a hundred small entries, in a run that needs no file of its own.
const SLICE_BYTES_MIN: usize = 4 << 10;

/// The share of one task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TaskBudget {
    /// Live values and what of them is encoded for the checkpoint under way; `usize::MAX` for no limit.
    pub table_bytes: usize,
    /// Runs, from their first entry until they are stored; `usize::MAX` for no limit.
    pub run_bytes: usize,
}

/// What is to be done about what a task's state takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// It is within its budget.
    Nothing,
    /// Nothing may be added until a run that waits is stored.
    Wait,
    /// Tables are to be made smaller.
    Spill {
        /// What they may still take after it.
        target: usize,
        /// The encoded entries after which it ends, for now.
        slice_bytes: usize,
    },
}

impl TaskBudget {
    /// What is due when tables take `tables` bytes and runs that wait to be stored `storing`.
    ///
    /// A slice exists up to four times while it is written: as entries, as a run, and as what the store makes of it. So
    /// slices are an eighth of the share, and are cut while at most a half of it waits.
    pub(crate) fn due(&self, tables: usize, storing: usize) -> Due {
        let room = self.table_bytes.saturating_sub(storing.saturating_sub(self.run_bytes));
        if self.table_bytes == usize::MAX || tables <= room {
            Due::Nothing
        } else if storing > self.run_bytes / 2 {
            Due::Wait
        } else {
            Due::Spill { target: room - room / 8, slice_bytes: (self.run_bytes / 8).max(SLICE_BYTES_MIN) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BUDGET: TaskBudget = TaskBudget { table_bytes: 800_000, run_bytes: 80_000 };

    #[test]
    fn tables_are_spilled_in_slices_while_half_of_the_share_of_runs_is_free() {
        assert_eq!(BUDGET.due(800_000, 0), Due::Nothing);
        assert_eq!(BUDGET.due(800_001, 0), Due::Spill { target: 700_000, slice_bytes: 10_000 });
        assert_eq!(BUDGET.due(800_001, 40_000), Due::Spill { target: 700_000, slice_bytes: 10_000 });
        assert_eq!(BUDGET.due(800_001, 40_001), Due::Wait);
        assert_eq!(BUDGET.due(800_000, 80_000), Due::Nothing, "what waits has a share of its own");
    }

    #[test]
    fn a_checkpoint_on_its_way_takes_the_room_of_live_values() {
        assert_eq!(BUDGET.due(500_000, 380_000), Due::Nothing);
        assert_eq!(BUDGET.due(500_001, 380_000), Due::Wait);
        assert_eq!(BUDGET.due(1, 1_000_000), Due::Wait);
        assert_eq!(BUDGET.due(0, 1_000_000), Due::Nothing);
    }

    #[test]
    fn without_a_limit_nothing_is_due_and_without_one_of_runs_nobody_waits() {
        let unlimited = TaskBudget { table_bytes: usize::MAX, run_bytes: 0 };
        assert_eq!(unlimited.due(usize::MAX, usize::MAX), Due::Nothing);
        let all = TaskBudget { table_bytes: 0, run_bytes: usize::MAX };
        assert!(matches!(all.due(1, 1 << 40), Due::Spill { target: 0, .. }));
    }

    proptest! {
        /// A task waits only for what will come: a run that is being stored. And it is never told to write nothing.
        #[test]
        fn nobody_waits_for_nothing(table: usize, run: usize, tables: usize, storing: usize) {
            match (TaskBudget { table_bytes: table, run_bytes: run }).due(tables, storing) {
                Due::Nothing => {}
                Due::Wait => prop_assert!(storing > 0),
                Due::Spill { target, slice_bytes } => prop_assert!(target <= tables && slice_bytes >= SLICE_BYTES_MIN),
            }
        }
    }
}
