//! One engine in a process of its own that has only so much memory, page cache included: by a control group of Linux.

use crate::{engine::Engine, jobs::Comparison, measure::Sample};
use gress_core::ByteSize;
use gress_runtime::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// What the child process is told. Its measure comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub comparison: Comparison,
    pub engine: Engine,
    pub events: u64,
    pub seed: u64,
}

#[derive(Serialize, Deserialize)]
struct Measured {
    events: u64,
    wall: Duration,
    cpu: Duration,
    checkpoints: u64,
}

/// Runs `errand` in another process with `limit` of memory.
pub(crate) fn run(errand: Errand, limit: ByteSize) -> Result<Sample> {
    let group = Group::create(limit)?;
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command.arg("errand").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Waited(command.spawn()?);
    // It waits for its errand, and is in the group before it gets one.
    group.add(child.0.id())?;
    let text = serde_json::to_vec(&errand).map_err(|e| Error::operator(e.to_string()))?;
    if let Some(mut stdin) = child.0.stdin.take() {
        stdin.write_all(&text)?;
    }
    let mut said = String::new();
    if let Some(stdout) = &mut child.0.stdout {
        stdout.read_to_string(&mut said)?;
    }
    let status = child.0.wait()?;
    let measured: Measured = serde_json::from_str(&said).map_err(|_| {
        let engine = errand.engine.name();
        Error::operator(format!("{engine}, with {limit} of memory: its process ended with {status}"))
    })?;
    let Measured { events, wall, cpu, checkpoints } = measured;
    Ok(Sample { events, wall, cpu, checkpoints })
}

/// Fails where the memory of a process cannot be limited.
pub(crate) fn check(limit: ByteSize) -> Result<()> {
    Group::create(limit).map(drop)
}

/// What the child process does: reads its errand, prints its measure.
pub(crate) fn serve() -> Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let wrong = |error: serde_json::Error| Error::argument(format!("standard input is no errand: {error}"));
    let errand: Errand = serde_json::from_str(&text).map_err(wrong)?;
    let Errand { comparison, engine, events, seed } = errand;
    // What the kernel gives in huge pages is not what a program asks for: see docs/tuning.md.
    rustix::thread::disable_transparent_huge_pages(true).map_err(std::io::Error::from)?;
    let workload = comparison.workload(Some(events), seed)?;
    let Some(Sample { events, wall, cpu, checkpoints }) = comparison.run_here(engine, &workload)? else {
        return Err(Error::argument(format!("{} does not run {}", engine.name(), comparison.name())));
    };
    let measured = Measured { events, wall, cpu, checkpoints };
    println!("{}", serde_json::to_string(&measured).map_err(|e| Error::operator(e.to_string()))?);
    Ok(())
}

/// A child that does not outlive its parent's interest.
struct Waited(Child);

impl Drop for Waited {
    fn drop(&mut self) {
        // Of one that has ended already both fail, and nothing is left to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A control group, removed when it is dropped.
struct Group(PathBuf);

/// Where control groups are: of the memory controller in the first version, of all in the second.
const ROOTS: [(&str, &str); 2] = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];

impl Group {
    fn create(limit: ByteSize) -> Result<Group> {
        let (root, file) = match Path::new(ROOTS[0].0).is_dir() {
            true => ROOTS[0],
            false => ROOTS[1],
        };
        let path = Path::new(root).join(format!("gress-bench-{}", std::process::id()));
        let failed = |error| {
            let what = "limit the memory of a process (it takes a control group, which root can make) by";
            Error::io(what, &path, error)
        };
        fs::create_dir_all(&path).map_err(failed)?;
        let group = Group(path.clone());
        fs::write(path.join(file), limit.0.to_string()).map_err(failed)?;
        Ok(group)
    }

    fn add(&self, process: u32) -> Result<()> {
        let file = self.0.join("cgroup.procs");
        fs::write(&file, process.to_string()).map_err(|error| Error::io("write", &file, error))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // One that still holds a process stays; it is empty and limits nobody once that has ended.
        let _ = fs::remove_dir(&self.0);
    }
}
