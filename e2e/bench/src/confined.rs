//! A process that may end in any way, and may not have all memory.

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use serde::{Deserialize, Serialize};

use crate::process::Usage;

/// How a process ended and what it took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) usage: Usage,
    /// None when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) errors: String,
}

/// Runs a command in a process of its own below another of this program, which counts the memory.
pub(crate) fn run(most_bytes: u64, program: &Path, arguments: &[&str]) -> Result<Ended> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["confine", &most_bytes.to_string(), "--"]).arg(program).args(arguments).stdin(Stdio::null());
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs a command once in this process, which must have no other children, with so much address space.
pub(crate) fn confine(most_bytes: u64, command: &[String]) -> Result<Ended> {
    let (program, arguments) = command.split_first().context("no command")?;
    setrlimit(Resource::RLIMIT_AS, most_bytes, most_bytes)?;
    let errors = tempfile::NamedTempFile::new()?;
    let began = Instant::now();
    let status =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(File::create(errors.path())?).status()?;
    let seconds = began.elapsed().as_secs_f64();
    // Linux counts in KiB.
    let peak = u64::try_from(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss())?.saturating_mul(1024);
    let errors = String::from_utf8_lossy(&std::fs::read(errors.path())?).into_owned();
    Ok(Ended { usage: Usage { seconds, peak_bytes: peak }, code: status.code(), errors })
}
