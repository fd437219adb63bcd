//! The Gateway API: what its controllers write into conditions (<https://gateway-api.sigs.k8s.io/guides/implementers/>).

use serde_json::Value;

use super::condition::{Condition, condition_among, number};
use super::{Health, HealthStatus};

const GROUP: &str = "gateway.networking.k8s.io";

/// Taken by its controller.
pub(super) fn class(object: &Value) -> Health {
    accepted(object, object.get("status"), "no controller has taken it yet")
}

/// Taken by its controller and put to work, with all of its listeners.
pub(super) fn gateway(object: &Value) -> Health {
    let status = object.get("status");
    let accepted = accepted(object, status, "no controller has taken it yet");
    if accepted.status != HealthStatus::Healthy {
        return accepted;
    }
    let listeners = object.pointer("/status/listeners").and_then(Value::as_array);
    for listener in listeners.into_iter().flatten() {
        let name = listener.get("name").and_then(Value::as_str).unwrap_or_default();
        // A certificate that is still being issued is missing for a moment, so an unresolved reference is no failure yet.
        for kind in ["Accepted", "ResolvedRefs", "Programmed"] {
            if let Some(fault) = told(object, Some(listener), kind).filter(Condition::is_false) {
                return Health::progressing(format!("listener {name}: {}", fault.why(&format!("{kind} is False"))));
            }
        }
    }
    match told(object, status, "Programmed") {
        Some(programmed) if programmed.is_true() => Health::healthy(),
        Some(programmed) if programmed.is_false() && programmed.reason == "Invalid" => {
            Health::degraded(programmed.why("is invalid"))
        }
        Some(programmed) => Health::progressing(programmed.why("is not programmed yet")),
        None => Health::progressing("is not programmed yet"),
    }
}

/// Taken by each of the parents that it names, with all that it refers to.
pub(super) fn route(object: &Value) -> Health {
    let parents: Vec<&Value> =
        object.pointer("/status/parents").and_then(Value::as_array).into_iter().flatten().collect();
    let wanted = object.pointer("/spec/parentRefs").and_then(Value::as_array);
    let mut worst = Health::healthy();
    for reference in wanted.into_iter().flatten() {
        let name = reference.get("name").and_then(Value::as_str).unwrap_or_default();
        let same = |parent: &&&Value| {
            parent.get("parentRef").is_some_and(|other| identity(object, other) == identity(object, reference))
        };
        let mut told = parents.iter().filter(same).map(|parent| of_parent(object, parent)).peekable();
        let health = if told.peek().is_none() {
            Health::progressing("has not answered yet")
        } else {
            // Several controllers may answer for one parent.
            told.max_by_key(|health| health.status).unwrap_or_else(Health::healthy)
        };
        if health.status > worst.status {
            worst = Health::new(health.status, format!("parent {name}: {}", health.message));
        }
    }
    worst
}

fn of_parent(object: &Value, parent: &Value) -> Health {
    let accepted = accepted(object, Some(parent), "has not answered yet");
    if accepted.status != HealthStatus::Healthy {
        return accepted;
    }
    if let Some(invalid) = told(object, Some(parent), "PartiallyInvalid").filter(Condition::is_true) {
        return Health::degraded(invalid.why("some of its rules are invalid"));
    }
    match told(object, Some(parent), "ResolvedRefs") {
        // What it refers to may come with the same revision.
        Some(resolved) if resolved.is_false() && resolved.reason == "BackendNotFound" => {
            Health::progressing(resolved.why("a backend is not found"))
        }
        Some(resolved) if resolved.is_false() => Health::degraded(resolved.why("a reference can't be resolved")),
        _ => Health::healthy(),
    }
}

/// What the condition `Accepted` says in some part of a status.
fn accepted(object: &Value, within: Option<&Value>, unseen: &str) -> Health {
    match told(object, within, "Accepted") {
        Some(accepted) if accepted.is_true() => Health::healthy(),
        Some(accepted) if accepted.is_false() && !matches!(accepted.reason, "Pending" | "Waiting") => {
            Health::degraded(accepted.why("is not accepted"))
        }
        Some(accepted) => Health::progressing(accepted.why(unseen)),
        None => Health::progressing(unseen),
    }
}

fn told<'a>(object: &Value, within: Option<&'a Value>, kind: &str) -> Option<Condition<'a>> {
    condition_among(within?.get("conditions")?, kind, number(object, "/metadata/generation"))
}

/// What tells one parent from another, with the defaults of the API.
fn identity<'a>(object: &'a Value, reference: &'a Value) -> [Option<&'a str>; 5] {
    let text = |field: &str| reference.get(field).and_then(Value::as_str);
    let here = object.pointer("/metadata/namespace").and_then(Value::as_str);
    [
        text("group").or(Some(GROUP)),
        text("kind").or(Some("Gateway")),
        text("namespace").or(here),
        text("name"),
        text("sectionName"),
    ]
}
