//! Killed, stopped, started again: the output is that of an undisturbed run.

use crate::{
    job::{BACKENDS, Job},
    output::Output,
};
use rustix::process::Signal;

#[test]
fn a_job_that_is_killed_again_and_again_commits_what_an_undisturbed_one_does() {
    for backend in BACKENDS {
        let job = Job::new();
        let mut output = Output::of(&job);
        for _ in 0..4 {
            let newest = |job: &Job| job.checkpoints().last().map_or(0, |checkpoint| checkpoint.id());
            let before = newest(&job);
            // Its claim, and two checkpoints of its own.
            job.kill_when(&job.on(backend).slow(), "a checkpoint or two", |job| newest(job) >= before + 3);
            output.is_sound();
        }
        let ended = job.on(backend).run().finished();
        assert!(ended.restored().is_some(), "{}", ended.text());
        assert_eq!(ended.stderr, "", "nothing is damaged");
        output.is_complete();
    }
}

#[test]
fn a_job_that_is_killed_as_soon_as_it_has_recovered_loses_nothing() {
    for backend in BACKENDS {
        let job = Job::interrupted(backend);
        let mut output = Output::of(&job);
        output.is_sound();
        for _ in 0..3 {
            let before = job.checkpoints().last().expect("it had checkpoints").id();
            let claimed = |job: &Job| job.checkpoints().last().is_some_and(|newest| newest.id() > before);
            job.wait_until(job.on(backend).slow().start(), "its claim", claimed).kill();
            output.is_sound();
        }
        job.on(backend).run().finished();
        output.is_complete();
    }
}

#[test]
fn a_job_that_is_killed_before_its_first_checkpoint_begins_again() {
    for backend in BACKENDS {
        let job = Job::new();
        let mut output = Output::of(&job);
        let rarely = job.on(backend).slow().with("--checkpoint-interval", "1h");
        job.kill_when(&rarely, "its claim", |job| !job.checkpoints().is_empty());
        output.is_sound();
        job.on(backend).run().finished();
        output.is_complete();
    }
}

fn goes_on_where_it_was_stopped_by(signal: Signal) {
    for backend in BACKENDS {
        let job = Job::new();
        let mut output = Output::of(&job);
        let running = job.wait_until(job.on(backend).slow().start(), "a job at work", Job::is_at_work);
        running.signal(signal);
        let stopped = running.wait().stopped();
        output.is_sound();
        let newest = job.checkpoints().pop().expect("it said that there is one");
        assert_eq!((newest.id(), &newest.json["ending"]), (stopped, &"stopped".into()));

        let ended = job.on(backend).run().finished();
        assert_eq!(ended.restored(), Some(stopped), "{}", ended.text());
        output.is_complete();
    }
}

#[test]
fn a_job_that_is_terminated_takes_a_checkpoint_and_goes_on_from_it() {
    goes_on_where_it_was_stopped_by(Signal::TERM);
}

#[test]
fn a_job_that_is_interrupted_from_the_keyboard_takes_a_checkpoint_and_goes_on_from_it() {
    goes_on_where_it_was_stopped_by(Signal::INT);
}

#[test]
fn a_job_that_has_ended_says_so_and_touches_nothing() {
    for backend in BACKENDS {
        let job = Job::new();
        job.on(backend).run().finished();
        Output::of(&job).is_complete();
        for _ in 0..2 {
            let before = job.tree();
            let again = job.on(backend).run().finished();
            assert_eq!(again.stderr, "");
            before.assert_unchanged(&job.tree());
        }
    }
}

#[cfg(feature = "rocksdb")]
#[test]
fn state_that_a_killed_process_left_in_rocksdb_is_not_used_again() {
    let job = Job::new();
    let mut output = Output::of(&job);
    let in_rocksdb = |job: &Job| job.is_at_work() && job.has_tables_of_rocksdb();
    job.kill_when(&job.on("rocksdb").slow(), "state in RocksDB", in_rocksdb);
    output.is_sound();
    job.on("rocksdb").run().finished();
    output.is_complete();
    assert!(!job.has_tables_of_rocksdb(), "the end of a job leaves no working files");
}
