//! Gradual rollouts by other controllers than Kubernetes' own: Flagger and Argo Rollouts.

use serde_json::Value;

use super::condition::{Condition, condition, is_true, number, text};
use super::{Health, unseen};

/// Flagger's canary, by its phase (<https://docs.flagger.app/usage/how-it-works#canary-status>).
pub(super) fn canary(object: &Value) -> Health {
    let said = condition(object, "Promoted").map(|promoted| promoted.why("")).unwrap_or_default();
    let why = |phase: &str| if said.is_empty() { format!("its phase is {phase}") } else { said.clone() };
    match text(object, "/status/phase") {
        Some("Initialized" | "Succeeded") => Health::healthy(),
        Some("Failed") => Health::degraded(why("Failed")),
        _ if is_true(object, "/spec/suspend") => Health::suspended("is suspended"),
        Some(phase) if !phase.is_empty() => Health::progressing(why(phase)),
        _ => unseen(),
    }
}

/// Argo's rollout, by its phase. One that waits for a person at a step is on its way, for the new revision does not run everywhere yet.
pub(super) fn rollout(object: &Value) -> Health {
    // It is text here, and was the hash of the spec before version 1.0.
    let observed = text(object, "/status/observedGeneration").and_then(|text| text.parse::<i64>().ok());
    if let (Some(observed), Some(generation)) = (observed, number(object, "/metadata/generation"))
        && observed != generation
    {
        return unseen();
    }
    if let Some(invalid) = condition(object, "InvalidSpec").filter(Condition::is_true) {
        return Health::degraded(invalid.why("its spec is invalid"));
    }
    let said = text(object, "/status/message").filter(|message| !message.is_empty());
    match text(object, "/status/phase") {
        Some("Healthy") => Health::healthy(),
        Some("Degraded") => Health::degraded(said.unwrap_or("has failed")),
        Some("Paused") if is_true(object, "/spec/paused") => Health::suspended("is paused"),
        Some("Paused") => Health::progressing(format!("waits at a step: {}", said.unwrap_or("is paused"))),
        Some(phase) if !phase.is_empty() => Health::progressing(said.unwrap_or("is being rolled out")),
        _ => by_conditions(object),
    }
}

/// Before version 1.0 there was no phase.
fn by_conditions(object: &Value) -> Health {
    let Some(progressing) = condition(object, "Progressing") else { return unseen() };
    if matches!(progressing.reason, "ProgressDeadlineExceeded" | "RolloutAborted") {
        return Health::degraded(progressing.why("has failed"));
    }
    let available = condition(object, "Available").is_some_and(|available| available.is_true());
    match progressing.reason {
        "NewReplicaSetAvailable" if available => Health::healthy(),
        "RolloutPaused" if is_true(object, "/spec/paused") => Health::suspended("is paused"),
        _ => Health::progressing(progressing.why("is being rolled out")),
    }
}
