//! What workloads are reached through, store into, and are scaled and guarded by.

use serde_json::Value;

use super::condition::{condition, number, text};
use super::{Health, unseen};

/// A load balancer needs an address; other services are ready at once.
pub(super) fn service(object: &Value) -> Health {
    let balances = text(object, "/spec/type") == Some("LoadBalancer");
    let ingress = object.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
    if balances && ingress.is_none_or(Vec::is_empty) {
        return Health::progressing("the load balancer has no address yet");
    }
    Health::healthy()
}

/// Bound to a volume.
pub(super) fn claim(object: &Value) -> Health {
    match text(object, "/status/phase") {
        Some("Bound") => Health::healthy(),
        Some("Lost") => Health::degraded("its volume is lost"),
        _ => Health::progressing("is not bound to a volume yet"),
    }
}

/// Made, whether or not a claim took it.
pub(super) fn volume(object: &Value) -> Health {
    match text(object, "/status/phase") {
        Some("Available" | "Bound" | "Released") => Health::healthy(),
        Some("Failed") => Health::degraded(text(object, "/status/message").unwrap_or("could not be reclaimed")),
        _ => Health::progressing("is not available yet"),
    }
}

/// Able to read its metrics and to scale.
pub(super) fn autoscaler(object: &Value) -> Health {
    // In v1 the conditions are hidden in an annotation, and one version is as good as another to the API server.
    if text(object, "/apiVersion") == Some("autoscaling/v1") {
        return Health::healthy();
    }
    match condition(object, "AbleToScale") {
        None => return unseen(),
        Some(able) if able.is_false() => return Health::degraded(able.why("cannot scale")),
        Some(_) => {}
    }
    match condition(object, "ScalingActive") {
        Some(active) if active.is_true() => Health::healthy(),
        // Somebody scaled the workload to zero, which turns scaling off.
        Some(active) if active.reason == "ScalingDisabled" => Health::suspended(active.why("scaling is disabled")),
        Some(active) => Health::progressing(active.why("has no metrics yet")),
        None => Health::progressing("has no metrics yet"),
    }
}

/// As many healthy pods as it guards.
pub(super) fn disruption_budget(object: &Value) -> Health {
    if number(object, "/status/observedGeneration").is_none() {
        return unseen();
    }
    if let Some(allowed) = condition(object, "DisruptionAllowed").filter(|allowed| allowed.reason == "SyncFailed") {
        return Health::progressing(allowed.why("cannot count its pods"));
    }
    let count = |field: &str| number(object, field).unwrap_or(0);
    let (healthy, desired) = (count("/status/currentHealthy"), count("/status/desiredHealthy"));
    if healthy < desired {
        return Health::progressing(format!("{healthy} of {desired} pods are healthy"));
    }
    Health::healthy()
}
