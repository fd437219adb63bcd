//! What extends the API, and custom resources.

use serde_json::Value;

use super::condition::{Condition, condition};
use super::{Health, HealthStatus};

/// Served by the API server.
pub(super) fn definition(object: &Value) -> Health {
    if let Some(names) = condition(object, "NamesAccepted").filter(Condition::is_false) {
        return Health::degraded(names.why("its names are taken"));
    }
    match condition(object, "Established") {
        Some(established) if established.is_true() => Health::healthy(),
        Some(established) if established.is_false() && established.reason != "Installing" => {
            Health::degraded(established.why("cannot be established"))
        }
        _ => Health::progressing("is not established yet"),
    }
}

/// Answered by its server.
pub(super) fn api_service(object: &Value) -> Health {
    match condition(object, "Available") {
        Some(available) if available.is_true() => Health::healthy(),
        Some(available) => Health::progressing(available.why("is not available")),
        None => Health::progressing("is not available yet"),
    }
}

/// A kind without a rule of its own: what its `Ready` condition says, or else `Available`. Without either it is healthy,
/// since nobody says otherwise; a stale one says that its controller is behind.
pub(super) fn conditions(object: &Value) -> Health {
    for kind in ["Ready", "Available"] {
        let Some(status) = stated(object, kind) else {
            continue;
        };
        return match condition(object, kind) {
            Some(found) if found.is_true() => Health::healthy(),
            Some(found) => Health::progressing(found.why(&format!("{kind} is {status}"))),
            None => super::unseen(),
        };
    }
    Health { status: HealthStatus::Healthy, message: String::new() }
}

/// The status of a condition, whatever generation it speaks of.
fn stated<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|it| it.get("type").and_then(Value::as_str) == Some(kind))?.get("status")?.as_str()
}

/// What is left to do before an object is gone: a namespace tells it, others only name their finalizers.
pub(super) fn being_deleted(object: &Value) -> String {
    const REMAINS: [&str; 5] = [
        "NamespaceDeletionDiscoveryFailure",
        "NamespaceDeletionGroupVersionParsingFailure",
        "NamespaceDeletionContentFailure",
        "NamespaceContentRemaining",
        "NamespaceFinalizersRemaining",
    ];
    let remains = REMAINS.iter().find_map(|kind| condition(object, kind).filter(Condition::is_true));
    if let Some(remains) = remains {
        return format!("is being deleted: {}", remains.why("something is left in it"));
    }
    let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    let finalizers: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
    if finalizers.is_empty() {
        "is being deleted".to_owned()
    } else {
        format!("is being deleted: waits for {}", finalizers.join(", "))
    }
}
