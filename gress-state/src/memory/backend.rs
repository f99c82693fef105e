//! One task's stores in memory.

use crate::{
    backend::{BackendFactory, BackendStats, CheckpointFile, StateBackend},
    checkpoint::{CheckpointStorage, LocalStorage},
    key_value::{KeyValueOptions, KeyValueState},
    memory::{
        MemoryFactory, MemoryStore,
        content::{Change, Content, SharedContent, closed},
        view::View,
    },
    run::{FileSummary, RunEntry, RunReader, RunWriter},
    store::StateStore,
    ttl::Expiry,
};
use gress_core::{Error, Result, StateName};
use std::{
    collections::BTreeMap,
    fmt,
    io::Write,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One task's stores in memory. [`StateBackend::flush`] has nothing to do, and [`StateBackend::compact`] removes what has
/// expired.
pub struct MemoryBackend {
    /// `None` after `close`.
    stores: Mutex<Option<Stores>>,
}

type Stores = BTreeMap<StateName, SharedContent>;

impl Default for MemoryBackend {
    fn default() -> Self {
        MemoryBackend { stores: Mutex::new(Some(BTreeMap::new())) }
    }
}

impl MemoryBackend {
    /// A key-value state in memory; see [`KeyValueState`].
    ///
    /// # Errors
    /// None in practice.
    pub fn open() -> Result<KeyValueState> {
        MemoryBackend::open_with(KeyValueOptions::default())
    }

    /// As [`MemoryBackend::open`], with these options.
    ///
    /// # Errors
    /// None in practice.
    pub fn open_with(options: KeyValueOptions) -> Result<KeyValueState> {
        KeyValueState::over(Box::new(MemoryBackend::default()), MemoryFactory.name(), options)
    }

    /// The key-value state that [`KeyValueState::create_checkpoint`] has written, in memory.
    ///
    /// # Errors
    /// As [`KeyValueState::open_checkpoint`].
    pub fn open_checkpoint(checkpoint: impl AsRef<Path>, options: KeyValueOptions) -> Result<KeyValueState> {
        KeyValueState::open_checkpoint(&MemoryFactory, checkpoint.as_ref(), None, options)
    }

    /// A backend with the content of a copy that [`StateBackend::checkpoint`] wrote.
    pub(super) fn read_copy(copy: &Path) -> Result<Self> {
        let storage = LocalStorage::new(copy);
        let mut stores = Stores::new();
        for file in storage.list()? {
            let name = store_name(&file).ok_or_else(|| {
                let copy = copy.display();
                Error::refused(format!("`{file}` in `{copy}` is no file of a memory backend: another backend wrote it"))
            })?;
            let mut run = RunReader::open(storage.open(&file)?)?;
            let content = SharedContent::empty();
            let changes = Change::collect(&mut run)?;
            content.write(&name, |content| content.apply(changes))?;
            stores.insert(name, content);
        }
        Ok(MemoryBackend { stores: Mutex::new(Some(stores)) })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Stores>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, then: impl FnOnce(&mut Stores) -> Result<R>) -> Result<R> {
        match self.lock().as_mut() {
            Some(stores) => then(stores),
            None => Err(closed("a method")),
        }
    }

    fn content(&self, name: &StateName) -> Result<SharedContent> {
        self.with(|stores| Ok(stores.entry(name.clone()).or_insert_with(SharedContent::empty).clone()))
    }

    /// A view of every store, all of the same moment: while they are opened, nobody writes.
    fn open_views(&self) -> Result<Vec<(StateName, SharedContent, Arc<View>)>> {
        self.with(|stores| {
            let mut locked: Vec<_> = stores.values().map(SharedContent::lock_for_writing).collect();
            let views: Vec<_> = locked.iter_mut().map(|content| content.as_mut().map(Content::open_view)).collect();
            let opened = stores.iter().zip(views);
            Ok(opened.filter_map(|((name, content), view)| Some((name.clone(), content.clone(), view?))).collect())
        })
    }
}

impl StateBackend for MemoryBackend {
    fn open_store(&self, name: &StateName) -> Result<Box<dyn StateStore>> {
        Ok(Box::new(MemoryStore::new(name.clone(), self.content(name)?)))
    }

    /// Each write looks at a few entries, in turn, and removes those of them that have expired.
    fn open_expiring_store(&self, name: &StateName, expiry: Arc<Expiry>) -> Result<Box<dyn StateStore>> {
        let content = self.content(name)?;
        content.write(name, |content| content.expire(expiry))?;
        Ok(Box::new(MemoryStore::new(name.clone(), content)))
    }

    fn flush(&self) -> Result<()> {
        self.with(|_| Ok(()))
    }

    fn compact(&self) -> Result<()> {
        self.with(|stores| stores.iter().try_for_each(|(name, content)| content.write(name, Content::clean_all)))
    }

    /// One run file for each store, named after it.
    fn checkpoint(&self, directory: &Path) -> Result<Vec<CheckpointFile>> {
        let views = self.open_views()?;
        std::fs::create_dir(directory).map_err(|e| Error::io("create", directory, e))?;
        let storage = LocalStorage::new(directory);
        let mut files = Vec::new();
        for (name, content, view) in views {
            let file = file_name(&name);
            let mut summary = None;
            storage.put(&file, &mut |into| {
                summary = Some(write_view(&name, &content, &view, into)?);
                Ok(())
            })?;
            files.extend(summary.map(|summary| CheckpointFile { name: file, summary }));
        }
        Ok(files)
    }

    fn stats(&self) -> Result<BackendStats> {
        self.with(|stores| {
            let mut sum = BackendStats::default();
            for (name, content) in stores.iter() {
                content.read(name, |content| {
                    sum.entries += content.map.len() as u64;
                    sum.memory_bytes += content.memory_bytes();
                })?;
            }
            Ok(sum)
        })
    }

    fn property(&self, _name: &str) -> Result<Option<String>> {
        self.with(|_| Ok(None))
    }

    fn close(&self) -> Result<()> {
        for content in self.lock().take().unwrap_or_default().values() {
            content.close();
        }
        Ok(())
    }
}

/// Parts a store's name in the name of its file; it occurs in neither part.
const SEPARATOR: char = '@';
const EXTENSION: &str = ".run";

fn file_name(name: &StateName) -> String {
    format!("{}{EXTENSION}", name.as_str().replacen('/', &SEPARATOR.to_string(), 1))
}

fn store_name(file: &str) -> Option<StateName> {
    let (operator, state) = file.strip_suffix(EXTENSION)?.split_once(SEPARATOR)?;
    Some(StateName::new(operator, state))
}

fn write_view(name: &StateName, content: &SharedContent, view: &View, into: &mut dyn Write) -> Result<FileSummary> {
    let mut run = RunWriter::new(into)?;
    let mut rows = Vec::new();
    loop {
        content.read(name, |content| content.read_view(view, &mut rows))?;
        if rows.is_empty() {
            return Ok(run.finish()?.1);
        }
        for (key, value) in rows.drain(..) {
            run.append(RunEntry::Put { key: &key, value: &value })?;
        }
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Option<Vec<String>> =
            self.lock().as_ref().map(|stores| stores.keys().map(StateName::to_string).collect());
        f.debug_struct("MemoryBackend").field("stores", &names).finish()
    }
}
