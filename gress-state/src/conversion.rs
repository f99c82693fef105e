//! How the values of a state in a checkpoint become those of the state in the job: a pure function.
//!
//! ```text
//!  stored value ──▶ under the job's time to live ──▶ of the job's version ──▶ value as the job writes it
//! ```
//!
//! A restore rewrites a state that needs it as a whole, before anything is read. So a checkpoint has values of one version
//! only, and no read ever asks for one.

use crate::{
    table::{StateDescription, StateKind, migrate_chunk},
    ttl::{Restamp, Stamp, TtlClock},
    version::{self, Migration, Versions},
};
use gress_core::{Error, Result, StateName};
use std::{cmp::Ordering, fmt};

/// What is done to each value of a state when it is restored.
#[derive(Debug)]
pub struct Conversion {
    restamp: Option<Restamp>,
    migration: Option<Migration>,
    /// Values are chunks of lists, whose items are migrated.
    of_lists: bool,
    /// The job's values begin with a stamp.
    stamped: bool,
}

impl Conversion {
    /// What makes values of the state `stored` ones of `ours`; `None` where they can stay as they are. `now` is the time of
    /// the restore.
    pub(crate) fn between(
        name: &StateName,
        stored: &StateDescription,
        ours: &StateDescription,
        versions: Option<&Versions>,
        now: impl Fn(TtlClock) -> i64,
    ) -> Result<Option<Conversion>> {
        let refused = |why: &dyn fmt::Display| Error::refused(format!("the state `{name}` has {why}"));
        if let Some(difference) = ours.difference_in_place(stored) {
            return Err(refused(&format_args!("{difference}: give the changed state another name")));
        }
        let migration = match stored.version.cmp(&ours.version) {
            Ordering::Greater => return Err(refused(&version::newer(stored.version, ours.version))),
            Ordering::Equal => match ours.difference_in_values(stored) {
                None => None,
                Some(difference) => {
                    return Err(refused(&format_args!("{difference}: {}", version::advice(ours.version))));
                }
            },
            Ordering::Less => {
                let none = Versions::default();
                let found = versions.unwrap_or(&none);
                let found = found.migration(stored.version, &stored.value_schema, stored.codec_name());
                Some(found.map_err(|why| {
                    let (stored, ours) = (stored.version, ours.version);
                    refused(&format_args!("version {stored} in the checkpoint, {ours} in the job, {why}"))
                })?)
            }
        };
        let restamp = Restamp::between(stored.ttl, ours.ttl, now).map(|restamp| restamp.of(ours.kind));
        let (of_lists, stamped) = (ours.kind == StateKind::List, ours.ttl.is_some());
        let needed = restamp.is_some() || migration.is_some();
        Ok(needed.then_some(Conversion { restamp, migration, of_lists, stamped }))
    }

    /// Appends the value as the job writes it; `false` if it has expired.
    ///
    /// # Errors
    /// Bytes that are no value of the state in the checkpoint, and those of a migration.
    pub fn convert(&self, stored: &[u8], into: &mut Vec<u8>) -> Result<bool> {
        let mut restamped = Vec::new();
        let stored = match (&self.restamp, &self.migration) {
            (None, _) => stored,
            (Some(restamp), None) => return restamp.restamp(stored, into),
            (Some(restamp), Some(_)) => {
                if !restamp.restamp(stored, &mut restamped)? {
                    return Ok(false);
                }
                restamped.as_slice()
            }
        };
        let mut value = stored;
        if self.stamped {
            let stamp;
            (stamp, value) = Stamp::split(stored)?;
            stamp.encode(into);
        }
        match &self.migration {
            None => into.extend_from_slice(value),
            Some(migration) if self.of_lists => {
                migrate_chunk(value, |item, into| migration.change(item, into), into)?;
            }
            Some(migration) => migration.change(value, into)?,
        }
        Ok(true)
    }
}
