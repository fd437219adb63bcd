//! What a process takes.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// What one run of a process took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// From start to end.
    pub(crate) seconds: f64,
    /// The most memory that was resident.
    pub(crate) peak_bytes: u64,
}

/// Runs a command once in this process, which must have no other children: the memory is that of the largest so far.
pub(crate) fn measure(command: &[String]) -> Result<Usage> {
    let (program, arguments) = command.split_first().context("no command")?;
    let began = Instant::now();
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(status.success(), "{} ended with {status}", command.join(" "));
    // Linux counts in KiB.
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    Ok(Usage { seconds, peak_bytes: u64::try_from(peak)?.saturating_mul(1024) })
}

/// Runs a command some times, each in a process of its own, and gives the median of each figure.
pub(crate) fn median_of(command: &[String], times: usize) -> Result<Usage> {
    let mut runs = Vec::new();
    for _ in 0..times {
        let output = Command::new(std::env::current_exe()?)
            .args(["measure", "--"])
            .args(command)
            .stdin(Stdio::null())
            .output()?;
        ensure!(
            output.status.success(),
            "{} could not be measured: {}",
            command.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        runs.push(serde_json::from_slice::<Usage>(&output.stdout)?);
    }
    Ok(Usage {
        seconds: median(runs.iter().map(|run| run.seconds)),
        peak_bytes: runs.iter().map(|run| run.peak_bytes).min().unwrap_or_default(),
    })
}

/// The value in the middle; 0 of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
