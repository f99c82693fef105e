//! The table of a `ValueState`: one value a key.

use super::{
    Cold, StateDescription, StateKind, StateTable, TableStats,
    live::{Live, Origin},
};
use crate::{
    key::{StateKey, StateValue},
    key_layout::{self, WindowPart},
    run::{RunCursor, RunEntry, UnsortedRun},
};
use gress_core::{Error, Result, StateName, codec};

/// Live values and what stands behind them. Handles work on both parts at once.
pub(crate) struct ValueTable<K, V> {
    pub live: Live<K, V>,
    pub cold: Cold,
}

impl<K: StateKey, V: StateValue> ValueTable<K, V> {
    pub(crate) fn new(cold: Cold) -> Self {
        ValueTable { live: Live::new(WindowPart::None), cold }
    }
}

impl<K: StateKey, V: StateValue> StateTable for ValueTable<K, V> {
    fn name(&self) -> &StateName {
        &self.cold.name
    }

    fn look_ahead(&self, hashes: &[u64]) {
        self.live.look_ahead(hashes);
    }

    fn describe(&self) -> StateDescription {
        StateDescription::of::<K, V>(StateKind::Value)
    }

    fn begin_seal(&mut self) -> Result<()> {
        self.cold.begin_seal(self.live.sealed())?;
        self.live.begin_seal();
        Ok(())
    }

    fn seal_slice(&mut self, max: usize) -> Result<bool> {
        self.live.seal_slice(max, &mut self.cold)?;
        Ok(self.live.sealed())
    }

    fn take_sealed(&mut self) -> UnsortedRun {
        self.cold.take_sealed()
    }

    fn restore(&mut self, content: &mut dyn RunCursor, budget: usize) -> Result<()> {
        while self.live.memory_bytes() < budget || budget == usize::MAX {
            let Some(entry) = content.next()? else { return Ok(()) };
            let (store_key, bytes) = put(entry)?;
            let parts = key_layout::split(store_key, 0)?;
            let key = self.cold.decode_key::<K>(store_key, parts.encoded_key)?;
            let value = codec::decode::<V>(bytes).map_err(|e| self.cold.undecodable::<V>(store_key, e))?;
            self.live.insert(key, parts.hash, Some(value), Origin::Checkpoint);
        }
        self.cold.store_for_spill()?.apply_run(content)
    }

    fn memory_bytes(&self) -> usize {
        self.live.memory_bytes() + self.cold.sealed.memory_bytes()
    }

    fn entries(&self) -> usize {
        self.live.entries()
    }

    fn stats(&self) -> TableStats {
        let mut stats = self.cold.stats();
        self.live.add_to(&mut stats);
        stats
    }

    fn evict(&mut self, target: usize) -> Result<Option<Vec<u8>>> {
        let (mut unsealed, mut sealed) = (UnsortedRun::default(), UnsortedRun::default());
        self.live.evict(target, &mut unsealed, &mut sealed, &mut self.cold)?;
        self.cold.spill(sealed)?;
        self.cold.spill(unsealed)
    }
}

/// The put that a merged checkpoint consists of.
pub(super) fn put(entry: RunEntry<'_>) -> Result<(&[u8], &[u8])> {
    match entry {
        RunEntry::Put { key, value } => Ok((key, value)),
        other => Err(Error::damaged(format!("the merged content of a checkpoint holds {other:?}"))),
    }
}
