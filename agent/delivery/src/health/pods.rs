//! Pods, and what runs to an end.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::condition::{Condition, condition, is_true, number, text};
use super::{Health, HealthStatus};

/// How long a pod may find no node before it counts as degraded, as in kstatus: a new node takes a moment to be seen.
const SCHEDULING: SignedDuration = SignedDuration::from_secs(15);

/// Reasons for which a container waits that do not go away without a change, or have come back several times.
const FAILURES: [&str; 6] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ImagePullBackOff",
    "InvalidImageName",
];

/// Ready, or ended well.
pub(super) fn pod(object: &Value, now: Timestamp) -> Health {
    match text(object, "/status/phase") {
        Some("Succeeded") => return Health::healthy(),
        Some("Failed") => {
            let why = text(object, "/status/message").or_else(|| text(object, "/status/reason"));
            return Health::degraded(why.unwrap_or("has failed"));
        }
        Some("Unknown") => return Health::new(HealthStatus::Unknown, "its node does not answer"),
        Some("Running") if condition(object, "Ready").is_some_and(|ready| ready.is_true()) => {
            return Health::healthy();
        }
        _ => {}
    }
    if let Some(failure) = failing_container(object) {
        return Health::degraded(failure);
    }
    if let Some(scheduled) =
        condition(object, "PodScheduled").filter(|it| it.is_false() && it.reason == "Unschedulable")
    {
        let created = text(object, "/metadata/creationTimestamp").and_then(|time| time.parse::<Timestamp>().ok());
        let waited = created.is_none_or(|created| now.duration_since(created) >= SCHEDULING);
        let why = scheduled.why("no node can take it");
        return if waited { Health::degraded(why) } else { Health::progressing(why) };
    }
    match condition(object, "Ready") {
        Some(ready) if text(object, "/status/phase") == Some("Running") => {
            Health::progressing(ready.why("is not ready"))
        }
        _ => Health::progressing("has not started yet"),
    }
}

/// The first container that waits for a reason that is a failure.
fn failing_container(object: &Value) -> Option<String> {
    ["initContainerStatuses", "containerStatuses"]
        .iter()
        .filter_map(|field| object.get("status")?.get(field)?.as_array())
        .flatten()
        .find_map(|container| {
            let reason = text(container, "/state/waiting/reason").filter(|reason| FAILURES.contains(reason))?;
            let name = text(container, "/name").unwrap_or_default();
            let message = text(container, "/state/waiting/message").map(|message| format!(": {message}"));
            Some(format!("container {name}: {reason}{}", message.unwrap_or_default()))
        })
}

/// Complete.
pub(super) fn job(object: &Value) -> Health {
    for kind in ["Failed", "FailureTarget"] {
        if let Some(failed) = condition(object, kind).filter(Condition::is_true) {
            return Health::degraded(failed.why("has failed"));
        }
    }
    if condition(object, "Complete").is_some_and(|complete| complete.is_true()) {
        return Health::healthy();
    }
    if is_true(object, "/spec/suspend") {
        return Health::suspended("is suspended");
    }
    if text(object, "/status/startTime").is_none() {
        return Health::progressing("has not started yet");
    }
    let count = |field: &str| number(object, field).unwrap_or(0);
    let (succeeded, failed) = (count("/status/succeeded"), count("/status/failed"));
    // A work queue (parallelism without completions) is done when one pod ends well.
    let wanted = number(object, "/spec/completions").unwrap_or(1);
    Health::progressing(format!("{succeeded} of {wanted} pods are complete, {failed} failed"))
}

/// Argo's workflow, by its phase.
pub(super) fn workflow(object: &Value) -> Health {
    let said = text(object, "/status/message").filter(|message| !message.is_empty());
    match text(object, "/status/phase") {
        Some("Succeeded") => Health::healthy(),
        Some("Failed" | "Error") => Health::degraded(said.unwrap_or("has failed")),
        Some(phase) if !phase.is_empty() => Health::progressing(said.unwrap_or("runs")),
        _ => Health::progressing("has not started yet"),
    }
}

/// A schedule is kept by existing.
pub(super) fn cron_job(object: &Value) -> Health {
    if is_true(object, "/spec/suspend") { Health::suspended("is suspended") } else { Health::healthy() }
}
