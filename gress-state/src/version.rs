//! Versions of a state's values, and how values of an older one become those of today.

use crate::value::StateValue;
use gress_core::{Result, Schema};
use std::{fmt, marker::PhantomData, sync::Arc};

/// The version of a state that was never given one.
pub const FIRST_VERSION: u32 = 1;

/// Which version a state's values have, and how those of older versions become one of it.
///
/// A state has version 1 until it is given another one, which it is where it is declared:
///
/// ```
/// # use gress_state::{StateKey, TaskState, ValueState, Version};
/// # fn declare<K: StateKey>(state: &mut TaskState) -> ValueState<K, (u64, String)> {
/// state.value("total").version(Version::new(2).migrate(1, |cents: u64| Ok((cents, "EUR".to_owned()))))
/// # }
/// ```
///
/// A checkpoint says which version its values have. Where a job is of a higher one, they are all migrated when it starts,
/// before anything reads them, and the next checkpoint has the new version. Until it is complete, the one before stays what
/// the program before can go on from.
pub struct Version<V> {
    versions: Versions,
    of: PhantomData<fn() -> V>,
}

impl<V> Clone for Version<V> {
    fn clone(&self) -> Self {
        Version { versions: self.versions.clone(), of: PhantomData }
    }
}

impl<V> fmt::Debug for Version<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.versions.fmt(f)
    }
}

impl<V: StateValue> Version<V> {
    /// Values have the version `number`, from 1 on.
    pub fn new(number: u32) -> Self {
        Version { versions: Versions { number, migrations: Vec::new() }, of: PhantomData }
    }

    /// Values of version `from` were of type `Old`, and `change` makes those of today from them. A start on state that was
    /// of another type is refused.
    ///
    /// `change` must depend on nothing but the value: a start that crashes begins anew.
    #[must_use]
    pub fn migrate<Old: StateValue>(
        self,
        from: u32,
        change: impl Fn(Old) -> Result<V> + Send + Sync + 'static,
    ) -> Self {
        let source = Source { schema: Old::value_schema(), codec: Old::CODEC };
        self.add(from, Some(source), move |bytes| change(Old::decode_value(bytes)?))
    }

    /// As [`Version::migrate`], from the bytes that a value of version `from` has in a checkpoint, whatever its type and codec
    /// were.
    #[must_use]
    pub fn migrate_bytes(self, from: u32, change: impl Fn(&[u8]) -> Result<V> + Send + Sync + 'static) -> Self {
        self.add(from, None, change)
    }

    fn add(
        mut self,
        from: u32,
        source: Option<Source>,
        change: impl Fn(&[u8]) -> Result<V> + Send + Sync + 'static,
    ) -> Self {
        let to = self.versions.number;
        let change = move |bytes: &[u8], into: &mut Vec<u8>| {
            let changed = change(bytes).and_then(|value| value.encode_value(into));
            changed.map_err(|e| e.at(format!("migrating from version {from} to {to}")))
        };
        self.versions.migrations.push(Migration { from, source, change: Arc::new(change) });
        self
    }

    /// What is wrong with the numbers that it was given.
    pub fn problem(&self) -> Option<String> {
        self.versions.problem()
    }

    pub(crate) fn into_versions(self) -> Versions {
        self.versions
    }
}

/// A [`Version`] without the type of its values.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    pub(crate) number: u32,
    migrations: Vec<Migration>,
}

/// The way from one version to that of today.
#[derive(Clone)]
pub(crate) struct Migration {
    from: u32,
    /// What values of that version are, where it is known.
    source: Option<Source>,
    change: Arc<Change>,
}

/// Appends the value of today that the bytes of an older one become.
type Change = dyn Fn(&[u8], &mut Vec<u8>) -> Result<()> + Send + Sync;

#[derive(Clone, Debug, PartialEq)]
struct Source {
    schema: Schema,
    codec: &'static str,
}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration").field("from", &self.from).field("source", &self.source).finish_non_exhaustive()
    }
}

impl Versions {
    pub(crate) fn problem(&self) -> Option<String> {
        let Versions { number, migrations } = self;
        if *number < FIRST_VERSION {
            return Some("has version 0: valid are 1 and more".to_owned());
        }
        for (at, Migration { from, .. }) in migrations.iter().enumerate() {
            if !(FIRST_VERSION..*number).contains(from) {
                return Some(format!(
                    "has version {number} and migrates from {from}: valid are 1 and more below {number}"
                ));
            }
            if migrations[..at].iter().any(|other| other.from == *from) {
                return Some(format!("migrates from version {from} twice"));
            }
        }
        None
    }

    /// The way from version `from`, whose values have this schema and codec in a checkpoint.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn migration(&self, from: u32, schema: &Schema, codec: &str) -> Result<Migration, String> {
        let Some(migration) = self.migrations.iter().find(|migration| migration.from == from) else {
            return Err(match self.migrations.iter().map(|m| m.from.to_string()).collect::<Vec<_>>().join(", ") {
                known if known.is_empty() => format!("which migrates from no other: add `.migrate({from}, …)` to it"),
                known => format!("which migrates from {known}: add `.migrate({from}, …)` to it"),
            });
        };
        match &migration.source {
            Some(source) if source.codec != codec => {
                Err(format!("which migrates from values of the codec `{}`, and these are of `{codec}`", source.codec))
            }
            Some(source) if source.schema != *schema => {
                Err(format!("which migrates from values `{}`, and these are `{schema}`", source.schema))
            }
            _ => Ok(migration.clone()),
        }
    }
}

impl Migration {
    /// Appends the value of today that the bytes of an older one become.
    pub(crate) fn change(&self, bytes: &[u8], into: &mut Vec<u8>) -> Result<()> {
        (self.change)(bytes, into)
    }
}

/// Marks that a state was given its version, or says why it cannot be.
pub(crate) fn give(to: &mut Option<Versions>, versions: Versions) -> Result<(), String> {
    let problem = versions.problem();
    if to.replace(versions).is_some() {
        return Err("is given a version twice".to_owned());
    }
    problem.map_or(Ok(()), Err)
}

/// What a refusal adds where the job could be given another version.
pub(crate) fn advice(version: u32) -> String {
    let next = version.saturating_add(1);
    format!("give the changed state another name, or a version: `.version(Version::new({next}).migrate({version}, …))`")
}

/// Why values of a checkpoint that are newer than the job cannot be read.
pub(crate) fn newer(stored: u32, ours: u32) -> String {
    format!(
        "version {stored} in the checkpoint, {ours} in the job: a newer program has written it, run that one or start on a copy \
         of the checkpoints from before it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_make_no_sense_are_a_problem() {
        let same = |n: u8| Ok(n);
        assert_eq!(Version::<u8>::new(1).problem(), None);
        assert_eq!(Version::new(3).migrate(1, same).migrate(2, same).problem(), None);
        let text = |version: Version<u8>| version.problem().unwrap();
        assert_eq!(text(Version::new(0)), "has version 0: valid are 1 and more");
        assert_eq!(
            text(Version::new(2).migrate(0, same)),
            "has version 2 and migrates from 0: valid are 1 and more below 2"
        );
        assert_eq!(
            text(Version::new(2).migrate(2, same)),
            "has version 2 and migrates from 2: valid are 1 and more below 2"
        );
        assert_eq!(text(Version::new(3).migrate(2, same).migrate(2, same)), "migrates from version 2 twice");
    }

    #[test]
    fn a_migration_is_found_by_version_type_and_codec() {
        let schema = u8::value_schema();
        let versions = Version::<u16>::new(3).migrate(1, |n: u8| Ok(n.into())).into_versions();
        let migration = versions.migration(1, &schema, u8::CODEC).unwrap();
        let mut into = vec![9];
        migration.change(&[7], &mut into).unwrap();
        assert_eq!(into, [9, 7]);
        assert!(migration.change(&[], &mut into).unwrap_err().to_string().contains("from version 1 to 3"));
        let refusal = |version, schema: &Schema, codec| versions.migration(version, schema, codec).unwrap_err();
        assert_eq!(refusal(2, &schema, u8::CODEC), "which migrates from 1: add `.migrate(2, …)` to it");
        assert!(refusal(1, &Schema::any(), u8::CODEC).contains("from values `u8`, and these are `any`"));
        assert!(refusal(1, &schema, "other").contains("and these are of `other`"));
        let any = Version::<u16>::new(3).migrate_bytes(1, |bytes| Ok(bytes.len() as u16)).into_versions();
        assert!(any.migration(1, &Schema::any(), "other").is_ok());
    }
}
