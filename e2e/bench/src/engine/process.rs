//! What the agent's process takes, from `/proc`.

use anyhow::{Context as _, Result};
use e2e::agent::Agent;

/// Memory that is resident now, and the most that ever was, in MiB.
pub(super) fn memory(agent: &Agent) -> Result<(f64, f64)> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.id()?))?;
    let field = |name: &str| -> Result<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such field in /proc")?;
        let kib: f64 = line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    };
    Ok((field("VmRSS")?, field("VmHWM")?))
}

/// The CPU time that it took so far, in milliseconds; Linux counts hundredths of seconds.
pub(super) fn cpu(agent: &Agent) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", agent.id()?))?;
    let fields = stat.rsplit_once(')').context("an unknown form of /proc/PID/stat")?.1;
    // `utime` and `stime` are fields 14 and 15, and the name before the bracket is the second.
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks * 10.0)
}
