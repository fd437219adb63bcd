//! The history of an Environment in words.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use plumb_delivery::ledger::{FourKeys, percentile};

use super::report::{Report, RunReport};
use crate::cli::output::printable;

/// What ran, the newest first.
pub(super) fn history(report: &Report, now: Timestamp) -> String {
    let mut text = String::new();
    if let Some(held) = &report.held {
        // Writing to a string can't fail, hence the discarded results.
        let _ = writeln!(text, "{} is held: {}\n", report.environment, printable(held));
    }
    for run in &report.runs {
        let subject = run.subject.as_deref().map(printable).unwrap_or_default();
        let _ = writeln!(text, "{}  {subject}", short(&run.revision));
        let _ = writeln!(text, "    applied {:.0}: {}", run.applied, fate(run, now));
        if let Some(request) = &run.request {
            let by = run.asked_by.as_deref().map(|by| format!("by {} ", printable(by))).unwrap_or_default();
            let _ = writeln!(text, "    asked for {by}in {}", short(request));
        }
        let gates = run.gates.iter().map(|gate| printable(&format!("{}={}", gate.name, gate.verdict)));
        let gates = gates.collect::<Vec<_>>().join(", ");
        let said = if gates.is_empty() { String::new() } else { format!(": {gates}") };
        match &run.promoted_by {
            Some(commit) => drop(writeln!(text, "    promoted by {}{said}", short(commit))),
            None if !gates.is_empty() => drop(writeln!(text, "    merged by a person{said}")),
            None => {}
        }
    }
    if report.runs.is_empty() {
        let _ = writeln!(text, "nothing ran in {} yet", report.environment);
    }
    text
}

/// How a revision fared, and how it ended.
fn fate(run: &RunReport, now: Timestamp) -> String {
    let mut words = Vec::new();
    if run.same {
        words.push("the manifests are those of the revision before".to_owned());
    } else {
        match run.healthy {
            Some(healthy) => words.push(format!("healthy after {}", duration(healthy.duration_since(run.applied)))),
            None if run.until.is_some() => words.push("never healthy".to_owned()),
            None => {}
        }
    }
    if let Some(degraded) = run.degraded {
        words.push(format!("degraded after {}", duration(degraded.duration_since(run.applied))));
    }
    if run.drifts > 0 {
        words.push(format!("drifted {} times", run.drifts));
    }
    let lasted = duration(run.until.unwrap_or(now).duration_since(run.applied));
    words.push(match (run.until, run.rolled_back, run.healthy_since) {
        (Some(_), true, _) => format!("rolled back after {lasted}"),
        (Some(_), false, _) => format!("replaced after {lasted}"),
        (None, _, Some(_)) => format!("runs for {lasted}, and is healthy"),
        (None, _, None) => format!("runs for {lasted}, and is not healthy"),
    });
    words.join("; ")
}

/// How well delivery works.
pub(super) fn metrics(environment: &str, days: u16, keys: &FourKeys) -> String {
    let percentiles = |times: &[SignedDuration]| match (percentile(times, 50), percentile(times, 90)) {
        (Some(half), Some(most)) => format!("p50 {}, p90 {}", duration(half), duration(most)),
        _ => "not known".to_owned(),
    };
    let rate = match keys.failure_percent() {
        Some(percent) => format!("{percent} % ({} of {})", keys.failures, keys.deployments),
        None => "not known".to_owned(),
    };
    let mut text = format!("{environment}, the last {days} days\n");
    let tenths = (keys.deployments * 10).checked_div(usize::from(days)).unwrap_or_default();
    let lines = [
        ("deployments", format!("{} ({}.{} a day)", keys.deployments, tenths / 10, tenths % 10)),
        ("lead time", format!("{} (from the commit until it is healthy)", percentiles(&keys.lead_times))),
        ("change failure rate", rate),
        ("time to restore", percentiles(&keys.restore_times)),
    ];
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<21}{value}");
    }
    text
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// A duration for people: its two largest units.
fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}
