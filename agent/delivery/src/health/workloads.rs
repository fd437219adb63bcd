//! Kinds whose controllers keep a number of pods.

use serde_json::Value;

use super::condition::{Condition, condition, is_true, number, text};
use super::{Health, unseen};

/// A counter in the status: controllers leave out a zero.
fn count(object: &Value, field: &str) -> i64 {
    number(object, &format!("/status/{field}")).unwrap_or(0)
}

/// `spec.replicas`, which is 1 when nobody says otherwise.
fn wanted(object: &Value) -> i64 {
    number(object, "/spec/replicas").unwrap_or(1)
}

/// Whether the controller has seen the object at all; that it has seen this generation was checked before.
fn is_seen(object: &Value) -> bool {
    number(object, "/status/observedGeneration").is_some()
}

fn lacking(count: i64, of: i64, what: &str) -> Option<String> {
    (count < of).then(|| format!("{count} of {of} pods are {what}"))
}

/// Complete as `kubectl rollout status` sees it, and available.
pub(super) fn deployment(object: &Value) -> Health {
    if !is_seen(object) {
        return unseen();
    }
    let progressing = condition(object, "Progressing");
    if let Some(progressing) = progressing.as_ref().filter(|it| it.reason == "ProgressDeadlineExceeded") {
        return Health::degraded(progressing.why("the rollout has exceeded its deadline"));
    }
    let (wanted, replicas, updated) = (wanted(object), count(object, "replicas"), count(object, "updatedReplicas"));
    let old = replicas - updated.min(wanted);
    let missing = lacking(updated, wanted, "updated")
        .or_else(|| (old > 0).then(|| format!("old pods that are still there: {old}")))
        .or_else(|| lacking(count(object, "availableReplicas"), wanted, "available"))
        .or_else(|| lacking(count(object, "readyReplicas"), wanted, "ready"));
    let paused = is_true(object, "/spec/paused");
    if let Some(missing) = missing {
        let paused = if paused { "the rollout is paused: " } else { "" };
        let failure = condition(object, "ReplicaFailure").filter(Condition::is_true);
        let failure = failure.map_or_else(String::new, |failure| format!(": {}", failure.why("pods cannot be made")));
        return Health::progressing(format!("{paused}{missing}{failure}"));
    }
    if let Some(available) = condition(object, "Available").filter(|it| !it.is_true()) {
        return Health::progressing(available.why("is not available"));
    }
    // Without a deadline (2147483647 stands for none) the controller keeps no `Progressing` condition, and while a rollout
    // is paused it says that instead.
    let deadline = number(object, "/spec/progressDeadlineSeconds").is_some_and(|it| it != i64::from(i32::MAX));
    if deadline && !paused && progressing.is_none_or(|it| it.reason != "NewReplicaSetAvailable") {
        return Health::progressing("the rollout is not complete yet");
    }
    Health::healthy()
}

/// All pods ready and, unless a partition or `OnDelete` keeps some back, of the newest revision.
pub(super) fn stateful_set(object: &Value) -> Health {
    if !is_seen(object) {
        return unseen();
    }
    let (wanted, replicas, updated) = (wanted(object), count(object, "replicas"), count(object, "updatedReplicas"));
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    let rolling = text(object, "/spec/updateStrategy/type") != Some("OnDelete");
    let revisions = (text(object, "/status/currentRevision"), text(object, "/status/updateRevision"));
    let ready = count(object, "readyReplicas");
    // Clusters before 1.22 do not count available replicas.
    let available = number(object, "/status/availableReplicas").unwrap_or(ready);
    let missing = lacking(replicas, wanted, "there")
        .or_else(|| (replicas > wanted).then(|| format!("pods too many: {}", replicas - wanted)))
        .or_else(|| lacking(ready, wanted, "ready"))
        .or_else(|| lacking(available, wanted, "available"))
        .or_else(|| if rolling { lacking(updated, (wanted - partition).max(0), "updated") } else { None })
        .or_else(|| {
            let behind = rolling && partition == 0 && wanted > 0 && revisions.0 != revisions.1;
            behind.then(|| "the rollout is not complete yet".to_owned())
        });
    missing.map_or_else(Health::healthy, Health::progressing)
}

/// A pod on every node that should have one, and of the newest template unless `OnDelete` keeps old ones.
pub(super) fn daemon_set(object: &Value) -> Health {
    let Some(wanted) = number(object, "/status/desiredNumberScheduled").filter(|_| is_seen(object)) else {
        return unseen();
    };
    let rolling = text(object, "/spec/updateStrategy/type") != Some("OnDelete");
    let missing = lacking(count(object, "currentNumberScheduled"), wanted, "scheduled")
        .or_else(|| if rolling { lacking(count(object, "updatedNumberScheduled"), wanted, "updated") } else { None })
        .or_else(|| lacking(count(object, "numberReady"), wanted, "ready"))
        .or_else(|| lacking(count(object, "numberAvailable"), wanted, "available"));
    missing.map_or_else(Health::healthy, Health::progressing)
}

/// All pods available. A `ReplicationController` counts the same way.
pub(super) fn replica_set(object: &Value) -> Health {
    if !is_seen(object) {
        return unseen();
    }
    if let Some(failure) = condition(object, "ReplicaFailure").filter(Condition::is_true) {
        return Health::progressing(failure.why("pods cannot be made"));
    }
    let (wanted, replicas) = (wanted(object), count(object, "replicas"));
    let missing = lacking(count(object, "fullyLabeledReplicas"), wanted, "labelled")
        .or_else(|| lacking(count(object, "readyReplicas"), wanted, "ready"))
        .or_else(|| lacking(count(object, "availableReplicas"), wanted, "available"))
        .or_else(|| (replicas > wanted).then(|| format!("pods too many: {}", replicas - wanted)));
    missing.map_or_else(Health::healthy, Health::progressing)
}
