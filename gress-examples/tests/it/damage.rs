//! Damaged checkpoints: reported by name, and the job goes on from the one before.

use crate::{
    job::{BACKENDS, Job},
    manifests::Checkpoint,
    output::Output,
    process::Ended,
    tree::Tree,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

type Damage = fn(&Path);

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).expect("a file of the checkpoint");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).expect("a file of the checkpoint");
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).expect("a file of the checkpoint");
    fs::write(path, &bytes[..bytes.len() - 1]).expect("a file of the checkpoint");
}

fn remove(path: &Path) {
    fs::remove_file(path).expect("a file of the checkpoint");
}

/// The newest two checkpoints, and the run files that only the newest one names. Neither repeats the other.
fn newest(job: &Job) -> Option<(Checkpoint, Checkpoint, Vec<PathBuf>)> {
    let mut checkpoints = job.checkpoints();
    let (newest, before) = (checkpoints.pop()?, checkpoints.pop()?);
    let old: Vec<_> = before.runs().into_iter().chain(checkpoints.iter().flat_map(Checkpoint::runs)).collect();
    let mut own = newest.runs();
    own.retain(|run| !old.contains(run));
    let repeats = newest.is_claim() || before.is_claim() || own.is_empty();
    (!repeats).then_some((before, newest, own))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Each of these files is named on a line of its own, and nothing else is said.
fn assert_reported(ended: &Ended, damaged: &[&Path]) {
    let lines: Vec<_> = ended.stderr.lines().collect();
    let named = |path: &&Path| lines.iter().any(|line| line.contains(&file_name(path)));
    assert!(lines.len() == damaged.len() && damaged.iter().all(named), "{damaged:?}: {}", ended.text());
}

/// Interrupts a job, damages the file that `choose` takes from its newest checkpoint, and brings the job to its end.
fn goes_on_from_the_one_before(damage: Damage, choose: fn(&Checkpoint, &[PathBuf]) -> PathBuf) {
    for backend in BACKENDS {
        let job = Job::new();
        let mut output = Output::of(&job);
        let damageable = |job: &Job| job.is_at_work() && newest(job).is_some();
        job.kill_when(&job.on(backend).slow(), "a checkpoint with files of its own", damageable);
        output.is_sound();
        let (before, newest, own) = newest(&job).expect("it was killed when there was one");
        let file = choose(&newest, &own);
        damage(&file);

        let ended = job.on(backend).run().finished();
        assert_reported(&ended, &[&file]);
        assert_eq!(ended.restored(), Some(before.id()), "{}", ended.text());
        output.is_complete();

        assert_eq!(job.on(backend).run().finished().stderr, "", "the damage is behind it");
        output.is_complete();
    }
}

fn its_manifest(newest: &Checkpoint, _: &[PathBuf]) -> PathBuf {
    newest.path.clone()
}

fn its_first_run(_: &Checkpoint, own: &[PathBuf]) -> PathBuf {
    own[0].clone()
}

#[test]
fn a_manifest_with_a_flipped_byte_is_named_and_the_one_before_is_used() {
    goes_on_from_the_one_before(flip_a_byte, its_manifest);
}

#[test]
fn a_truncated_manifest_is_named_and_the_one_before_is_used() {
    goes_on_from_the_one_before(truncate, its_manifest);
}

#[test]
fn a_run_file_with_a_flipped_byte_is_named_and_the_checkpoint_before_is_used() {
    goes_on_from_the_one_before(flip_a_byte, its_first_run);
}

#[test]
fn a_truncated_run_file_is_named_and_the_checkpoint_before_is_used() {
    goes_on_from_the_one_before(truncate, its_first_run);
}

#[test]
fn a_missing_run_file_is_named_and_the_checkpoint_before_is_used() {
    goes_on_from_the_one_before(remove, its_first_run);
}

#[test]
fn a_missing_manifest_is_no_checkpoint_and_its_visible_output_is_not_repeated() {
    for backend in BACKENDS {
        let job = Job::interrupted(backend);
        let mut output = Output::of(&job);
        output.is_sound();
        remove(&job.checkpoints().pop().expect("it was at work").path);
        job.on(backend).run().finished();
        output.is_complete();
    }
}

#[test]
fn a_claim_with_a_flipped_byte_costs_nothing() {
    for backend in BACKENDS {
        let job = Job::interrupted(backend);
        let mut output = Output::of(&job);
        // No checkpoint follows the claim, so that it stays the newest manifest.
        let rarely = job.on(backend).slow().with("--checkpoint-interval", "1h");
        job.kill_when(&rarely, "its claim", |job| job.checkpoints().last().is_some_and(Checkpoint::is_claim));
        output.is_sound();
        let claim = job.checkpoints().pop().expect("it has claimed");
        flip_a_byte(&claim.path);
        let ended = job.on(backend).run().finished();
        assert_reported(&ended, &[&claim.path]);
        output.is_complete();
    }
}

/// Brings a job to its end, with all its output visible, and damages every checkpoint that has read more than 300,000
/// of the 336,776 rows. Gives the newest whole one and those that are damaged.
fn ended_and_damaged(backend: &str, output: &mut Output, job: &Job) -> (Checkpoint, Vec<Checkpoint>) {
    let start = job.on(backend).with("--rate", "100000").with("--checkpoint-interval", "100ms");
    start.variable("GRESS__CHECKPOINT__RETAINED", "1000").run().finished();
    output.is_complete();
    let (mut whole, damaged): (Vec<_>, Vec<_>) = job.checkpoints().into_iter().partition(|c| c.rows_read() <= 300_000);
    assert!(damaged.last().is_some_and(Checkpoint::is_finished), "{damaged:#?}");
    for folder in ["hourly", "legs"] {
        let of_damaged = |path: &PathBuf| damaged.iter().any(|c| file_name(path).starts_with(&c.committed_prefix()));
        assert!(job.committed(folder).iter().any(of_damaged), "the last rows have results in {folder}");
    }
    damaged.iter().for_each(|checkpoint| flip_a_byte(&checkpoint.path));
    (whole.pop().expect("it took seconds to read so many rows"), damaged)
}

fn is_amid_a_replay(job: &Job) -> bool {
    job.checkpoints().last().is_some_and(|newest| !newest.is_claim() && newest.replays())
}

#[test]
fn output_of_damaged_checkpoints_that_is_visible_is_not_committed_again() {
    for backend in BACKENDS {
        let job = Job::new();
        let mut output = Output::of(&job);
        let (whole, damaged) = ended_and_damaged(backend, &mut output, &job);
        let ended = job.on(backend).run().finished();
        assert_reported(&ended, &damaged.iter().map(|checkpoint| checkpoint.path.as_path()).collect::<Vec<_>>());
        assert_eq!(ended.restored(), Some(whole.id()), "{}", ended.text());
        output.is_complete();
    }
}

#[test]
fn a_job_that_is_killed_while_it_replays_visible_output_commits_none_of_it_again() {
    for backend in BACKENDS {
        let job = Job::new();
        let mut output = Output::of(&job);
        ended_and_damaged(backend, &mut output, &job);
        // So slow that what lies behind the whole checkpoint takes more than ten seconds.
        let slow = job.on(backend).slow().with("--rate", "3000");
        job.wait_until(slow.start(), "a claim", |job| job.checkpoints().last().is_some_and(Checkpoint::replays)).kill();
        output.is_sound();
        for _ in 0..2 {
            job.kill_when(&slow, "a checkpoint amid the replay", is_amid_a_replay);
            output.is_sound();
        }
        job.on(backend).run().finished();
        output.is_complete();
    }
}

#[test]
fn a_checkpoint_that_is_damaged_amid_a_replay_is_left_out_as_any_other() {
    for backend in BACKENDS {
        let job = Job::new();
        let mut output = Output::of(&job);
        ended_and_damaged(backend, &mut output, &job);
        let slow = job.on(backend).slow().with("--rate", "3000");
        job.kill_when(&slow, "a checkpoint amid the replay", is_amid_a_replay);
        output.is_sound();
        let newest = job.checkpoints().pop().expect("it was amid the replay");
        flip_a_byte(&newest.path);
        let ended = job.on(backend).run().finished();
        assert_reported(&ended, &[&newest.path]);
        output.is_complete();
    }
}

#[test]
fn a_job_whose_checkpoints_are_all_damaged_names_them_and_writes_nothing() {
    for backend in BACKENDS {
        let job = Job::interrupted(backend);
        let checkpoints = job.checkpoints();
        for (at, checkpoint) in checkpoints.iter().enumerate() {
            [flip_a_byte, truncate][at % 2](&checkpoint.path);
        }
        let before = Tree::of(&job.work());
        let ended = job.on(backend).run();
        before.assert_unchanged(&job.tree());
        let lines: Vec<_> = ended.stderr.lines().collect();
        assert_eq!((ended.code, lines.len()), (Some(1), 1), "{}", ended.text());
        let unnamed: Vec<_> = checkpoints.iter().filter(|c| !lines[0].contains(&file_name(&c.path))).collect();
        assert!(unnamed.is_empty(), "{unnamed:?}: {}", ended.text());
    }
}
