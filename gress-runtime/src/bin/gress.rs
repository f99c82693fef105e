//! `gress`: looks at a config without running a job.
//!
//! Exit code 0: the config is valid. 1: it is not, or its file cannot be read; each problem is a line on stderr. 2: the
//! command line is wrong.

use clap::{Args, Parser, Subcommand};
use gress_runtime::{
    Result,
    config::{Config, process_environment},
};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// Looks at the config of a Gress job without running the job.
#[derive(Parser)]
#[command(name = "gress", version)]
struct Command {
    #[command(subcommand)]
    topic: Topic,
}

#[derive(Subcommand)]
enum Topic {
    /// What a config means.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Shows every value in force and where it comes from.
    Explain {
        #[command(flatten)]
        given: Given,
        /// One JSON object a line, for each key, instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Says whether a config is valid.
    Check {
        #[command(flatten)]
        given: Given,
    },
}

#[derive(Args)]
struct Given {
    /// The config, in YAML.
    file: PathBuf,
    /// Sets a key over file and environment, as a program may; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Leaves out the variables `GRESS__…` of this process.
    #[arg(long)]
    no_environment: bool,
    /// How many keyed steps the job has; each has `parallelism` tasks, over which memory is divided.
    #[arg(long, value_name = "N", default_value_t = 1)]
    keyed_steps: u16,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("valid is KEY=VALUE, such as `parallelism=4`")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

impl Given {
    fn load(&self) -> Result<Config> {
        let environment = if self.no_environment { Vec::new() } else { process_environment()? };
        let code: Vec<_> = self.set.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        Config::load(Some(&self.file), environment, &code)
    }

    fn keyed_tasks(&self, config: &Config) -> usize {
        config.parallelism.saturating_mul(self.keyed_steps.into())
    }
}

impl ConfigCommand {
    /// What goes to stdout, and warnings.
    fn run(&self) -> Result<(String, Vec<String>)> {
        let (ConfigCommand::Explain { given, .. } | ConfigCommand::Check { given }) = self;
        let config = given.load()?;
        let explanation = config.explain(given.keyed_tasks(&config))?;
        let text = match self {
            ConfigCommand::Explain { json: true, .. } => explanation.json()?,
            ConfigCommand::Explain { .. } => explanation.to_string(),
            ConfigCommand::Check { .. } => format!("{} is valid\n", given.file.display()),
        };
        Ok((text, config.advice()))
    }
}

fn main() -> ExitCode {
    let Command { topic: Topic::Config(command) } = Command::parse();
    let (written, code) = match command.run() {
        Ok((text, advice)) => {
            let warnings: String = advice.iter().map(|sentence| format!("warning: {sentence}\n")).collect();
            let written = io::stderr().write_all(warnings.as_bytes()).and_then(|()| to_stdout(&text));
            (written, ExitCode::SUCCESS)
        }
        Err(error) => (io::stderr().write_all(format!("{error}\n").as_bytes()), ExitCode::FAILURE),
    };
    // Whoever reads through `head` has seen enough.
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => code,
    }
}

fn to_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
