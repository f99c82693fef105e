//! The model: what was written since the last cut, how much of it was acknowledged, and what may be left of it.

use crate::write::{Found, KEYS, Write};
use gress_state_rocksdb::Durability;

/// What is under each key.
pub type State = Vec<Found>;

/// Writes in their order, on top of a state that is known to be durable.
///
/// All of it lives in this process and never on the disk that is tested.
#[derive(Clone, Debug)]
pub struct History {
    base: State,
    writes: Vec<Write>,
    acknowledged: usize,
    flushed: usize,
    /// So many writes must have survived whatever has happened since.
    promised: Option<usize>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It was killed, and the system lives on.
    Kill,
    /// The power went off.
    PowerCut,
}

/// What is left, compared with what was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first writes, as many as promised or more.
    Kept {
        /// How many of the acknowledged ones are gone, which nobody had promised.
        rolled_back: usize,
        /// What is there.
        state: State,
    },
    /// The first writes, but fewer than promised.
    Lost {
        /// How many are missing.
        writes: usize,
    },
    /// A value that nobody wrote, or a part of a batch.
    Torn,
    /// A later write without an earlier one.
    Reordered,
}

impl History {
    /// A store that holds nothing.
    pub fn new() -> Self {
        Self::after(vec![Found::Absent; KEYS])
    }

    /// A store of which this is known.
    pub fn after(base: State) -> Self {
        Self { base, writes: Vec::new(), acknowledged: 0, flushed: 0, promised: None }
    }

    /// A write begins. All before it must have been acknowledged.
    pub fn begin(&mut self, write: Write) {
        assert_eq!(self.acknowledged, self.writes.len(), "one writer waits for each acknowledgement");
        self.writes.push(write);
    }

    /// The write that began was acknowledged.
    pub fn acknowledge(&mut self) {
        self.acknowledged = self.writes.len();
    }

    /// A flush or a checkpoint was acknowledged.
    pub fn flushed(&mut self) {
        self.flushed = self.acknowledged;
    }

    /// A process ended. Several faults may follow each other before anyone can look: the least promise of them holds.
    pub fn fault(&mut self, durability: Durability, fault: Fault) {
        let promised = match (durability, fault) {
            (Durability::WalSync, _) | (Durability::Wal, Fault::Kill) => self.acknowledged,
            (Durability::Wal, Fault::PowerCut) | (Durability::Checkpoint, _) => self.flushed,
        };
        self.promised = Some(self.promised.map_or(promised, |before| before.min(promised)));
    }

    /// The state with all acknowledged writes.
    pub fn acknowledged_state(&self) -> State {
        let mut state = self.base.clone();
        self.writes[..self.acknowledged].iter().for_each(|write| apply(&mut state, write));
        state
    }

    /// Compares what is left with what was promised.
    pub fn judge(&self, found: &State) -> Verdict {
        if found.contains(&Found::Garbage) {
            return Verdict::Torn;
        }
        let promised = self.promised.unwrap_or(self.acknowledged);
        // The longest beginning, where several give the same state.
        match self.beginnings().filter(|(_, state)| state == found).last() {
            Some((length, _)) if length < promised => Verdict::Lost { writes: promised - length },
            Some((length, state)) => Verdict::Kept { rolled_back: self.acknowledged.saturating_sub(length), state },
            None if self.is_torn(found) => Verdict::Torn,
            None => Verdict::Reordered,
        }
    }

    /// The states after no write, after one, and so on.
    fn beginnings(&self) -> impl Iterator<Item = (usize, State)> {
        let mut state = self.base.clone();
        let first = std::iter::once((0, state.clone()));
        first.chain(self.writes.iter().enumerate().map(move |(index, write)| {
            apply(&mut state, write);
            (index + 1, state.clone())
        }))
    }

    /// Whether it is a beginning, but for a part of the batch that comes next.
    fn is_torn(&self, found: &State) -> bool {
        self.beginnings().zip(&self.writes).any(|((_, before), write)| {
            let mut after = before.clone();
            apply(&mut after, write);
            (0..KEYS).all(|key| found[key] == before[key] || found[key] == after[key])
        })
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

fn apply(state: &mut State, write: &Write) {
    for change in &write.changes {
        state[change.key] = if change.is_put { Found::Written(write.number) } else { Found::Absent };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DURABILITIES;
    use crate::write::{Change, How};

    fn write(number: u64, keys: &[usize]) -> Write {
        let changes = keys.iter().map(|&key| Change { key, is_put: true }).collect();
        Write { number, changes, how: How::Entries }
    }

    fn state(values: &[(usize, u64)]) -> State {
        let mut state = vec![Found::Absent; KEYS];
        values.iter().for_each(|&(key, number)| state[key] = Found::Written(number));
        state
    }

    /// 1: key 0; 2: key 1; then a flush; 3: keys 0 and 2; 4: key 1, which nobody acknowledged.
    fn history() -> History {
        let mut history = History::new();
        for (number, keys) in [(1, &[0][..]), (2, &[1]), (3, &[0, 2])] {
            history.begin(write(number, keys));
            history.acknowledge();
            if number == 2 {
                history.flushed();
            }
        }
        history.begin(write(4, &[1]));
        history
    }

    const TWO: [(usize, u64); 2] = [(0, 1), (1, 2)];
    const THREE: [(usize, u64); 3] = [(0, 3), (1, 2), (2, 3)];
    const FOUR: [(usize, u64); 3] = [(0, 3), (1, 4), (2, 3)];

    fn verdict(durability: Durability, faults: &[Fault], values: &[(usize, u64)]) -> Verdict {
        let mut history = history();
        faults.iter().for_each(|&fault| history.fault(durability, fault));
        history.judge(&state(values))
    }

    fn kept(rolled_back: usize, values: &[(usize, u64)]) -> Verdict {
        Verdict::Kept { rolled_back, state: state(values) }
    }

    #[test]
    fn with_a_synced_log_every_acknowledged_write_is_promised() {
        for fault in [Fault::Kill, Fault::PowerCut] {
            assert_eq!(verdict(Durability::WalSync, &[fault], &FOUR), kept(0, &FOUR));
            assert_eq!(verdict(Durability::WalSync, &[fault], &THREE), kept(0, &THREE));
            assert_eq!(verdict(Durability::WalSync, &[fault], &TWO), Verdict::Lost { writes: 1 });
        }
    }

    #[test]
    fn with_a_log_that_is_not_synced_a_power_cut_leaves_what_was_flushed_or_more() {
        assert_eq!(verdict(Durability::Wal, &[Fault::PowerCut], &TWO), kept(1, &TWO));
        assert_eq!(verdict(Durability::Wal, &[Fault::PowerCut], &TWO[..1]), Verdict::Lost { writes: 1 });
        assert_eq!(verdict(Durability::Wal, &[Fault::Kill], &TWO), Verdict::Lost { writes: 1 });
    }

    #[test]
    fn without_a_log_nothing_is_promised_but_what_was_flushed() {
        for fault in [Fault::Kill, Fault::PowerCut] {
            assert_eq!(verdict(Durability::Checkpoint, &[fault], &TWO), kept(1, &TWO));
            assert_eq!(verdict(Durability::Checkpoint, &[fault], &[]), Verdict::Lost { writes: 2 });
        }
    }

    #[test]
    fn the_weaker_of_two_faults_in_a_row_counts() {
        assert_eq!(verdict(Durability::Wal, &[Fault::Kill, Fault::PowerCut], &TWO), kept(1, &TWO));
        assert_eq!(verdict(Durability::Wal, &[Fault::PowerCut, Fault::Kill], &TWO), kept(1, &TWO));
    }

    #[test]
    fn a_write_without_an_earlier_one_is_reordered_in_every_mode() {
        for durability in DURABILITIES {
            // The second is missing.
            assert_eq!(verdict(durability, &[Fault::PowerCut], &[(0, 3), (2, 3)]), Verdict::Reordered);
            // The third is missing.
            assert_eq!(verdict(durability, &[Fault::PowerCut], &[(0, 1), (1, 4)]), Verdict::Reordered);
            // One that nobody wrote.
            assert_eq!(verdict(durability, &[Fault::PowerCut], &[(0, 9)]), Verdict::Reordered);
        }
    }

    #[test]
    fn a_part_of_a_batch_or_of_a_value_is_torn() {
        assert_eq!(verdict(Durability::Wal, &[Fault::PowerCut], &[(0, 3), (1, 2)]), Verdict::Torn);
        let mut garbage = state(&TWO);
        garbage[5] = Found::Garbage;
        assert_eq!(history().judge(&garbage), Verdict::Torn);
    }

    #[test]
    fn after_a_verdict_what_is_there_must_stay() {
        let mut next = History::after(state(&TWO));
        next.fault(Durability::Wal, Fault::PowerCut);
        assert_eq!(next.judge(&state(&TWO)), kept(0, &TWO));
        assert_eq!(next.judge(&state(&TWO[..1])), Verdict::Reordered);
    }
}
