//! Writes the seeds of a target: real bytes from which the fuzzer starts.

use std::{env, fs, path::PathBuf, process};

/// Names the folder into which a target writes its seeds, to end then.
const VARIABLE: &str = "GRESS_FUZZ_SEEDS";

/// Writes the seeds and ends the process if the environment asks for it.
pub fn write_if_asked(seeds: fn() -> Vec<Vec<u8>>) {
    let Some(folder) = env::var_os(VARIABLE).map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).expect("the folder of the corpus can be created");
    for (at, seed) in seeds().into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{at:03}")), seed).expect("the folder of the corpus can be written");
    }
    process::exit(0);
}
