//! Files of JSON Lines, each record in them exactly once.
//!
//! ```text
//!  write ─▶ .t0-JOB.e1.7.open ─ prepare(9) ─▶ .c0000000009-t0-JOB.e1.staged ─ commit ─▶ c0000000009-t0-JOB.jsonl
//!           (buffered)           synced, renamed                             renamed, folder synced
//! ```
//!
//! Only visible files are output. What is hidden belongs to a checkpoint that is not complete yet, or to a process that
//! is gone; whoever starts the job decides which.

mod committer;
mod folder;
mod name;
mod writer;

use super::{Committer, Sink, Writer, WriterContext};
use committer::FolderCommitter;
use folder::Folder;
use gress_core::Result;
use serde::Serialize;
use std::{path::PathBuf, sync::Arc};
use writer::LinesWriter;

/// Writes each event as one line of JSON into files of a folder: `c0000000009-t0-3fa9c1d2.jsonl` is what subtask 0 of job
/// 3fa9c1d2 wrote between checkpoints 8 and 9.
///
/// A file becomes visible once its checkpoint is complete, and never changes afterwards. No two sinks may share a folder.
/// JSON has no `NaN` and no infinity: such floats become `null`.
#[derive(Clone, Debug)]
pub struct JsonLines {
    folder: Folder,
}

impl JsonLines {
    /// Into `folder`, which is created when the job starts.
    pub fn exactly_once(folder: impl Into<PathBuf>) -> Self {
        JsonLines { folder: Folder::new(folder) }
    }
}

impl<T: Serialize> Sink<T> for JsonLines {
    fn open(&self, context: &WriterContext) -> Result<Box<dyn Writer<T>>> {
        Ok(Box::new(LinesWriter::new(self.folder.clone(), context.clone())))
    }

    fn committer(&self) -> Option<Arc<dyn Committer>> {
        Some(Arc::new(FolderCommitter::new(self.folder.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::ReplayFilter;
    use gress_core::{CheckpointId, ErrorKind, Event, JobId};
    use gress_state::checkpoint::PendingTransaction;
    use std::{cell::RefCell, fs, path::Path, rc::Rc};

    struct Output {
        folder: tempfile::TempDir,
        sink: JsonLines,
        committer: Arc<dyn Committer>,
    }

    impl Output {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let sink = JsonLines::exactly_once(folder.path().join("out/hourly"));
            let committer = Sink::<u64>::committer(&sink).unwrap();
            committer.prepare_output().unwrap();
            Output { folder, sink, committer }
        }

        fn path(&self) -> std::path::PathBuf {
            self.folder.path().join("out/hourly")
        }

        fn writer(&self, subtask: usize, replay: Option<Rc<RefCell<ReplayFilter>>>) -> Box<dyn Writer<u64>> {
            self.sink.open(&WriterContext { job: JobId(0x3fa9_c1d2), epoch: 1, subtask, replay }).unwrap()
        }

        fn files(&self) -> Vec<String> {
            let mut names: Vec<_> =
                fs::read_dir(self.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.path().join(name)).unwrap()
        }
    }

    fn write(writer: &mut dyn Writer<u64>, values: impl IntoIterator<Item = u64>) {
        let mut events = values.into_iter().map(Event::untimed).collect();
        writer.write(&mut events).unwrap();
        assert!(events.is_empty());
    }

    fn prepare(writer: &mut dyn Writer<u64>, id: u64) -> Option<PendingTransaction> {
        writer.prepare(CheckpointId(id)).unwrap().map(|prepare| prepare().unwrap())
    }

    fn digests(committer: &dyn Committer, name: &str) -> Vec<u128> {
        let mut digests = Vec::new();
        committer.records(name, &mut |digest| digests.push(digest)).unwrap();
        digests
    }

    const VISIBLE: &str = "c0000000004-t0-3fa9c1d2.jsonl";
    const STAGED: &str = ".c0000000004-t0-3fa9c1d2.e1.staged";

    #[test]
    fn output_is_visible_only_after_commit_and_a_second_commit_changes_nothing() {
        let output = Output::new();
        let mut writer = output.writer(0, None);
        write(writer.as_mut(), 1..=3);
        let pending = prepare(writer.as_mut(), 4).unwrap();
        assert_eq!((pending.bytes, pending.records, pending.staged.as_str()), (6, 3, STAGED));
        assert_eq!(output.files(), [STAGED]);
        assert_eq!(output.committer.inspect().unwrap().staged, [STAGED]);
        for _ in 0..2 {
            output.committer.commit(std::slice::from_ref(&pending)).unwrap();
            assert_eq!(output.files(), [VISIBLE]);
            assert_eq!(output.read(VISIBLE), "1\n2\n3\n");
        }
        let listing = output.committer.inspect().unwrap();
        assert_eq!((listing.visible[0].checkpoint, listing.visible[0].bytes), (CheckpointId(4), 6));
        let expected: Vec<_> = ["1", "2", "3"].map(|line| ReplayFilter::digest(line.as_bytes())).into();
        assert_eq!(digests(output.committer.as_ref(), VISIBLE), expected);
    }

    #[test]
    fn a_transaction_larger_than_the_buffer_is_written_as_it_grows() {
        let output = Output::new();
        let mut writer = output.writer(0, None);
        for batch in 0..300 {
            write(writer.as_mut(), batch * 1_000..(batch + 1) * 1_000);
        }
        assert_eq!(output.files(), [".t0-3fa9c1d2.e1.0.open"]);
        let pending = prepare(writer.as_mut(), 4).unwrap();
        output.committer.commit(std::slice::from_ref(&pending)).unwrap();
        let expected: String = (0..300_000).map(|n| format!("{n}\n")).collect();
        assert_eq!(output.read(VISIBLE), expected);
        assert_eq!(pending.digest.0, xxhash_rust::xxh3::xxh3_128(expected.as_bytes()));
    }

    #[test]
    fn a_transaction_without_records_leaves_no_file() {
        let output = Output::new();
        let mut writer = output.writer(0, None);
        write(writer.as_mut(), []);
        assert_eq!(prepare(writer.as_mut(), 4), None);
        assert_eq!(output.files(), [""; 0]);
    }

    #[test]
    fn the_work_of_one_checkpoint_may_be_done_while_the_next_is_written() {
        let output = Output::new();
        let mut writer = output.writer(0, None);
        write(writer.as_mut(), [1]);
        let first = writer.prepare(CheckpointId(4)).unwrap().unwrap();
        write(writer.as_mut(), [2]);
        let second = writer.prepare(CheckpointId(5)).unwrap().unwrap();
        let pending = [std::thread::scope(|s| s.spawn(second).join().unwrap().unwrap()), first().unwrap()];
        output.committer.commit(&pending).unwrap();
        assert_eq!(output.read("c0000000005-t0-3fa9c1d2.jsonl"), "2\n");
        assert_eq!(output.read(VISIBLE), "1\n");
    }

    #[test]
    fn after_a_crash_between_staged_and_commit_the_commit_is_finished_and_the_rest_aborted() {
        let output = Output::new();
        let (mut complete, mut incomplete) = (output.writer(0, None), output.writer(1, None));
        write(complete.as_mut(), [1]);
        let pending = prepare(complete.as_mut(), 4).unwrap();
        write(incomplete.as_mut(), 0..300_000);
        write(complete.as_mut(), [2]);
        prepare(complete.as_mut(), 5).unwrap();
        drop((complete, incomplete));
        let other = output.path().join(".DS_Store");
        fs::write(&other, "").unwrap();

        output.committer.commit(&[pending]).unwrap();
        output.committer.abort_rest().unwrap();
        assert_eq!(output.files(), [".DS_Store", VISIBLE]);
        assert_eq!(output.read(VISIBLE), "1\n");
    }

    #[test]
    fn records_that_are_committed_already_are_dropped_once_each() {
        let output = Output::new();
        let mut filter = ReplayFilter::default();
        filter.add(ReplayFilter::digest(b"2"), 1);
        let filter = Rc::new(RefCell::new(filter));
        let mut writer = output.writer(0, Some(filter.clone()));
        write(writer.as_mut(), [1, 2, 2, 3]);
        let pending = prepare(writer.as_mut(), 4).unwrap();
        assert_eq!(pending.records, 3);
        output.committer.commit(&[pending]).unwrap();
        assert_eq!(output.read(VISIBLE), "1\n2\n3\n");
        assert_eq!(filter.borrow().remaining(), 0);
    }

    fn refused(change: impl Fn(&Path)) -> gress_core::Error {
        let output = Output::new();
        let (mut good, mut bad) = (output.writer(1, None), output.writer(0, None));
        write(good.as_mut(), [7]);
        write(bad.as_mut(), [1]);
        let pending = [prepare(good.as_mut(), 4).unwrap(), prepare(bad.as_mut(), 4).unwrap()];
        change(&output.path());
        let before = output.files();
        let error = output.committer.commit(&pending).unwrap_err();
        assert_eq!(output.files(), before, "nothing becomes visible");
        error
    }

    #[test]
    fn a_transaction_that_is_gone_or_changed_is_damage_and_nothing_of_the_checkpoint_becomes_visible() {
        let gone = refused(|folder| fs::remove_file(folder.join(STAGED)).unwrap());
        assert_eq!(gone.kind(), ErrorKind::Damaged);
        assert!(gone.to_string().contains(STAGED) && gone.to_string().contains(VISIBLE), "{gone}");
        let changed = refused(|folder| fs::write(folder.join(STAGED), "2\n").unwrap());
        assert!(changed.to_string().contains("checksum"), "{changed}");
        let short = refused(|folder| fs::write(folder.join(STAGED), "1").unwrap());
        assert!(short.to_string().contains("has length 1, expected 2"), "{short}");
        let taken = refused(|folder| fs::write(folder.join(VISIBLE), "2\n").unwrap());
        assert!(taken.to_string().contains(VISIBLE), "{taken}");
    }

    #[test]
    fn names_that_lead_out_of_the_folder_are_not_followed() {
        let output = Output::new();
        let mut writer = output.writer(0, None);
        write(writer.as_mut(), [1]);
        let pending = prepare(writer.as_mut(), 4).unwrap();
        for (staged, visible) in
            [(STAGED, "../c0000000004-t0-3fa9c1d2.jsonl"), ("../x", VISIBLE), (STAGED, "c0000000004-t1-3fa9c1d2.jsonl")]
        {
            let hostile = PendingTransaction { staged: staged.into(), visible: visible.into(), ..pending.clone() };
            assert_eq!(output.committer.commit(&[hostile]).unwrap_err().kind(), ErrorKind::Damaged);
        }
        assert!(output.committer.records("../../x", &mut |_| {}).is_err());
        assert_eq!(output.files(), [STAGED]);
    }

    #[test]
    fn an_output_that_does_not_exist_is_empty_and_stays_absent() {
        let folder = tempfile::tempdir().unwrap();
        let sink = JsonLines::exactly_once(folder.path().join("a/b"));
        let committer = Sink::<u64>::committer(&sink).unwrap();
        assert_eq!(committer.inspect().unwrap(), crate::sink::OutputListing::default());
        assert!(!folder.path().join("a").exists());
        committer.prepare_output().unwrap();
        committer.prepare_output().unwrap();
        assert!(folder.path().join("a/b").is_dir());
    }

    #[test]
    fn what_gress_did_not_write_is_foreign_unless_hidden() {
        let output = Output::new();
        for name in ["notes.txt", ".hidden", "c1-t0-3fa9c1d2.jsonl", VISIBLE] {
            fs::write(output.path().join(name), "").unwrap();
        }
        fs::create_dir(output.path().join("c0000000005-t0-3fa9c1d2.jsonl")).unwrap();
        let listing = output.committer.inspect().unwrap();
        assert_eq!(listing.foreign, ["c0000000005-t0-3fa9c1d2.jsonl", "c1-t0-3fa9c1d2.jsonl", "notes.txt"]);
        assert_eq!(listing.visible.len(), 1);
    }

    #[test]
    fn a_visible_file_that_ends_within_a_line_is_damage() {
        let output = Output::new();
        fs::write(output.path().join(VISIBLE), "1\n2").unwrap();
        let error = output.committer.records(VISIBLE, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains(VISIBLE), "{error}");
    }

    #[test]
    fn a_record_that_json_cannot_say_is_an_error_of_the_operator() {
        let output = Output::new();
        let context = WriterContext { job: JobId(1), epoch: 1, subtask: 0, replay: None };
        let mut writer = output.sink.open(&context).unwrap();
        let map = std::collections::BTreeMap::from([((1, 2), 3)]);
        let error = writer.write(&mut vec![Event::untimed(map)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Operator);
        assert!(error.to_string().contains("out/hourly") && error.to_string().contains("string"), "{error}");
    }

    #[test]
    fn floats_that_json_does_not_have_become_null() {
        let output = Output::new();
        let context = WriterContext { job: JobId(0x3fa9_c1d2), epoch: 1, subtask: 0, replay: None };
        let mut writer: Box<dyn Writer<f64>> = output.sink.open(&context).unwrap();
        writer.write(&mut vec![Event::untimed(f64::NAN), Event::untimed(1.5)]).unwrap();
        let pending = writer.prepare(CheckpointId(4)).unwrap().unwrap()().unwrap();
        output.committer.commit(&[pending]).unwrap();
        assert_eq!(output.read(VISIBLE), "null\n1.5\n");
    }
}
