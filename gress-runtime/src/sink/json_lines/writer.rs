//! Writes the lines of one subtask.

use super::{
    folder::{Folder, OutputFile},
    name::{FileName, Transaction},
};
use crate::sink::{Prepare, ReplayFilter, Writer, WriterContext};
use gress_core::{CheckpointId, Error, Event, Result};
use gress_state::{checkpoint::PendingTransaction, run::FileDigest};
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3Default;

/// Lines are written in pieces of at least this length.
const BUFFER_BYTES: usize = 256 << 10;

/// The writer of one subtask.
pub(super) struct LinesWriter {
    folder: Folder,
    context: WriterContext,
    /// Makes the names of open files differ.
    transactions: u64,
    /// What was written since the last barrier.
    current: Lines,
}

impl LinesWriter {
    pub(super) fn new(folder: Folder, context: WriterContext) -> Self {
        let current = Lines::begin(&folder, &context, 0);
        LinesWriter { folder, context, transactions: 0, current }
    }

    fn append<T: Serialize>(&mut self, record: &T) -> Result<()> {
        let begin = self.current.buffer.len();
        if let Err(e) = serde_json::to_writer(&mut self.current.buffer, record) {
            return Err(self.unwritable(&e.to_string()).because(e));
        }
        let line = &self.current.buffer[begin..];
        // JSON escapes line feeds; only JSON text that a type passes through can hold one.
        if line.contains(&b'\n') {
            return Err(self.unwritable("its JSON is more than one line"));
        }
        let committed_already = |replay: &ReplayCell| replay.borrow_mut().take(ReplayFilter::digest(line));
        if self.context.replay.as_ref().is_some_and(committed_already) {
            self.current.buffer.truncate(begin);
            return Ok(());
        }
        self.current.buffer.push(b'\n');
        self.current.records += 1;
        if self.current.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.current.flush()
    }

    fn unwritable(&self, why: &str) -> Error {
        Error::operator(format!("a record for `{}` cannot be written as JSON: {why}", self.folder.display()))
    }
}

type ReplayCell = std::rc::Rc<std::cell::RefCell<ReplayFilter>>;

impl<T: Serialize> Writer<T> for LinesWriter {
    fn write(&mut self, events: &mut Vec<Event<T>>) -> Result<()> {
        let outcome = events.iter().try_for_each(|event| self.append(&event.value));
        events.clear();
        outcome
    }

    fn prepare(&mut self, checkpoint: CheckpointId) -> Result<Option<Prepare>> {
        if self.current.records == 0 {
            return Ok(None);
        }
        self.transactions += 1;
        let next = Lines::begin(&self.folder, &self.context, self.transactions);
        let lines = std::mem::replace(&mut self.current, next);
        let transaction = Transaction { checkpoint, subtask: self.context.subtask, job: self.context.job };
        let staged = FileName::Staged(transaction, self.context.epoch).to_string();
        Ok(Some(Box::new(move || lines.stage(staged, FileName::Visible(transaction).to_string()))))
    }
}

/// The lines of one transaction: the file has the older ones, the buffer the newer.
struct Lines {
    folder: Folder,
    /// Name while it is written.
    name: String,
    /// Created when the buffer is written for the first time.
    file: Option<OutputFile>,
    buffer: Vec<u8>,
    records: u64,
    /// Of what is in the file.
    bytes: u64,
    hasher: Xxh3Default,
}

impl Lines {
    fn begin(folder: &Folder, context: &WriterContext, counter: u64) -> Self {
        let WriterContext { job, epoch, subtask, .. } = *context;
        Lines {
            folder: folder.clone(),
            name: FileName::Open { subtask, job, epoch, counter }.to_string(),
            file: None,
            buffer: Vec::new(),
            records: 0,
            bytes: 0,
            hasher: Xxh3Default::new(),
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.file()?;
        if let Some(file) = &mut self.file {
            file.append(&self.buffer)?;
        }
        self.hasher.update(&self.buffer);
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn file(&mut self) -> Result<()> {
        if self.file.is_none() {
            self.file = Some(self.folder.create_file(&self.name)?);
        }
        Ok(())
    }

    /// Makes the lines durable under the name `staged`: first the content, then the name.
    fn stage(mut self, staged: String, visible: String) -> Result<PendingTransaction> {
        self.flush()?;
        if let Some(file) = self.file.take() {
            file.sync()?;
        }
        self.folder.rename(&self.name, &staged)?;
        self.folder.sync()?;
        let digest = FileDigest(self.hasher.digest128());
        Ok(PendingTransaction { staged, visible, bytes: self.bytes, records: self.records, digest })
    }
}
